//! From a message that is due to its end.
//!
//! Each gateway has a task of its own (`actor`): its queue in the store, a bounded piece of it in memory, the submits that are
//! going on, its rate, its pause, its breaker. An accept wakes it; nothing polls. What becomes of a message is decided in one place,
//! `decide`, recorded (`record`), and told to whoever waits (`hub`). Messages that wait for a gateway which can't be used go on to
//! another of their route (`sweep`); those whose time passes are ended on time (`lapse`). Applications hear of it by `webhooks`.

mod actor;
mod decide;
mod hub;
mod lapse;
mod mailbox;
mod receipts;
mod record;
mod respelt;
mod submit;
mod sweep;
pub mod webhooks;

use crate::{
    gateway::{Availability, Changes, Gateway, GatewayState},
    message::{Clock, MessageId, Outcome, State, Timestamp},
    plugin::ReceiptRequest,
    store::{Canceled, Place, Store, StoreError},
    telemetry::metrics::{GatewayFigures, Metrics},
};
use actor::Actor;
use decide::{View, World};
use hub::Hub;
pub use hub::Ticket;
use lapse::Lapse;
use mailbox::Mailbox;
pub use receipts::Inbox;
use respelt::Respelling;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, task::JoinSet, time::Instant};
use webhooks::Webhooks;

/// Says how long a pause of at most the given span is to be, by chance.
pub type Jitter = Box<dyn Fn(Duration) -> Duration + Send + Sync>;

/// How long webhooks under way may take at the end: what is cut off goes out again after the next start.
const WEBHOOKS: Duration = Duration::from_secs(3);

/// What every part of the delivery shares.
struct Shared {
    store: Arc<dyn Store>,
    clock: Clock,
    gateways: BTreeMap<Arc<str>, (Gateway, Arc<Mailbox>)>,
    hub: Hub,
    inbox: Inbox,
    respelling: Arc<Respelling>,
    lapse: Lapse,
    /// Tells of gateways that became usable, or ceased to be.
    changes: Changes,
    jitter: Jitter,
    metrics: Arc<Metrics>,
    webhooks: Arc<Webhooks>,
    /// When everything must be over; `None` as long as the host runs.
    deadline: watch::Sender<Option<Instant>>,
}

impl Shared {
    /// Decides, with a look at the world as it is now.
    fn decide<T>(&self, decide: impl FnOnce(&World<'_>) -> T) -> T {
        let gateway = |name: &str| {
            let (gateway, _) = self.gateways.get(name)?;
            let limits = &gateway.limits;
            Some(View {
                valid_for: limits.valid_for,
                retry: limits.retry,
                on_uncertain: limits.on_uncertain,
                usable: gateway.status.availability() == Availability::Usable,
            })
        };
        decide(&World { now: self.clock.now(), gateway: &gateway, jitter: &*self.jitter })
    }

    fn wake(&self, gateway: &str, place: Place) {
        let Some((_, mailbox)) = self.gateways.get(gateway) else { return };
        if place.due_at > self.clock.now() { mailbox.wake_later(place) } else { mailbox.wake(place) }
    }

    fn watch_deadline(&self, deadline: Timestamp) {
        self.lapse.watch(deadline);
    }
}

/// The running delivery: one actor a gateway.
pub struct Delivery {
    shared: Arc<Shared>,
    actors: Mutex<JoinSet<Drained>>,
}

/// Why receipts were not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptRefusal {
    /// The gateway is not there.
    #[error("there is no such gateway")]
    NoSuchGateway,
    /// Its provider reads no receipts.
    #[error("its provider reads no receipts")]
    NotRead,
    /// The provider found none.
    #[error("the provider did not take it: {}", .0.kind)]
    Provider(Outcome),
    /// They could not be stored.
    #[error(transparent)]
    Store(StoreError),
}

/// What a drain left behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Submits that were going on and ended in time.
    pub finished: usize,
    /// Submits that were cut off; their messages are submitted again after the next start.
    pub cut_off: usize,
}

impl Delivery {
    /// Starts the gateways, and with them the delivery of what is queued, without webhooks.
    pub fn start(
        store: Arc<dyn Store>,
        gateways: Vec<Gateway>,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        let webhooks = Webhooks::silent(Arc::clone(&store), clock, Arc::clone(&metrics));
        Self::start_telling(gateways, Inbox::new(store, clock, metrics, webhooks))
    }

