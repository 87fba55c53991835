//! From a configuration to providers and gateways.

use super::{
    StartError,
    origin::{Fingerprint, Origin, Origins},
};
use crate::{
    config::{Config, ConfigProblem, ConfigProblems, Doubts, Gateway as Definition},
    definitions::of_the_rest,
    gateway::Gateway,
    plugin::{Broken, Found, Handle, Instance, Libraries, Library, Registry, Sink, Standing},
};
use gatepost_provider_api::declaration::nearest;
use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Loads the providers, from the configured folders or `default_dirs`. Blocks. Every file's fate goes into the log.
///
/// # Errors
/// `copies`, the folder for private copies, can't be used.
pub fn load_providers(
    config: &Config,
    default_dirs: &[PathBuf],
    copies: &Path,
) -> Result<Registry, StartError> {
    let libraries =
        Libraries::new(copies).map_err(|source| StartError::Copies { folder: copies.to_owned(), source })?;
    Ok(find_providers(config, default_dirs, &libraries))
}

/// The same with libraries that may be loaded already.
pub(super) fn find_providers(config: &Config, default_dirs: &[PathBuf], libraries: &Libraries) -> Registry {
    let dirs = config.plugins.dirs.as_deref().unwrap_or(default_dirs);
    let registry = libraries.find(dirs, config.plugins.pins.as_ref());
    report_libraries(&registry, &Registry::default());
    registry
}

/// Says what became of each file, unless it is as it was `before`.
pub(super) fn report_libraries(registry: &Registry, before: &Registry) {
    let hash = |found: &Found| match &found.standing {
        Standing::Loaded(library) => Some(library.sha256.clone()),
        Standing::Refused(_) | Standing::Shadowed { .. } => None,
    };
    let told = |found: &Found| (found.to_string(), hash(found));
    let before = before.found().iter().map(told).collect::<HashSet<_>>();
    for found in registry.found().iter().filter(|found| !before.contains(&told(found))) {
        match &found.standing {
            Standing::Loaded(library) => {
                let identity = &library.identity;
                tracing::info!(provider = identity.name, version = identity.version, file = %found.file.display(), "provider loaded");
            }
            Standing::Refused(_) => tracing::warn!("{found}"),
            Standing::Shadowed { .. } => tracing::info!("{found}"),
        }
    }
}

/// What became of the gateways of a configuration.
#[derive(Debug, Default)]
pub(super) struct Built {
    /// Those that messages can be handed to, in the order of the configuration.
    pub(super) gateways: Vec<Gateway>,
    /// What those that are not at fault were built from.
    pub(super) origins: Origins,
    /// What is wrong with the others.
    pub(super) problems: Vec<ConfigProblem>,
    pub(super) warnings: Vec<ConfigProblem>,
    /// Gateways that are down because their provider is at fault.
    pub(super) faults: Vec<Fault>,
}

/// A provider that panics or hangs takes nothing else down: the others are served, and its gateway says why it is not.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) gateway: String,
    provider: String,
    reason: String,
    pub(super) problem: ConfigProblem,
}

impl Built {
    /// The gateways with their origins, if nothing is wrong with any of them; warnings and faults go into the log.
    pub(super) fn complete(self) -> Result<(Vec<Gateway>, Origins), ConfigProblems> {
        for warning in &self.warnings {
            tracing::warn!("{warning}");
        }
        for Fault { gateway, provider, reason, .. } in &self.faults {
            tracing::error!(gateway, provider, reason, "the gateway is down");
        }
        if self.problems.is_empty() {
            Ok((self.gateways, self.origins))
        } else {
            Err(ConfigProblems::new(self.problems))
        }
    }
}

/// Builds the gateways; what their providers have to say goes to `sink`. Blocks. `doubts` are what is open in a configuration with
/// problems of its own. Of `running` those that have not changed are taken as they are.
pub(super) fn build_gateways(
    config: &Config,
    registry: &Registry,
    doubts: Doubts,
    sink: Option<Arc<dyn Sink>>,
    running: &Origins,
) -> Built {
    let mut built = Built::default();
    for gateway in &config.gateways {
        match registry.provider(&gateway.provider) {
            Ok(library) => built.add(gateway, library, sink.clone(), running),
            // It may stand in a folder that is not known.
            Err(_) if doubts.dirs => {}
            Err(refusal) => built.problems.push(gateway.provider_problem(refusal.what, refusal.mend)),
        }
    }
    if !doubts.dirs {
        built.settings_for_nobody(config, registry);
    }
    built
}

impl Built {
    /// Settings of a provider that is not there: a slip of the pen, or a library that is to come.
    fn settings_for_nobody(&mut self, config: &Config, registry: &Registry) {
        let names = registry.libraries().map(|library| library.identity.name.as_str()).collect::<Vec<_>>();
        for (name, location) in &config.settings {
            // What a gateway names is missed there.
            let named = config.gateways.iter().any(|gateway| gateway.provider == *name);
            if named || names.contains(&name.as_str()) {
                continue;
            }
            let problem = |mend| ConfigProblem {
                location: location.clone(),
                key: format!("provider.{name}"),
                what: format!("there is no provider {name:?}"),
                mend,
            };
            match nearest(name, names.iter().copied()) {
                Some(near) => self.problems.push(problem(format!("did you mean {near:?}?"))),
                None => self.warnings.push(problem("remove its settings, or put its library there".into())),
            }
        }
    }

    fn add(
        &mut self,
        gateway: &Definition,
        library: &Arc<Library>,
        sink: Option<Arc<dyn Sink>>,
        running: &Origins,
    ) {
        let secrets = gateway.secrets(Some(&library.declaration));
        if !gateway.is_whole() {
            let found = of_the_rest(gateway, library, &secrets);
            self.problems.extend(found.iter().map(|problem| gateway.problem(problem)));
            return;
        }
        let fingerprint = Fingerprint::of(gateway, library, &secrets);
        if let Some(same) = running.get(&gateway.name).filter(|origin| origin.fingerprint == fingerprint) {
            return self.put(same.clone());
        }
        match Instance::create(library, &gateway.definition, &secrets, sink) {
            Ok((instance, warnings)) => {
                self.warnings.extend(warnings.iter().map(|warning| gateway.problem(warning)));
                self.put(Origin { fingerprint, gateway: to_run(gateway, instance) });
            }
            Err(found) => match found.iter().find(|problem| !problem.fault).or(found.first()) {
                Some(fault) if fault.fault => {
                    let reason = fault.to_string();
                    let broken = Arc::new(Broken { reason: reason.clone() });
                    let gateway_down = to_run(gateway, broken);
                    gateway_down.status.refuse(&reason);
                    self.gateways.push(gateway_down);
                    self.faults.push(Fault {
                        gateway: gateway.name.clone(),
                        provider: gateway.provider.clone(),
                        reason,
                        problem: gateway.problem(fault),
                    });
                }
                _ => self.problems.extend(found.iter().map(|problem| gateway.problem(problem))),
            },
        }
    }

    fn put(&mut self, origin: Origin) {
        self.gateways.push(origin.gateway.clone());
        self.origins.insert(origin.gateway.name.to_string(), origin);
    }
}

fn to_run(gateway: &Definition, handle: Arc<dyn Handle>) -> Gateway {
    Gateway::new(&gateway.name, handle, gateway.limits)
}
