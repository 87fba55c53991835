//! A host: built from a configuration, run, drained with a deadline.

mod build;
mod check;
mod open_files;
mod origin;
mod reload;
mod scheduling;
pub mod supervisor;
mod temporary;

pub use build::load_providers;
pub use check::{Checked, check, check_with, probe};
pub use open_files::raise_limit;
pub use scheduling::prefer_batches;
pub(crate) use temporary::temporary_folder;

use crate::{
    accept::{Acceptor, Caller, Refusal, Snapshot, Wishes},
    api::{self, Api, Control as _, Door, Tls},
    config::{Config, ConfigProblems, Doubts, Reach},
    delivery::{
        Delivery, Inbox,
        webhooks::{self, ClientError, Webhooks},
    },
    gateway::Gateway,
    message::{Clock, Message, State},
    plugin::{Libraries, Registry},
    route::Routes,
    store::{
        Store,
        embedded::{ARRIVALS, EmbeddedStore, OpenError, Options},
        memory::MemoryStore,
    },
    telemetry::{
        metrics::Metrics,
        traces::{Exporting, Traces, TracesError},
    },
};
use build::{build_gateways, find_providers};
use origin::Origins;
use reload::Reloader;
use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use supervisor::Pulse;
use tokio::{
    net::TcpListener,
    sync::{Mutex, Notify},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// How long submits that are going on may take after the signal to stop.
const DRAIN: Duration = Duration::from_secs(20);

/// How often a message without a server is looked at: what it waits for is in this process.
const LOOK: Duration = Duration::from_millis(20);

/// How long the last spans of traces may take to be sent.
const FLUSH: Duration = Duration::from_secs(3);

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
    /// TLS can't be offered.
    #[error("TLS can't be offered: {0}; report it")]
    Tls(rustls::Error),
    /// Webhooks can't be sent.
    #[error(transparent)]
    Webhooks(ClientError),
    /// Traces can't be sent.
    #[error(transparent)]
    Traces(TracesError),
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
    acceptor: Arc<Acceptor>,
    reloader: Reloader,
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    exporting: Option<Exporting>,
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
        let traces = config
            .telemetry
            .otlp
            .as_ref()
            .map(|otlp| Traces::to(otlp.url()))
            .transpose()
            .map_err(StartError::Traces)?;
        let (traces, exporting) = traces.unzip();
        let metrics = Metrics::new().map_err(StartError::Metrics)?.tracing(traces.unwrap_or_default());
        let metrics = Arc::new(metrics);
        let default_dirs = Arc::<[PathBuf]>::from(default_dirs);
        let (dirs, counting) = (Arc::clone(&default_dirs), Arc::clone(&metrics));
        let prepared = tokio::task::spawn_blocking(move || prepare(config, &dirs, clock, counting));
        let prepared = prepared.await.map_err(task_failed)??;
        let Prepared { config, store, libraries, registry, gateways, origins, sink } = prepared;
        let address = config.server.listen;
        let listener =
            TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })?;
        let tls = config.server.tls.clone().map(|tls| Tls::new(tls, Arc::clone(&metrics))).transpose();
        let tls = tls.map_err(StartError::Tls)?;
        let delivery = Delivery::start_telling(gateways, Inbox::clone(&sink));
        let snapshot = Snapshot::first(Arc::new(config), Arc::new(registry), &delivery);
        let acceptor = Arc::new(Acceptor::new(Arc::clone(&store), delivery, snapshot, clock, metrics));
        let origins = Arc::new(Mutex::new(origins));
        let reloader = Reloader { acceptor: Arc::clone(&acceptor), libraries, sink, default_dirs, origins };
        Ok(Self { store, acceptor, reloader, listener, tls, exporting })
    }

    /// Its pulse, which can be taken as long as it runs.
    pub fn pulse(&self) -> Pulse {
        Pulse::of(Arc::clone(&self.store))
    }

    /// Serves until `stop` is cancelled, then drains: what is being submitted ends within 20 s, the rest stays queued. Each time that
    /// `reload` is notified, the configuration is read again.
    pub async fn run(self, stop: CancellationToken, reload: Arc<Notify>) {
        let Self { store, acceptor, reloader, listener, tls, exporting } = self;
        let gateways = acceptor.snapshot().gateways.count();
        match listener.local_addr() {
            Ok(address) => tracing::info!(%address, tls = tls.is_some(), gateways, "listening"),
            Err(error) => tracing::warn!(%error, "listening, but the address is not known"),
        }
        let ended = CancellationToken::new();
        let control = Arc::new(reloader.clone());
        let router = Api::new(Arc::clone(&acceptor), control, ended.clone()).router();
        // Dropped, and so aborted, at the end.
        let mut following = JoinSet::new();
        if let Some(tls) = &tls {
            following.spawn(Arc::clone(tls).follow());
        }
        let open = acceptor.metrics().requests.connections.clone();
        let door = Door { listener, tls, connections: open_files::connections(), open };
        let serving = tokio::spawn(api::serve(door, router, stop.clone(), ended.clone()));

        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                // What came of it is in the log.
                () = reload.notified() => supervisor::reloading(async { drop(reloader.reload().await) }).await,
            }
        }
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
        if let Some(exporting) = exporting {
            exporting.end(FLUSH).await;
        }
        let registry = Arc::clone(&acceptor.snapshot().registry);
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
    let wanted = wanted(body, &Routes::new(config.routes.clone()));
    // The others are not needed, nor are their services to be contacted.
    if config.gateways.iter().any(|gateway| wanted.contains(&gateway.name)) {
        config.gateways.retain(|gateway| wanted.contains(&gateway.name));
    }
    let config = Arc::new(config);
    let reading = Arc::clone(&config);
    let prepared = tokio::task::spawn_blocking(move || {
        let copies = |source| StartError::Copies { folder: std::env::temp_dir(), source };
        let folder = temporary_folder().map_err(copies)?;
        let registry = load_providers(&reading, &default_dirs, folder.path())?;
        let built = build_gateways(&reading, &registry, Doubts::default(), None, &Origins::default());
        let (gateways, _) = built.complete().map_err(StartError::Config)?;
        Ok((gateways, registry))
    });
    let start = SendError::Start;
    let (gateways, registry) = prepared.await.map_err(|error| start(task_failed(error)))?.map_err(start)?;
    let (store, clock) = (Arc::new(MemoryStore::default()), Clock::System);
    let metrics = Arc::new(Metrics::new().map_err(|error| start(StartError::Metrics(error)))?);
    let delivery = Delivery::start(store.clone(), gateways, clock, Arc::clone(&metrics));
    let snapshot = Snapshot::first(config, Arc::new(registry), &delivery);
    let acceptor = Acceptor::new(store, Arc::clone(&delivery), snapshot, clock, metrics);
    let wishes = Wishes { wait: true, ..Wishes::default() };
    let accepted = acceptor.accept(&acceptor.snapshot(), body, &Caller::default(), &wishes).await;
    let accepted = accepted.map_err(SendError::Refused)?;
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
    libraries: Arc<Libraries>,
    registry: Registry,
    gateways: Vec<Gateway>,
    origins: Origins,
    sink: Arc<Inbox>,
}