    /// The same with the inbox into which the providers of these gateways put what they have to say, and its webhooks.
    pub fn start_telling(gateways: Vec<Gateway>, inbox: Inbox) -> Arc<Self> {
        let jitter = Box::new(|most: Duration| most.mul_f64(fastrand::f64()));
        Self::start_with(gateways, inbox, jitter)
    }

    /// The same with chances of the caller's own.
    pub fn start_with(gateways: Vec<Gateway>, inbox: Inbox, jitter: Jitter) -> Arc<Self> {
        let Inbox { store, clock, metrics, webhooks, respelling, .. } = inbox.clone();
        let depths = store.depths();
        let running =
            gateways.into_iter().map(|gateway| (Arc::clone(&gateway.name), (gateway, Arc::default())));
        let shared = Arc::new(Shared {
            clock,
            gateways: running.collect(),
            hub: Hub::default(),
            inbox,
            respelling,
            lapse: Lapse::default(),
            changes: Changes::default(),
            jitter,
            metrics,
            store,
            webhooks,
            deadline: watch::Sender::new(None),
        });
        let mut actors = JoinSet::new();
        for (gateway, mailbox) in shared.gateways.values() {
            // Not waited for: a service that is slow to bind holds up neither the start nor the other gateways.
            actors.spawn(Actor::new(gateway.clone(), Arc::clone(mailbox), Arc::clone(&shared)).run());
        }
        actors.spawn(lapse::run(Arc::clone(&shared)));
        let waited = depths.iter().map(|(name, _)| name.clone()).collect();
        actors.spawn(respelt::run(Arc::clone(&shared), waited));
        shared.webhooks.begin();
        for (name, count) in depths {
            if shared.gateways.contains_key(name.as_str()) {
                tracing::info!(gateway = name, messages = count, "messages were queued at the start");
            } else {
                tracing::warn!(
                    gateway = name,
                    messages = count,
                    "messages wait for a gateway that is not in the configuration; those of a route go on to its others, the rest expire unless it comes back"
                );
                let shared = Arc::clone(&shared);
                actors.spawn(async move {
                    if let Err(error) = sweep::queue(&name, &shared, decide::away).await {
                        tracing::warn!(gateway = name, %error, "the queue can't be handed over");
                    }
                    Drained::default()
                });
            }
        }
        Arc::new(Self { shared, actors: Mutex::new(actors) })
    }

    /// The gateway of this name.
    pub fn gateway(&self, name: &str) -> Option<&Gateway> {
        self.shared.gateways.get(name).map(|(gateway, _)| gateway)
    }

    /// Names of the gateways, sorted.
    pub fn gateway_names(&self) -> impl Iterator<Item = &str> {
        self.shared.gateways.keys().map(|name| &**name)
    }

    /// Each gateway's state.
    pub fn states(&self) -> Vec<(String, GatewayState)> {
        let gateways = self.shared.gateways.iter();
        gateways.map(|(name, (gateway, _))| (name.to_string(), gateway.status.describe().0)).collect()
    }

    /// What the gateways look like now, those that only have a queue left among them.
    ///
    /// # Errors
    /// The store can't be read.
    pub async fn figures(&self) -> Result<Vec<GatewayFigures>, StoreError> {
        let now = self.shared.clock.now();
        let oldest = self.shared.store.oldest().await?.into_iter().collect::<BTreeMap<_, _>>();
        let mut figures = self
            .shared
            .gateways
            .iter()
            .map(|(name, (gateway, _))| (name.to_string(), Some(gateway.status.breaker()), 0))
            .collect::<Vec<_>>();
        for (name, depth) in self.shared.store.depths() {
            match figures.iter_mut().find(|(known, ..)| *known == name) {
                Some((_, _, known)) => *known = depth,
                None => figures.push((name, None, depth)),
            }
        }
        let figures = figures.into_iter().map(|(name, breaker, depth)| {
            let oldest = oldest.get(&name).map(|oldest| now.since(*oldest));
            GatewayFigures { name, breaker, depth, oldest }
        });
        Ok(figures.collect())
    }

    /// Where what services say goes.
    #[cfg(test)]
    pub(crate) fn inbox(&self) -> &Inbox {
        &self.shared.inbox
    }

    /// What tells applications.
    pub fn webhooks(&self) -> &Arc<Webhooks> {
        &self.shared.webhooks
    }

    /// Whether a message would be submitted through this gateway now, and why, for people.
    pub fn availability(&self, name: &str) -> (bool, String) {
        match self.gateway(name) {
            Some(gateway) => {
                (gateway.status.availability() == Availability::Usable, gateway.status.describe().1)
            }
            None => (false, "there is no such gateway".into()),
        }
    }

