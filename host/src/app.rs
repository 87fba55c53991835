//! A host: built from a configuration, run, drained with a deadline.

mod build;
mod check;
mod temporary;

pub use build::load_providers;
pub use check::{Checked, check, check_with, probe};
pub(crate) use temporary::temporary_folder;

use crate::{
    accept::{Acceptor, Caller, Refusal, Wishes},
    api::{self, Api},
    config::{Config, ConfigProblems, Doubts, Reach},
    delivery::{
        Delivery, Inbox,
        webhooks::{ClientError, Webhooks},
    },
    gateway::Gateway,
    message::{Clock, Message, State},
    plugin::Registry,
    route::Routes,
    store::{
        Store,
        embedded::{EmbeddedStore, OpenError, Options},
        memory::MemoryStore,
    },
    telemetry::metrics::Metrics,
};
use build::build_gateways;
use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long submits that are going on may take after the signal to stop.
const DRAIN: Duration = Duration::from_secs(20);

/// How often a message without a server is looked at: what it waits for is in this process.
const LOOK: Duration = Duration::from_millis(20);

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
    /// The figures can't be kept.
    #[error("the metrics can't be kept: {0}; report it")]
    Metrics(prometheus::Error),
    /// The private copies of the providers can't be made.
    #[error("the folder {} for copies of the providers can't be used: {source}; make it writable", .folder.display())]
    Copies {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Webhooks can't be sent.
    #[error(transparent)]
    Webhooks(ClientError),
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
        let metrics = Arc::new(Metrics::new().map_err(StartError::Metrics)?);
        let counting = Arc::clone(&metrics);
        let prepared =
            tokio::task::spawn_blocking(move || prepare(config, &default_dirs, clock, counting)).await;
        let Prepared { config, store, registry, gateways, inbox } = prepared.map_err(task_failed)??;
        let address = config.server.listen;
        let listener =
            TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })?;
        let delivery = Delivery::start_telling(gateways, inbox);
        let routes = Routes::new(config.routes.clone());
        let max_queued = config.store.max_queued;
        let acceptor = Acceptor::new(Arc::clone(&store), delivery, routes, clock, max_queued, metrics);
        let acceptor = Arc::new(acceptor.allowing(config.webhooks.allow.clone()));
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
    let routes = Routes::new(config.routes.clone());
    let wanted = wanted(body, &routes);
    // The others are not needed, nor are their services to be contacted.
    if config.gateways.iter().any(|gateway| wanted.contains(&gateway.name)) {
        config.gateways.retain(|gateway| wanted.contains(&gateway.name));
    }
    let prepared = tokio::task::spawn_blocking(move || {
        let copies = |source| StartError::Copies { folder: std::env::temp_dir(), source };
        let folder = temporary_folder().map_err(copies)?;
        let registry = load_providers(&config, &default_dirs, folder.path())?;
        build_gateways(&config, &registry, Doubts::default(), None).complete().map_err(StartError::Config)
    });
    let start = SendError::Start;
    let gateways = prepared.await.map_err(|error| start(task_failed(error)))?.map_err(start)?;
    let (store, clock) = (Arc::new(MemoryStore::default()), Clock::System);
    let metrics = Arc::new(Metrics::new().map_err(|error| start(StartError::Metrics(error)))?);
    let delivery = Delivery::start(store.clone(), gateways, clock, Arc::clone(&metrics));
    let acceptor = Acceptor::new(store, Arc::clone(&delivery), routes, clock, 1, metrics);
    let wishes = Wishes { wait: true, key: None };
    let accepted = acceptor.accept(body, &Caller::default(), &wishes).await.map_err(SendError::Refused)?;
    let id = accepted.message.id;
    let mut last = accepted.message;
    let round_over = async {
        let mut looks = tokio::time::interval(LOOK);
        let mut finished = accepted.finished;
        loop {
            // There is nobody who would wait for another round.
            if last.state == State::Queued && !last.attempts.is_empty() {
                return;
            }
            tokio::select! {
                Some(ended) = async { finished.as_mut()?.finished().await } => {
                    last = ended;
                    return;
                }
                _ = looks.tick() => {}
            }
            if let Ok(Some(message)) = acceptor.message(id).await {
                last = message;
            }
        }
    };
    // What is known by then counts.
    tokio::time::timeout(wait, round_over).await.unwrap_or_default();
    delivery.drain(Duration::ZERO).await;
    Ok(last)
}

/// The gateways that a message may go through; none where it can't be told.
fn wanted(body: &serde_json::Value, routes: &Routes) -> Vec<String> {
    let text = |name: &str| body.get(name).and_then(serde_json::Value::as_str);
    let route = match (text("gateway"), text("route")) {
        (Some(gateway), _) => return vec![gateway.to_owned()],
        (None, Some(name)) => routes.named(name),
        (None, None) => text("to").and_then(|to| routes.fitting(to, text("tag"), &Reach::default())),
    };
    route.map(|route| route.gateways().to_vec()).unwrap_or_default()
}

fn task_failed(error: tokio::task::JoinError) -> StartError {
    StartError::Copies { folder: PathBuf::new(), source: io::Error::other(error) }
}

struct Prepared {
    config: Config,
    store: Arc<dyn Store>,
    registry: Registry,
    gateways: Vec<Gateway>,
    inbox: Inbox,
}

fn prepare(
    config: Config,
    default_dirs: &[PathBuf],
    clock: Clock,
    metrics: Arc<Metrics>,
) -> Result<Prepared, StartError> {
    let (retain, counting) = (config.store.retain, Some(Arc::clone(&metrics)));
    let options = Options { retain, clock, max_pages: None, metrics: counting };
    // First of all, since its lock is what keeps a second host away from the copies too.
    let store = EmbeddedStore::open(&config.store.path, options).map_err(StartError::Open)?;
    let registry = load_providers(&config, default_dirs, &config.store.path.join("plugins"))?;
    let store: Arc<dyn Store> = Arc::new(store);
    // Before the gateways, whose providers may have something to say from their start on.
    let (keeping, telling) = (Arc::clone(&store), Arc::clone(&metrics));
    let webhooks = Webhooks::start(keeping, &config.webhooks, config.inbound.clone(), clock, telling)
        .map_err(StartError::Webhooks)?;
    let inbox = Inbox::new(Arc::clone(&store), clock, metrics, webhooks);
    let built = build_gateways(&config, &registry, Doubts::default(), Some(Arc::new(inbox.clone())));
    let gateways = built.complete().map_err(StartError::Config)?;
    Ok(Prepared { config, store, registry, gateways, inbox })
}