fn prepare(
    config: Config,
    default_dirs: &[PathBuf],
    clock: Clock,
    metrics: Arc<Metrics>,
) -> Result<Prepared, StartError> {
    let (retain, counting) = (config.store.retain, Some(Arc::clone(&metrics)));
    let options = Options { retain, clock, max_pages: None, arrivals: ARRIVALS, metrics: counting };
    // First of all, since its lock is what keeps a second host away from the copies too.
    let store = EmbeddedStore::open(&config.store.path, options).map_err(StartError::Open)?;
    let copies = config.store.path.join("plugins");
    let libraries =
        Libraries::new(&copies).map_err(|source| StartError::Copies { folder: copies, source })?;
    let registry = find_providers(&config, default_dirs, &libraries);
    let store: Arc<dyn Store> = Arc::new(store);
    // Before the gateways, whose providers may have something to say from their start on.
    let (keeping, telling) = (Arc::clone(&store), Arc::clone(&metrics));
    let settings = webhooks::Settings::new(&config.webhooks, config.inbound.clone());
    let settings = settings.map_err(StartError::Webhooks)?;
    let webhooks = Webhooks::start(keeping, settings, clock, telling);
    let sink = Arc::new(Inbox::new(Arc::clone(&store), clock, metrics, webhooks));
    let events = Arc::clone(&sink);
    let built = build_gateways(&config, &registry, Doubts::default(), Some(events), &Origins::default());
    let (gateways, origins) = built.complete().map_err(StartError::Config)?;
    let libraries = Arc::new(libraries);
    Ok(Prepared { config, store, libraries, registry, gateways, origins, sink })
}
