//! From a message that is due to its outcome.
//!
//! Each gateway has a task of its own (`actor`): its queue in the store, a bounded piece of it in memory, the submits that are
//! going on. An accept wakes it; nothing polls. What a submit came to is decided in `verdict`, recorded, and told to whoever
//! waits (`hub`).

mod actor;
mod hub;
mod mailbox;
mod orphans;
mod submit;
mod verdict;

use crate::{
    gateway::{Gateway, GatewayState},
    message::{Clock, MessageId, Timestamp},
    store::{Place, Store, StoreError},
};
use actor::Actor;
use hub::Hub;
pub use hub::Ticket;
use mailbox::Mailbox;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, task::JoinSet, time::Instant};

/// What every part of the delivery shares.
struct Shared {
    store: Arc<dyn Store>,
    clock: Clock,
    hub: Hub,
    /// When everything must be over; `None` as long as the host runs.
    deadline: watch::Sender<Option<Instant>>,
}

/// The running delivery: one actor a gateway.
pub struct Delivery {
    shared: Arc<Shared>,
    gateways: BTreeMap<Arc<str>, (Gateway, Arc<Mailbox>)>,
    actors: Mutex<JoinSet<Drained>>,
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
    /// Starts the gateways, and with them the delivery of what is queued.
    ///
    /// # Errors
    /// The store can't be read.
    pub async fn start(
        store: Arc<dyn Store>,
        gateways: Vec<Gateway>,
        clock: Clock,
    ) -> Result<Arc<Self>, StoreError> {
        let queues = store.queues().await?;
        let shared =
            Arc::new(Shared { store, clock, hub: Hub::default(), deadline: watch::Sender::new(None) });
        let mut actors = JoinSet::new();
        let mut running = BTreeMap::new();
        for gateway in gateways {
            let mailbox = Arc::new(Mailbox::default());
            // Not waited for: a service that is slow to bind holds up neither the start nor the other gateways.
            actors.spawn(Actor::new(gateway.clone(), Arc::clone(&mailbox), Arc::clone(&shared)).run());
            running.insert(Arc::clone(&gateway.name), (gateway, mailbox));
        }
        for (name, count) in queues {
            if running.contains_key(name.as_str()) {
                tracing::info!(gateway = name, messages = count, "messages were queued at the start");
            } else {
                tracing::warn!(
                    gateway = name,
                    messages = count,
                    "messages wait for a gateway that is not in the configuration; they expire unless it comes back"
                );
                actors.spawn(orphans::expire(name, Arc::clone(&shared)));
            }
        }
        Ok(Arc::new(Self { shared, gateways: running, actors: Mutex::new(actors) }))
    }

    /// The gateway of this name.
    pub fn gateway(&self, name: &str) -> Option<&Gateway> {
        self.gateways.get(name).map(|(gateway, _)| gateway)
    }

    /// Names of the gateways, sorted.
    pub fn gateway_names(&self) -> impl Iterator<Item = &str> {
        self.gateways.keys().map(|name| &**name)
    }

    /// Each gateway's state.
    pub fn states(&self) -> Vec<(String, GatewayState)> {
        self.gateways.iter().map(|(name, (gateway, _))| (name.to_string(), gateway.state)).collect()
    }

    /// A message was stored in this gateway's queue.
    pub fn wake(&self, gateway: &str, place: Place) {
        if let Some((_, mailbox)) = self.gateways.get(gateway) {
            mailbox.wake(place);
        }
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
        self.shared.deadline.send_replace(Some(Instant::now() + within));
        let mut actors = std::mem::take(&mut *self.actors.lock().unwrap_or_else(PoisonError::into_inner));
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
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery").field("gateways", &self.gateways.keys()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
