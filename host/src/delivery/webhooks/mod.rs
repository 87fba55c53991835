//! Tells applications what became of their messages, and of what came in: Standard Webhooks.
//!
//! What is to be told is written by the store together with the change itself, and stays until its receiver has taken it, or for 24 h.
//! Each origin has a task of its own (`worker`), so that one receiver that hangs or is down holds up no other, and none the delivery.
//! It is woken when something is written for it; nothing polls.
//!
//! # Source
//! Standard Webhooks specification, <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

mod body;
mod client;
mod pause;
mod sign;
mod worker;

use super::{Jitter, record};
use crate::{
    config::{self, Endpoint},
    message::{Clock, MessageId, Recipient, Text, Timestamp},
    store::{NewInbound, Store, StoreError},
    telemetry::metrics::Metrics,
};
pub use body::{MessageChanged, MessageInbound};
use client::{Client, Post};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
    time::Instant,
};
use worker::Worker;

/// Webhooks can't be sent at all.
#[derive(Debug, thiserror::Error)]
#[error(
    "no client for webhooks can be built: {0}; install the system's root certificates (Debian: ca-certificates)"
)]
pub struct ClientError(String);

/// An inbound message, as a provider hands it over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbound {
    /// The gateway through which it came.
    pub gateway: String,
    /// Who sent it.
    pub from: Recipient,
    /// To which number.
    pub to: Recipient,
    /// What it says.
    pub text: Text,
    /// When it came.
    pub at: Timestamp,
}

/// What all workers share.
struct Shared {
    store: Arc<dyn Store>,
    clock: Clock,
    jitter: Jitter,
    metrics: Arc<Metrics>,
    settings: watch::Sender<Arc<Settings>>,
    /// When everything must be over; `None` as long as the host runs.
    deadline: watch::Sender<Option<Instant>>,
}

/// Whom webhooks are sent to, and how: what a reload may change.
#[derive(Default)]
pub struct Settings {
    /// `None`: there is no secret, and nothing to be sent.
    post: Option<Box<dyn Post>>,
    /// Whom webhooks may be sent to.
    origins: BTreeSet<String>,
    /// Where inbound messages go.
    inbound: Option<Endpoint>,
}

impl Settings {
    /// Those of a configuration.
    ///
    /// # Errors
    /// No client can be built.
    pub fn new(settings: &config::Webhooks, inbound: Option<Endpoint>) -> Result<Self, ClientError> {
        let mut origins = settings.allow.clone();
        origins.extend(inbound.as_ref().map(|inbound| inbound.origin().to_owned()));
        let client = settings.secret.as_ref().map(|secret| Client::new(secret, &origins)).transpose()?;
        let post = client.map(|client| Box::new(client) as Box<dyn Post>);
        Ok(Self { post, origins, inbound })
    }

    /// Has the figures of every receiver there from the start, at zero: the first try that fails is an increase too.
    fn begin_counting(&self, metrics: &Metrics) {
        self.origins.iter().for_each(|origin| drop(metrics.origin(origin)));
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("origins", &self.origins).finish_non_exhaustive()
    }
}

/// The running webhooks.
pub struct Webhooks {
    shared: Arc<Shared>,
    workers: Mutex<Workers>,
}

#[derive(Default)]
struct Workers {
    /// Whether anything is sent yet.
    begun: bool,
    wake: HashMap<String, Arc<Notify>>,
    tasks: JoinSet<()>,
}

impl Webhooks {
    /// Ready to begin. Until then what is to be told waits.
    pub fn start(
        store: Arc<dyn Store>,
        settings: Settings,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        let jitter = Box::new(|most: Duration| most.mul_f64(fastrand::f64()));
        Self::start_with(store, settings, clock, metrics, jitter)
    }

    /// Without anybody to tell: what is in the store is kept for as long as it is worth something.
    pub fn silent(store: Arc<dyn Store>, clock: Clock, metrics: Arc<Metrics>) -> Arc<Self> {
        Self::start_with(store, Settings::default(), clock, metrics, Box::new(|most| most))
    }

    fn start_with(
        store: Arc<dyn Store>,
        settings: Settings,
        clock: Clock,
        metrics: Arc<Metrics>,
        jitter: Jitter,
    ) -> Arc<Self> {
        settings.begin_counting(&metrics);
        let (settings, deadline) = (watch::Sender::new(Arc::new(settings)), watch::Sender::new(None));
        let shared = Arc::new(Shared { store, clock, jitter, metrics, settings, deadline });
        Arc::new(Self { shared, workers: Mutex::default() })
    }

