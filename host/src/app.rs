//! A host: built from a configuration, run, drained with a deadline.

use crate::{
    accept::{Acceptor, Caller, Refusal},
    api::{self, Api},
    config::{Config, ConfigProblem, ConfigProblems},
    delivery::Delivery,
    gateway::{Gateway, GatewayState},
    message::{Clock, Message},
    plugin::{Broken, Instance, Registry, Standing},
    store::{
        Store, StoreError,
        embedded::{EmbeddedStore, OpenError, Options},
        memory::MemoryStore,
    },
};
use gatepost_provider_api::Problem;
use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long submits that are going on may take after the signal to stop.
const DRAIN: Duration = Duration::from_secs(20);

/// How long the runtimes of the provider libraries may take to end.
const STOP_RUNTIME: Duration = Duration::from_secs(2);

/// Why a host does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is wrong, as its providers see it.
    #[error(transparent)]
    Config(ConfigProblems),
    /// The store can't be opened.
    #[error(transparent)]
    Open(OpenError),
    /// The store can't be read.
    #[error("the store can't be read: {0}; look at the disk under it")]
    Store(StoreError),
    /// The private copies of the providers can't be made.
    #[error("the folder {} for copies of the providers can't be used: {source}; make it writable", .folder.display())]
    Copies {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The address can't be had.
    #[error(
        "can't listen on {address}: {source}; end what listens there, or correct `listen` under [server]"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// A host that is ready to run.
#[derive(Debug)]
pub struct App {
    store: Arc<dyn Store>,
    registry: Registry,
    acceptor: Arc<Acceptor>,
    config: Config,
    listener: TcpListener,
}

/// Loads the providers, from the configured folders or `default_dirs`. Blocks. Every file's fate goes into the log.
///
/// # Errors
/// `copies`, the folder for private copies, can't be used.
pub fn load_providers(
    config: &Config,
    default_dirs: &[PathBuf],
    copies: &Path,
) -> Result<Registry, StartError> {
    let dirs = config.plugins.dirs.as_deref().unwrap_or(default_dirs);
    let registry = Registry::load(dirs, config.plugins.pins.as_ref(), copies)
        .map_err(|source| StartError::Copies { folder: copies.to_owned(), source })?;
    for found in registry.found() {
        match &found.standing {
            Standing::Loaded(library) => {
                let identity = &library.identity;
                tracing::info!(provider = identity.name, version = identity.version, file = %found.file.display(), "provider loaded");
            }
            Standing::Refused(_) => tracing::warn!("{found}"),
            Standing::Shadowed { .. } => tracing::info!("{found}"),
        }
    }
    Ok(registry)
}

/// Builds the gateways. Blocks.
///
/// # Errors
/// Every problem of all of them.
pub fn build_gateways(config: &Config, registry: &Registry) -> Result<Vec<Gateway>, ConfigProblems> {
    let mut problems = Vec::new();
    let gateways =
        config.gateways.iter().filter_map(|gateway| build_gateway(gateway, registry, &mut problems));
    let gateways = gateways.collect();
    if problems.is_empty() {
        return Ok(gateways);
    }
    problems.sort_by(|one, other| one.location.cmp(&other.location));
    // What is wrong with the settings of a provider is wrong for each of its gateways.
    problems.dedup();
    Err(ConfigProblems(problems))
}

fn build_gateway(
    gateway: &crate::config::Gateway,
    registry: &Registry,
    problems: &mut Vec<ConfigProblem>,
) -> Option<Gateway> {
    let built = |handle| {
        Gateway::new(&gateway.name, handle, gateway.valid_for, gateway.submit_timeout, gateway.max_in_flight)
    };
    let library = match registry.provider(&gateway.provider) {
        Ok(library) => library,
        Err(refusal) => {
            problems.push(gateway.provider_problem(refusal.what, refusal.mend));
            return None;
        }
    };
    let secrets = gateway.secrets(Some(&library.declaration));
    match Instance::create(library, &gateway.definition, &secrets) {
        Ok((instance, warnings)) => {
            for warning in &warnings {
                tracing::warn!("{}", gateway.problem(warning));
            }
            Some(built(instance))
        }
        // A plugin that panics takes nothing else down: the others are served, and this one says why it is not.
        Err(found) if found.iter().all(|problem| problem.fault) => {
            let reason = found.first().map(Problem::to_string).unwrap_or_default();
            tracing::error!(
                gateway = gateway.name,
                provider = gateway.provider,
                reason,
                "the gateway is down"
            );
            Some(Gateway { state: GatewayState::Down, ..built(Arc::new(Broken { reason })) })
        }
        Err(found) => {
            problems.extend(found.iter().map(|problem| gateway.problem(problem)));
            None
        }
    }
}

impl App {
    /// Opens the store, loads the providers, builds the gateways, starts the delivery, and listens.
    ///
    /// # Errors
    /// Why not; nothing is left running.
    pub async fn start(config: Config, default_dirs: Vec<PathBuf>) -> Result<Self, StartError> {
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        let clock = Clock::System;
        let prepared = tokio::task::spawn_blocking(move || prepare(config, &default_dirs, clock)).await;
        let (config, store, registry, gateways) = prepared.map_err(task_failed)??;
        let address = config.server.listen;
        let listener =
            TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })?;
        let delivery =
            Delivery::start(Arc::clone(&store), gateways, clock).await.map_err(StartError::Store)?;
        let acceptor = Arc::new(Acceptor::new(Arc::clone(&store), delivery, clock, config.store.max_queued));
        Ok(Self { store, registry, acceptor, config, listener })
    }

    /// Serves until `stop` is cancelled, then drains: what is being submitted ends within 20 s, the rest stays queued.
    pub async fn run(self, stop: CancellationToken) {
        let Self { store, registry, acceptor, config, listener } = self;
        match listener.local_addr() {
            Ok(address) => tracing::info!(%address, gateways = config.gateways.len(), "listening"),
            Err(error) => tracing::warn!(%error, "listening, but the address is not known"),
        }
        let ended = CancellationToken::new();
        let router = Api::new(Arc::clone(&acceptor), config.api_keys, ended.clone()).router();
        let serving = tokio::spawn(api::serve(listener, router, stop.clone(), ended.clone()));

        stop.cancelled().await;
        tracing::info!(
            queued = store.unfinished(),
            "stopping: submits that are going on get {} s",
            DRAIN.as_secs()
        );
        let drained = acceptor.delivery().drain(DRAIN).await;
        ended.cancel();
        if let Err(error) = serving.await {
            tracing::error!(%error, "the API did not end as it should");
        }
        store.close().await;
        let stopped = tokio::task::spawn_blocking(move || {
            for library in registry.libraries() {
                library.stop_runtime(STOP_RUNTIME);
            }
        });
        if let Err(error) = stopped.await {
            tracing::error!(%error, "the providers did not end as they should");
        }
        tracing::info!(
            finished = drained.finished,
            cut_off = drained.cut_off,
            queued = store.unfinished(),
            "stopped"
        );
    }
}

