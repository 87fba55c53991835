//! What a provider gets from the host: its log, a sink for what the service sends, the signal to stop.

use super::{
    guard::{Guarded, Panicked},
    log,
    message::{Event, SubmitError},
    wire,
};
use crate::{Problem, abi::HostApiBox};
use abi_stable::std_types::RErr;
use std::{
    fmt,
    future::Future,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{runtime::Handle, sync::watch};
use tracing::{Dispatch, dispatcher, instrument::WithSubscriber as _};

/// How long a spawned task may go on after the signal to stop.
const SPAWNED_GRACE: Duration = Duration::from_secs(5);

/// The host, as one provider sees it. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    shared: Arc<Shared>,
}

struct Shared {
    gateway: String,
    host: Option<HostApiBox>,
    runtime: Handle,
    dispatch: Dispatch,
    stopped: watch::Sender<bool>,
    warnings: Mutex<Vec<Problem>>,
}

/// The host did not store an event: do not acknowledge it, the service will send it again.
#[derive(Debug)]
pub struct DeliverError(String);

impl fmt::Display for DeliverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the host did not take the event: {}", self.0)
    }
}

impl std::error::Error for DeliverError {}

impl Context {
    pub(crate) fn new(gateway: String, host: HostApiBox, runtime: Handle, root: &'static str) -> Self {
        let dispatch = log::dispatch(host.clone(), root);
        Self::build(gateway, Some(host), runtime, dispatch)
    }

    fn build(gateway: String, host: Option<HostApiBox>, runtime: Handle, dispatch: Dispatch) -> Self {
        let shared = Shared {
            gateway,
            host,
            runtime,
            dispatch,
            stopped: watch::Sender::new(false),
            warnings: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// A context without a host, for tests of a provider through its Rust interface. Events are refused, log events go to the
    /// subscriber that is the default here and now.
    ///
    /// # Errors
    /// Outside a tokio runtime.
    pub fn for_tests(gateway: &str) -> io::Result<Self> {
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        Ok(Self::build(gateway.into(), None, runtime, dispatcher::get_default(Dispatch::clone)))
    }

    /// Name of the gateway that this provider serves.
    pub fn gateway(&self) -> &str {
        &self.shared.gateway
    }

    /// Hands a receipt or an inbound message to the host. When it resolves with `Ok`, the event is on disk:
    /// acknowledge it to the service then, and not before.
    ///
    /// # Errors
    /// The host could not store it, or stops.
    pub async fn deliver(&self, event: Event) -> Result<(), DeliverError> {
        let Some(host) = &self.shared.host else {
            return Err(DeliverError("there is no host".into()));
        };
        let stored = host.deliver(event.into()).await.into_result();
        stored.map_err(|error| DeliverError(SubmitError::from(error).detail))
    }

    /// Tells the host how the link with the service is, where one is kept: `Err` says why there is none. The host shows the gateway as
    /// `down` until there is one, or until a message is accepted. Tell it at each change. Never the message's text, never a secret.
    pub async fn link(&self, link: Result<(), &str>) {
        let Some(host) = &self.shared.host else { return };
        if let RErr(error) = host.deliver(wire::link(link)).await {
            // A host of an earlier version has no place for it.
            tracing::debug!("the host does not take how the link is: {}", error.detail);
        }
    }

    /// Resolves when the gateway is stopped: by a reload or by the host's end.
    pub async fn stopped(&self) {
        let mut stopped = self.shared.stopped.subscribe();
        // The sender lives in `self`, so waiting can't fail.
        drop(stopped.wait_for(|stopped| *stopped).await);
    }

    /// Runs a task of the provider's own: a connection, a listener. Its log events reach the host (those of a bare
    /// `tokio::spawn` don't), a panic in it is logged, and it ends at the latest 5 s after [`Context::stopped`].
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let context = self.clone();
        let supervised = async move {
            let overdue = async {
                context.stopped().await;
                tokio::time::sleep(SPAWNED_GRACE).await;
            };
            tokio::select! {
                ended = Guarded::new(task) => if let Err(panicked) = ended {
                    log_panic("in a task of its own", &panicked);
                },
                () = overdue => tracing::warn!("a task of the provider did not end after the signal to stop"),
            }
        };
        self.shared.runtime.spawn(supervised.with_subscriber(self.shared.dispatch.clone()));
    }

    /// Says during `create` that something is not wrong, but worth a look: `gatepost check` prints it.
    pub fn warn(&self, problem: Problem) {
        self.shared.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(problem.as_warning());
    }

    pub(crate) fn take_warnings(&self) -> Vec<Problem> {
        std::mem::take(&mut *self.shared.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn stop(&self) {
        self.shared.stopped.send_replace(true);
    }

    pub(crate) fn runtime(&self) -> &Handle {
        &self.shared.runtime
    }

    pub(crate) fn dispatch(&self) -> &Dispatch {
        &self.shared.dispatch
    }

    /// Calls `call` as the provider's code runs: inside the runtime, its log events on the way to the host.
    pub(crate) fn enter<T>(&self, call: impl FnOnce() -> T) -> T {
        let _runtime = self.shared.runtime.enter();
        dispatcher::with_default(&self.shared.dispatch, call)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("gateway", &self.shared.gateway).finish_non_exhaustive()
    }
}

/// Logs a panic through the current subscriber. What it says is for the host alone, which redacts texts and secrets.
pub(crate) fn log_panic(doing: &str, panicked: &Panicked) {
    tracing::error!(place = panicked.place, says = panicked.says, "the provider panicked {doing}");
}
