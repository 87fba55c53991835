//! Everything that is wrong with a configuration, without serving it.

use super::{StartError, build::build_gateways, load_providers, origin::Origins, temporary_folder};
use crate::{
    config::{ConfigProblem, ConfigProblems, Draft},
    gateway::Gateway,
    message::Outcome,
    plugin::{Found, Registry, Standing},
};
use std::path::PathBuf;

/// What there is to say of a configuration.
#[derive(Debug)]
pub struct Checked {
    /// The gateways that could be built. They are not started.
    pub gateways: Vec<Gateway>,
    /// What is wrong: with the files, and with the definitions as their providers see them.
    pub problems: ConfigProblems,
    /// What is not wrong, but worth a look.
    pub warnings: ConfigProblems,
    /// Libraries that were refused.
    pub refused: Vec<Found>,
}

/// Loads the providers and builds every gateway that could be read, whatever is wrong with the others. Opens no store, listens
/// nowhere, contacts nobody. Blocks.
///
/// # Errors
/// There is no room for the private copies of the libraries.
pub fn check(draft: Draft, default_dirs: &[PathBuf]) -> Result<Checked, StartError> {
    if draft.doubts.pins {
        // Which libraries may be opened is not known, and opening one runs its code.
        return Ok(Checked {
            gateways: Vec::new(),
            problems: ConfigProblems::new(draft.problems),
            warnings: ConfigProblems::new(draft.config.warnings),
            refused: Vec::new(),
        });
    }
    let copies = |source| StartError::Copies { folder: std::env::temp_dir(), source };
    // An opened library stays open when its file is gone.
    let folder = temporary_folder().map_err(copies)?;
    let registry = load_providers(&draft.config, default_dirs, folder.path())?;
    Ok(check_with(draft, &registry))
}

/// The same, with providers that are loaded already. Blocks.
pub fn check_with(draft: Draft, registry: &Registry) -> Checked {
    let Draft { config, mut problems, doubts } = draft;
    let built = build_gateways(&config, registry, doubts, None, &Origins::default());
    problems.extend(built.problems);
    problems.extend(built.faults.into_iter().map(|fault| fault.problem));
    let warnings = config.warnings.into_iter().chain(built.warnings).collect::<Vec<ConfigProblem>>();
    let refused = registry.found().iter().filter(|found| matches!(found.standing, Standing::Refused(_)));
    Checked {
        gateways: built.gateways,
        problems: ConfigProblems::new(problems),
        warnings: ConfigProblems::new(warnings),
        refused: refused.cloned().collect(),
    }
}

/// [Probes](Gateway::probe) a gateway that was never started, and stops it.
///
/// # Errors
/// What a submit would come to.
pub async fn probe(gateway: &Gateway) -> Result<String, Outcome> {
    let probed = gateway.probe().await;
    std::sync::Arc::clone(&gateway.handle).stop().await;
    probed
}
