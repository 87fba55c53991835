//! From a message that is due to its end.
//!
//! Each gateway has a task of its own (`actor`), which outlives its definitions (`tenure`), so that a reload loses sight of nothing: its
//! queue in the store, a bounded piece of it in memory, the submits that are going on, its rate, its pause, its breaker. An accept hands
//! it what was stored (`arrivals`); nothing polls. What becomes of a message is decided in one place,
//! `decide`, recorded (`record`), and told to whoever waits (`hub`). Messages that wait for a gateway which can't be used go on to
//! another of their route (`sweep`); those whose time passes are ended on time (`lapse`). Applications hear of it by `webhooks`.

mod actor;
mod arrivals;
mod decide;
mod hub;
mod lapse;
mod mailbox;
mod receipts;
mod record;
mod respelt;
mod roster;
mod submit;
mod sweep;
mod tenure;
mod trace;
pub mod webhooks;

use crate::{
    gateway::{Changes, Gateway, Gateways},
    message::{Clock, MessageId, NewMessage, Outcome, State, Timestamp},
    plugin::ReceiptRequest,
    store::{Canceled, Place, Store, StoreError},
    telemetry::metrics::{GatewayFigures, Metrics, Running},
};
use actor::Actor;
pub use arrivals::Arrivals;
use decide::{View, World};
use futures_util::future::join_all;
use hub::Hub;
pub use hub::Ticket;
use lapse::Lapse;
pub use receipts::Inbox;
use respelt::Respelling;
use roster::{Roster, Seat};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
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
    roster: watch::Sender<Arc<Roster>>,
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
    /// Who takes part now.
    fn roster(&self) -> Arc<Roster> {
        Arc::clone(&self.roster.borrow())
    }

    fn seat(&self, name: &str) -> Option<Arc<Seat>> {
        self.roster.borrow().seats.get(name).cloned()
    }

    /// Decides, with a look at the world as it is now.
    fn decide<T>(&self, decide: impl FnOnce(&World<'_>) -> T) -> T {
        let roster = self.roster();
        let gateway = |name: &str| {
            let gateway = roster.gateways.get(name)?;
            let limits = &gateway.limits;
            Some(View { valid_for: limits.valid_for, retry: limits.retry, usable: gateway.is_usable() })
        };
        decide(&World { now: self.clock.now(), gateway: &gateway, jitter: &*self.jitter })
    }

    fn wake(&self, gateway: &str, place: Place) {
        if let Some(seat) = self.seat(gateway) {
            seat.mailbox.wake(place, self.clock.now());
        }
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

/// The host is stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host is stopping")]
pub struct Stopping;

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
        let gateways = Arc::new(gateways.into_iter().collect::<Gateways>());
        let waiting = depths.iter().map(|(name, _)| Arc::from(name.as_str()));
        let (roster, names) = Roster::default().next(Arc::clone(&gateways), waiting);
        let shared = Arc::new(Shared {
            clock,
            roster: watch::Sender::new(Arc::new(roster)),
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
        let waited = depths.iter().map(|(name, _)| name.clone()).collect();
        for (name, messages) in depths {
            if gateways.get(&name).is_some() {
                tracing::info!(gateway = name, messages, "messages were queued at the start");
            } else {
                gone(&name, messages);
            }
        }
        let mut actors = JoinSet::new();
        employ(&mut actors, &shared, names);
        actors.spawn(lapse::run(Arc::clone(&shared)));
        actors.spawn(respelt::run(Arc::clone(&shared), waited));
        shared.webhooks.begin();
        Arc::new(Self { shared, actors: Mutex::new(actors) })
    }

    /// The gateways as they are defined now.
    pub fn gateways(&self) -> Arc<Gateways> {
        Arc::clone(&self.shared.roster().gateways)
    }

    /// Goes on with these gateways. One that is there already, the same running thing, goes on as it is; in place of one with another
    /// definition the new one starts at once, while what is in flight ends through the old one; one that is gone hands its queue over, and
    /// takes up what is left of it when it comes back. A breaker that `misconfigured` opened closes. Returns them as they run.
    ///
    /// # Errors
    /// The host is stopping: nothing was changed, and none was started.
    pub fn switch(&self, gateways: Vec<Gateway>) -> Result<Arc<Gateways>, Stopping> {
        // A drain takes the actors after it has said that it begins: either it takes these too, or they are not made.
        let mut actors = self.actors.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_stopping() {
            return Err(Stopping);
        }
        let before = self.shared.roster();
        let gateways = Arc::new(gateways.into_iter().collect::<Gateways>());
        let depths = self.shared.store.depths();
        let waiting = depths.iter().map(|(name, _)| Arc::from(name.as_str()));
        let (roster, new) = before.next(Arc::clone(&gateways), waiting);
        self.shared.roster.send_replace(Arc::new(roster));
        employ(&mut actors, &self.shared, new);
        for (name, messages) in depths {
            if before.gateways.get(&name).is_some() && gateways.get(&name).is_none() {
                gone(&name, messages);
            }
        }
        let kept =
            |gateway: &&Gateway| before.gateways.get(&gateway.name).is_some_and(|was| was.is_same(gateway));
        for gateway in gateways.iter().filter(kept) {
            if gateway.status.forgive() {
                tracing::info!(
                    gateway = &*gateway.name,
                    "the gateway's breaker closes: its definition may be mended"
                );
            }
        }
        for seat in before.seats.values() {
            seat.mailbox.redefined();
        }
        // What waits for a gateway that can't be used may find another one.
        self.shared.changes.tell();
        Ok(gateways)
    }

    /// What the gateways look like now, those that only have a queue left among them. How old their oldest message is the store has to
    /// say `within` this time. All providers are asked for theirs at once, and none is waited for longer than a second.
    pub async fn figures(&self, within: Duration) -> Vec<GatewayFigures> {
        let now = self.shared.clock.now();
        let oldest = tokio::time::timeout(within, self.shared.store.oldest()).await.ok().and_then(Result::ok);
        let oldest = oldest.map(|oldest| oldest.into_iter().collect::<BTreeMap<_, _>>());
        let running = |gateway: &Gateway| Running {
            breaker: gateway.status.breaker(),
            state: gateway.describe().0.as_str(),
            max_in_flight: gateway.limits.max_in_flight,
            valid_for: gateway.limits.valid_for,
        };
        let roster = self.shared.roster();
        let provided = roster
            .gateways
            .iter()
            .map(async |gateway| (gateway.name.to_string(), gateway.handle.figures().await));
        let mut provided = join_all(provided).await.into_iter().collect::<BTreeMap<_, _>>();
        let defined = roster.gateways.iter();
        let defined = defined.map(|gateway| (gateway.name.to_string(), Some(running(gateway)), 0));
        let mut figures = defined.collect::<Vec<_>>();
        for (name, depth) in self.shared.store.depths() {
            match figures.iter_mut().find(|(known, ..)| *known == name) {
                Some((_, _, known)) => *known = depth,
                None => figures.push((name, None, depth)),
            }
        }
        let figures = figures.into_iter().map(|(name, running, depth)| {
            let since = |oldest: &BTreeMap<_, _>| {
                oldest.get(&name).map_or(Duration::ZERO, |oldest| now.since(*oldest))
            };
            let oldest = oldest.as_ref().map(since);
            let in_flight =
                roster.seats.get(name.as_str()).map(|seat| seat.in_flight.load(Ordering::Relaxed));
            let provided = provided.remove(&name).unwrap_or_default();
            GatewayFigures {
                name,
                running,
                depth,
                oldest,
                in_flight: in_flight.unwrap_or_default(),
                provided,
            }
        });
        figures.collect()
    }

    /// Of one gateway: the messages that wait for it, and the submits whose outcome is not yet on disk.
    pub fn load(&self, gateway: &str) -> (u64, u64) {
        let depths = self.shared.store.depths();
        let depth = depths.into_iter().find(|(name, _)| name == gateway).map(|(_, depth)| depth);
        let roster = self.shared.roster();
        let in_flight = roster.seats.get(gateway).map(|seat| seat.in_flight.load(Ordering::Relaxed));
        (depth.unwrap_or_default(), in_flight.unwrap_or_default() as u64)
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

    /// These are about to be stored in their gateways' queues.
    pub fn expect(&self, batch: &[NewMessage]) -> Arrivals {
        Arrivals::expected(&self.shared, batch)
    }

    /// Takes receipts that the service behind a gateway posted; resolves when they are on disk. How many there were.
    ///
    /// # Errors
    /// Why not. The service is to send all of them again: what is stored already does no harm.
    pub async fn receipts(&self, gateway: &str, request: ReceiptRequest) -> Result<usize, ReceiptRefusal> {
        let gateway = self.gateways().get(gateway).cloned().ok_or(ReceiptRefusal::NoSuchGateway)?;
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
            let seat = message.as_ref().and_then(|message| shared.seat(&message.gateway));
            match (&result, seat) {
                (Ok(Canceled::Done), Some(seat)) => seat.mailbox.left(id),
                // A gateway may have passed it over.
                (_, Some(seat)) => {
                    shared.hub.forget(id);
                    seat.mailbox.read_again();
                }
                (_, None) => shared.hub.forget(id),
            }
            if let (Ok(Canceled::Done), Some(message)) = (&result, message) {
                submit::canceled(&message, &shared);
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

/// An actor for each of these names.
fn employ(actors: &mut JoinSet<Drained>, shared: &Arc<Shared>, names: Vec<Arc<str>>) {
    for name in names {
        if let Some(seat) = shared.seat(&name) {
            actors.spawn(Actor::new(name, seat, Arc::clone(shared)).run());
        }
    }
}

fn gone(name: &str, messages: u64) {
    tracing::warn!(
        gateway = name,
        messages,
        "messages wait for a gateway that is not in the configuration; those of a route go on to its others, the rest expire unless it comes back"
    );
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
        f.debug_struct("Delivery").field("gateways", &self.gateways()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
