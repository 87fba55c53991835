//! The configuration is read again while the host runs: all of it is put to use, or nothing.

use super::{
    build::{Built, build_gateways, report_libraries},
    origin::Origins,
};
use crate::{
    accept::{Acceptor, Snapshot},
    api::{Control, Edit, NotReloaded, Reloaded, Undo},
    config::{Config, ConfigProblems, Draft},
    delivery::webhooks,
    gateway::Gateways,
    plugin::{Libraries, Registry, Sink},
};
use futures_util::{FutureExt as _, future::BoxFuture};
use std::{fmt, path::PathBuf, sync::Arc};
use tokio::sync::Mutex;

/// Reloads a host.
#[derive(Clone)]
pub(super) struct Reloader {
    pub(super) acceptor: Arc<Acceptor>,
    pub(super) libraries: Arc<Libraries>,
    /// Where the events of gateways go.
    pub(super) sink: Arc<dyn Sink>,
    pub(super) default_dirs: Arc<[PathBuf]>,
    /// Whoever reloads holds it.
    pub(super) origins: Arc<Mutex<Origins>>,
}

/// A configuration that is right, with everything that it needs. Nothing of it was started.
struct Next {
    config: Config,
    registry: Registry,
    built: Built,
    /// `None`: they stay as they are.
    webhooks: Option<webhooks::Settings>,
}

impl Control for Reloader {
    fn reload(&self) -> BoxFuture<'_, Result<Reloaded, NotReloaded>> {
        self.turn(None).boxed()
    }

    fn change(&self, edit: Edit) -> BoxFuture<'_, Result<Reloaded, NotReloaded>> {
        self.turn(Some(edit)).boxed()
    }
}

impl Reloader {
    async fn turn(&self, edit: Option<Edit>) -> Result<Reloaded, NotReloaded> {
        let mut origins = Arc::clone(&self.origins).lock_owned().await;
        let reloader = self.clone();
        // To its end, whoever asked for it may hang up meanwhile.
        let ended = tokio::task::spawn_blocking(move || {
            let ended = reloader.edit_and_reload(edit, &mut origins);
            report(&ended);
            ended
        });
        ended.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a reload broke; the host goes on as before");
            Err(NotReloaded::Unusable("the reload broke; look into the log, and report it".into()))
        })
    }

    fn edit_and_reload(&self, edit: Option<Edit>, origins: &mut Origins) -> Result<Reloaded, NotReloaded> {
        let before = self.acceptor.snapshot();
        if self.acceptor.delivery().is_stopping() {
            return Err(NotReloaded::Stopping);
        }
        let undo = edit.map(|edit| edit(&before)).transpose().map_err(NotReloaded::NotEdited)?;
        let edited = Edited { undo };
        let reloaded = self.prepare(&before, origins).and_then(|next| self.switch(&before, next, origins));
        // What was opened in vain rests, and what was replaced as soon as it can.
        self.libraries.only(&self.acceptor.snapshot().registry);
        if reloaded.is_ok() {
            edited.keep();
        }
        reloaded
    }

    /// Reads and builds everything anew, but for the gateways that have not changed. What is not returned is dropped.
    fn prepare(&self, before: &Snapshot, origins: &Origins) -> Result<Next, NotReloaded> {
        let draft = Config::read(&before.config.file, &|name| std::env::var(name).ok())
            .map_err(|error| NotReloaded::Unusable(error.to_string()))?;
        let Draft { config, mut problems, doubts } = draft;
        let restart = config.needs_restart(&before.config, &problems);
        problems.extend(restart);
        if doubts.pins {
            // Which libraries may be opened is not known, and opening one runs its code.
            return Err(NotReloaded::Wrong(ConfigProblems::new(problems)));
        }
        let dirs = config.plugins.dirs.as_deref().unwrap_or(&self.default_dirs);
        let registry = self.libraries.find(dirs, config.plugins.pins.as_ref());
        report_libraries(&registry, &before.registry);
        let mut built = build_gateways(&config, &registry, doubts, Some(Arc::clone(&self.sink)), origins);
        problems.append(&mut built.problems);
        // What was down before by a fault of its provider's own may stay so; what works is not given up for it.
        let is_down = |name: &str| before.gateways.get(name).is_some() && !origins.contains_key(name);
        let faults = built.faults.iter().filter(|fault| !is_down(&fault.gateway));
        problems.extend(faults.map(|fault| fault.problem.clone()));
        if !problems.is_empty() {
            return Err(NotReloaded::Wrong(ConfigProblems::new(problems)));
        }
        let same = config.webhooks == before.config.webhooks && config.inbound == before.config.inbound;
        let webhooks = (!same).then(|| webhooks::Settings::new(&config.webhooks, config.inbound.clone()));
        let webhooks = webhooks.transpose().map_err(|error| NotReloaded::Unusable(error.to_string()))?;
        Ok(Next { config, registry, built, webhooks })
    }

    fn switch(&self, before: &Snapshot, next: Next, origins: &mut Origins) -> Result<Reloaded, NotReloaded> {
        let Next { config, registry, built, webhooks } = next;
        let warnings = config.warnings.iter().cloned().chain(built.warnings).collect();
        // First those who deliver: no request sees a gateway that nobody serves.
        let delivery = self.acceptor.delivery();
        let gateways = delivery.switch(built.gateways).map_err(|_| NotReloaded::Stopping)?;
        if let Some(settings) = webhooks {
            delivery.webhooks().switch(settings);
        }
        let reloaded = Reloaded { warnings, ..difference(&before.gateways, &gateways) };
        self.acceptor.switch(before.next(Arc::new(config), Arc::new(registry), gateways));
        *origins = built.origins;
        Ok(reloaded)
    }
}

/// A change of the files that is undone when it is dropped, unless it is kept.
struct Edited {
    undo: Option<Undo>,
}

impl Edited {
    fn keep(mut self) {
        self.undo = None;
    }
}

impl Drop for Edited {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.undo.take().map(|undo| undo()) {
            tracing::error!(%error, "a refused change of the configuration could not be undone; look at its files");
        }
    }
}

fn difference(before: &Gateways, now: &Gateways) -> Reloaded {
    let mut reloaded = Reloaded::default();
    for gateway in now.iter() {
        let name = || gateway.name.to_string();
        match before.get(&gateway.name) {
            None => reloaded.added.push(name()),
            Some(was) if was.is_same(gateway) => reloaded.kept += 1,
            Some(_) => reloaded.changed.push(name()),
        }
    }
    let removed = before.names().filter(|name| now.get(name).is_none());
    reloaded.removed = removed.map(str::to_owned).collect();
    reloaded
}

fn report(ended: &Result<Reloaded, NotReloaded>) {
    match ended {
        Ok(Reloaded { added, changed, removed, kept, warnings }) => {
            for warning in warnings {
                tracing::warn!("{warning}");
            }
            let [added, changed, removed] = [added, changed, removed].map(|names| names.join(" "));
            tracing::info!(added, changed, removed, kept, "the configuration was reloaded");
        }
        // That is for whoever asked, who is told.
        Err(NotReloaded::NotEdited(_)) => {}
        Err(NotReloaded::Wrong(problems)) => {
            for problem in problems.iter() {
                tracing::error!("{problem}");
            }
            tracing::error!(
                problems = problems.iter().count(),
                "the configuration is refused; the host goes on with the one that it has"
            );
        }
        Err(error) => {
            tracing::error!(%error, "the configuration is not reloaded; the host goes on with the one that it has")
        }
    }
}

impl fmt::Debug for Reloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloader").field("libraries", &self.libraries).finish_non_exhaustive()
    }
}