    /// The first gateway of a plan that can be used now, else the first that there is, else the first.
    pub fn first_usable(&self, plan: &[String]) -> String {
        let usable = |name: &&String| self.availability(name).0;
        let known = |name: &&String| self.gateway(name).is_some();
        let found = plan.iter().find(usable).or_else(|| plan.iter().find(known)).or(plan.first());
        found.cloned().unwrap_or_default()
    }

    /// A message was stored in this gateway's queue, and its time passes at `deadline`.
    pub fn wake(&self, gateway: &str, place: Place, deadline: Timestamp) {
        self.shared.wake(gateway, place);
        self.shared.watch_deadline(deadline);
    }

    /// Takes receipts that the service behind a gateway posted; resolves when they are on disk. How many there were.
    ///
    /// # Errors
    /// Why not. The service is to send all of them again: what is stored already does no harm.
    pub async fn receipts(&self, gateway: &str, request: ReceiptRequest) -> Result<usize, ReceiptRefusal> {
        let gateway = self.gateway(gateway).ok_or(ReceiptRefusal::NoSuchGateway)?;
        if !gateway.handle.parses_receipts() {
            return Err(ReceiptRefusal::NotRead);
        }
        let events = gateway.handle.parse_receipts(request).await.map_err(ReceiptRefusal::Provider)?;
        let count = events.len();
        self.shared.inbox.take(&gateway.name, events).await.map_err(ReceiptRefusal::Store)?;
        Ok(count)
    }

    /// Cancels a message that is `queued`.
    ///
    /// # Errors
    /// The store can't do it.
    ///
    /// # Cancellation
    /// What was begun is done.
    pub async fn cancel(&self, id: MessageId) -> Result<Canceled, StoreError> {
        if !self.shared.hub.cancel(id) {
            return Ok(Canceled::Refused(State::Sending));
        }
        let shared = Arc::clone(&self.shared);
        let canceling = tokio::spawn(async move {
            let result = shared.store.cancel(id, shared.clock.now()).await;
            let message = shared.store.message(id).await.ok().flatten();
            let mailbox = message.as_ref().and_then(|message| shared.gateways.get(message.gateway.as_str()));
            match (&result, mailbox) {
                (Ok(Canceled::Done), Some((_, mailbox))) => mailbox.left(id),
                // A gateway may have passed it over.
                (_, Some((_, mailbox))) => {
                    shared.hub.forget(id);
                    mailbox.read_again();
                }
                (_, None) => shared.hub.forget(id),
            }
            if let (Ok(Canceled::Done), Some(message)) = (&result, message) {
                tracing::info!(%id, gateway = message.gateway, state = message.state.as_str(), attempts = message.attempts.len(), "message finished");
                shared.metrics.finished(&message.gateway, message.state.as_str(), None);
                shared.hub.finished(&message);
            }
            result
        });
        canceling.await.unwrap_or(Err(StoreError::Closed))
    }

    /// A ticket for this message's end. To be taken before the message is stored, so that its end can't be missed.
    pub fn ticket(&self, id: MessageId) -> Ticket {
        self.shared.hub.ticket(id)
    }

    /// Since when a submission of this message has been going on.
    pub fn sending_since(&self, id: MessageId) -> Option<Timestamp> {
        self.shared.hub.sending_since(id)
    }

    /// Whether the host is stopping.
    pub fn is_stopping(&self) -> bool {
        self.shared.deadline.borrow().is_some()
    }

    /// Takes nothing more from the queues, lets the submits that are going on end until the deadline, and stops the providers.
    pub async fn drain(&self, within: Duration) -> Drained {
        let deadline = Instant::now() + within;
        self.shared.deadline.send_replace(Some(deadline));
        let mut actors = std::mem::take(&mut *self.actors.lock().unwrap_or_else(PoisonError::into_inner));
        let webhooks = self.shared.webhooks.drain(deadline.min(Instant::now() + WEBHOOKS));
        let (total, ()) = tokio::join!(all_ended(&mut actors), webhooks);
        total
    }
}

async fn all_ended(actors: &mut JoinSet<Drained>) -> Drained {
    let mut total = Drained::default();
    while let Some(ended) = actors.join_next().await {
        match ended {
            Ok(drained) => {
                total.finished += drained.finished;
                total.cut_off += drained.cut_off;
            }
            Err(error) => tracing::error!(%error, "a gateway's task did not end as it should"),
        }
    }
    total
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery").field("gateways", &self.shared.gateways.keys()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