/// Why a message was not taken without a server.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// There is no host to take it.
    #[error(transparent)]
    Start(StartError),
    /// The message itself.
    #[error(transparent)]
    Refused(Refusal),
}

/// Delivers one message without server and store: returns it as it stands after its end, or after `wait`.
///
/// # Errors
/// Why it was not taken.
pub async fn send_once(
    mut config: Config,
    default_dirs: Vec<PathBuf>,
    body: &serde_json::Value,
    wait: Duration,
) -> Result<Message, SendError> {
    let wanted = body.get("gateway").and_then(serde_json::Value::as_str);
    // The others are not needed, nor are their services to be contacted.
    if config.gateways.iter().any(|gateway| Some(gateway.name.as_str()) == wanted) {
        config.gateways.retain(|gateway| Some(gateway.name.as_str()) == wanted);
    }
    let prepared = tokio::task::spawn_blocking(move || {
        let copies = |source| StartError::Copies { folder: std::env::temp_dir(), source };
        let folder = tempfile::tempdir().map_err(copies)?;
        let registry = load_providers(&config, &default_dirs, folder.path())?;
        build_gateways(&config, &registry).map_err(StartError::Config)
    });
    let start = SendError::Start;
    let gateways = prepared.await.map_err(|error| start(task_failed(error)))?.map_err(start)?;
    let (store, clock) = (Arc::new(MemoryStore::default()), Clock::System);
    let delivery = Delivery::start(store.clone(), gateways, clock)
        .await
        .map_err(|error| start(StartError::Store(error)))?;
    let acceptor = Acceptor::new(store, Arc::clone(&delivery), clock, 1);
    let accepted = acceptor.accept(body, &Caller::default(), true).await.map_err(SendError::Refused)?;
    let ended = match accepted.finished {
        Some(mut finished) => tokio::time::timeout(wait, finished.finished()).await.ok().flatten(),
        None => None,
    };
    delivery.drain(Duration::ZERO).await;
    Ok(ended.unwrap_or(accepted.message))
}

fn task_failed(error: tokio::task::JoinError) -> StartError {
    StartError::Copies { folder: PathBuf::new(), source: io::Error::other(error) }
}

type Prepared = (Config, Arc<dyn Store>, Registry, Vec<Gateway>);

fn prepare(config: Config, default_dirs: &[PathBuf], clock: Clock) -> Result<Prepared, StartError> {
    let options = Options { retain: config.store.retain, clock, max_pages: None };
    // First of all, since its lock is what keeps a second host away from the copies too.
    let store = EmbeddedStore::open(&config.store.path, options).map_err(StartError::Open)?;
    let registry = load_providers(&config, default_dirs, &config.store.path.join("plugins"))?;
    let gateways = build_gateways(&config, &registry).map_err(StartError::Config)?;
    Ok((config, Arc::new(store), registry, gateways))
}