    /// Goes on with these settings; what is under way ends by those that it began with.
    pub fn switch(&self, settings: Settings) {
        settings.begin_counting(&self.shared.metrics);
        self.shared.settings.send_replace(Arc::new(settings));
        // An origin that is allowed now may have something waiting; of one that is not any more, nothing stays in memory.
        for wake in self.workers.lock().unwrap_or_else(PoisonError::into_inner).wake.values() {
            wake.notify_one();
        }
    }

    /// Begins with what is left to be told, once the host is sure to run: a start that fails must not tell what it can't put down as told.
    /// Needs a tokio runtime.
    pub fn begin(&self) {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).begun = true;
        for (origin, count) in self.shared.store.webhooks_waiting() {
            if self.shared.may_send(&origin) {
                tracing::info!(origin, webhooks = count, "webhooks were waiting at the start");
            } else {
                tracing::warn!(
                    origin,
                    webhooks = count,
                    "webhooks wait for an origin that is not allowed any more; they are dropped when they are a day old, unless it is allowed again"
                );
            }
            self.wake_origin(&origin);
        }
    }

    /// Something was written for this address: its origin's task looks.
    pub fn wake(&self, url: Option<&str>) {
        if let Some(endpoint) = url.and_then(|url| Endpoint::parse(url).ok()) {
            self.wake_origin(endpoint.origin());
        }
    }

    fn wake_origin(&self, origin: &str) {
        if self.shared.deadline.borrow().is_some() {
            return;
        }
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        if !workers.begun {
            return;
        }
        match workers.wake.get(origin) {
            Some(wake) => wake.notify_one(),
            None => {
                let wake = Arc::new(Notify::new());
                workers.wake.insert(origin.to_owned(), Arc::clone(&wake));
                workers.tasks.spawn(Worker::new(origin, wake, Arc::clone(&self.shared)).run());
            }
        }
    }

    /// Takes an inbound message, to be told to `url` under `[inbound]`. Resolves when it is on disk. Without such a URL it is dropped.
    ///
    /// # Errors
    /// The store can't keep it: the provider must not acknowledge it.
    ///
    /// # Cancellation
    /// What was begun is done.
    pub async fn inbound(self: &Arc<Self>, inbound: Inbound) -> Result<(), StoreError> {
        let Some(to) = self.shared.settings().inbound.clone() else {
            self.shared.metrics.gateway(&inbound.gateway).inbound();
            tracing::info!(
                gateway = inbound.gateway,
                from = %inbound.from,
                to = %inbound.to,
                "an inbound message was dropped: there is no `url` under [inbound]"
            );
            return Ok(());
        };
        let webhooks = Arc::clone(self);
        let stored = tokio::spawn(async move {
            let payload = Text::new(body::inbound(&inbound));
            let id = format!("in_{}", MessageId::new());
            let new = NewInbound { id, to: to.clone(), payload, at: inbound.at };
            webhooks.shared.store.inbound(new).await?;
            webhooks.shared.metrics.gateway(&inbound.gateway).inbound();
            tracing::info!(
                gateway = inbound.gateway,
                from = %inbound.from,
                to = %inbound.to,
                "an inbound message was stored"
            );
            webhooks.wake_origin(to.origin());
            Ok(())
        });
        stored.await.unwrap_or(Err(StoreError::Closed))
    }

    /// How many wait for each origin, those that are allowed and have none waiting among them.
    pub fn waiting(&self) -> Vec<(String, u64)> {
        let settings = self.shared.settings();
        let allowed = settings.origins.iter().map(|origin| (origin.clone(), 0));
        let mut waiting = allowed.collect::<BTreeMap<_, _>>();
        waiting.extend(self.shared.store.webhooks_waiting());
        waiting.into_iter().collect()
    }

    /// Begins nothing more, and lets what is being sent end until the deadline.
    pub async fn drain(&self, deadline: Instant) {
        self.shared.deadline.send_replace(Some(deadline));
        let mut tasks =
            std::mem::take(&mut self.workers.lock().unwrap_or_else(PoisonError::into_inner).tasks);
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a task for webhooks did not end as it should");
            }
        }
    }
}

impl Shared {
    fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.borrow())
    }

    fn may_send(&self, origin: &str) -> bool {
        let settings = self.settings.borrow();
        settings.post.is_some() && settings.origins.contains(origin)
    }
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhooks").field("settings", &self.shared.settings()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
