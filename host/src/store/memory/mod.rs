//! A store in memory, for a message that is delivered without a server, and for simulations: its futures are ready at once and it
//! has no threads, so that a paused clock does not run ahead of it. It keeps every promise of [`Store`] but the disk's.

mod history;
mod receipts;
mod webhooks;

use super::{
    Canceled, Front, Inserted, Next, Once, Overdue, Place, Ready, Recorded, Space, Step, Store, StoreError,
};
use crate::message::{Content, Message, MessageId, NewMessage, Progress, State, Timestamp, Validity};
use futures_util::{FutureExt as _, future::BoxFuture};
use receipts::Said;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long a request that is to be carried out once is remembered.
const REMEMBERED: Duration = Duration::from_secs(86_400);

/// Messages in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    messages: HashMap<MessageId, Entry>,
    queues: BTreeMap<String, BTreeSet<Place>>,
    /// By API key and key of the request.
    requests: HashMap<(String, String), Remembered>,
    said: Said,
    webhooks: webhooks::Kept,
    /// Every change of state: of which message, and its place among that one's.
    changes: Vec<(MessageId, usize)>,
    latest: tokio::sync::watch::Sender<u64>,
    closed: bool,
}

/// A request that is to be carried out once.
#[derive(Debug)]
struct Remembered {
    fingerprint: [u8; 32],
    at: Timestamp,
    ids: Vec<MessageId>,
}

#[derive(Debug)]
struct Entry {
    message: Message,
    content: Content,
    /// The queue that it is in, and its place there; `None` once it is finished.
    waits: Option<(String, Place)>,
    plan: Vec<String>,
    progress: Progress,
    validity: Validity,
    deadline: Timestamp,
    marked_at: Option<Timestamp>,
    /// How many of its changes stand in [`Kept::changes`].
    noted: usize,
}

impl Entry {
    fn ready(&self, gateway: &str, place: Place, content: Content) -> Ready {
        Ready {
            gateway: gateway.to_owned(),
            place,
            state: self.message.state,
            to: self.message.to.clone(),
            content,
            from: self.message.from.clone(),
            tag: self.message.tag.clone(),
            plan: self.plan.clone(),
            progress: self.progress.clone(),
            created_at: self.message.created_at,
            validity: self.validity,
            expires_at: self.message.expires_at,
            deadline: self.deadline,
            attempts: u32::try_from(self.message.attempts.len()).unwrap_or(u32::MAX),
            callback_url: self.message.callback_url.clone(),
            marked_at: self.marked_at,
        }
    }
}

impl Kept {
    /// What came of the same request before.
    fn known(&self, once: &Once) -> Option<Inserted> {
        let known = self.requests.get(&(once.api_key.clone(), once.key.clone()))?;
        if once.at.since(known.at) >= REMEMBERED {
            return None;
        }
        let same = known.fingerprint == once.fingerprint;
        Some(if same { Inserted::Known(known.ids.clone()) } else { Inserted::Conflict })
    }

    /// The message, if it is where it is expected.
    fn at(&mut self, id: MessageId, from: &(String, Place)) -> Option<&mut Entry> {
        self.messages.get_mut(&id).filter(|entry| entry.waits.as_ref() == Some(from))
    }

    fn leave(&mut self, (gateway, place): &(String, Place)) {
        if let Some(queue) = self.queues.get_mut(gateway) {
            queue.remove(place);
            if queue.is_empty() {
                self.queues.remove(gateway);
            }
        }
    }

    fn enter(&mut self, gateway: &str, place: Place) {
        self.queues.entry(gateway.to_owned()).or_default().insert(place);
    }

    fn step(&mut self, step: Step) -> Recorded {
        let Step { id, from, attempt, at, next, callback_url } = step;
        let Some(entry) = self.at(id, &from) else { return Recorded::default() };
        if let Some(attempt) = &attempt {
            entry.message.attempted(attempt.clone());
        }
        match next {
            Next::Finished { state, reason } => {
                entry.message.change(state, at, reason);
                (entry.content, entry.waits, entry.marked_at) = (Content::default(), None, None);
                self.leave(&from);
                self.webhooks.announce(id, callback_url.as_deref(), state, at);
            }
            Next::Waits { gateway, state, due_at, deadline, progress } => {
                entry.message.change(state, at, None);
                entry.message.gateway.clone_from(&gateway);
                let place = Place { due_at, ..from.1 };
                (entry.progress, entry.deadline, entry.marked_at) = (progress, deadline, None);
                entry.waits = Some((gateway.clone(), place));
                self.leave(&from);
                self.enter(&gateway, place);
            }
        }
        // After the state: receipts that came before move the message on from there.
        let recorded = match attempt {
            Some(attempt) => self.parts(id, &attempt),
            None => Recorded { taken: true, ..Recorded::default() },
        };
        self.note(id);
        recorded
    }

    /// The message as it is shown.
    fn message(&self, id: MessageId) -> Option<Message> {
        let mut message = self.messages.get(&id)?.message.clone();
        let said = self.of_parts(id, &message.gateway, &message.provider_ids);
        message.receipts = said.into_iter().flatten().collect();
        Some(message)
    }

    /// The messages at these places, without their contents.
    fn without_contents<'k>(
        &'k self,
        places: impl Iterator<Item = (&'k str, Place)> + 'k,
    ) -> impl Iterator<Item = Ready> + 'k {
        places.filter_map(|(gateway, place)| {
            let entry = self.messages.get(&place.id)?;
            Some(entry.ready(gateway, place, Content::default()))
        })
    }
}

impl MemoryStore {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers at once with what `call` makes of an open store.
    fn open<'a, T: Send + 'a>(
        &self,
        call: impl FnOnce(&mut Kept) -> Result<T, StoreError>,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        let mut kept = self.kept();
        let result = if kept.closed { Err(StoreError::Closed) } else { call(&mut kept) };
        std::future::ready(result).boxed()
    }
}

impl Store for MemoryStore {
    fn insert(
        &self,
        batch: Vec<NewMessage>,
        once: Option<Once>,
    ) -> BoxFuture<'_, Result<Inserted, StoreError>> {
        let inserted = self.open(|kept| {
            let mut ids = BTreeSet::new();
            if batch.iter().any(|new| !ids.insert(new.id) || kept.messages.contains_key(&new.id)) {
                return Err(StoreError::Damaged("a message of this id is there already".into()));
            }
            if let Some(once) = once {
                if let Some(known) = kept.known(&once) {
                    return Ok(known);
                }
                let Once { api_key, key, fingerprint, at } = once;
                let ids = batch.iter().map(|new| new.id).collect();
                kept.requests.insert((api_key, key), Remembered { fingerprint, at, ids });
            }
            for new in batch {
                let place = Place::first(&new);
                kept.enter(&new.gateway, place);
                let entry = Entry {
                    message: Message::queued(&new),
                    content: new.content,
                    waits: Some((new.gateway, place)),
                    plan: new.plan,
                    progress: Progress::default(),
                    validity: new.validity,
                    deadline: new.deadline,
                    marked_at: None,
                    noted: 0,
                };
                kept.messages.insert(new.id, entry);
                kept.note(new.id);
            }
            Ok(Inserted::Stored)
        });
        async move {
            // The answer takes its time, as that of a disk does: who asked may be gone by then.
            tokio::task::yield_now().await;
            inserted.await
        }
        .boxed()
    }

    fn known(&self, once: &Once) -> BoxFuture<'_, Result<Option<Inserted>, StoreError>> {
        self.open(|kept| Ok(kept.known(once)))
    }

    fn record(&self, batch: Arc<[Step]>) -> BoxFuture<'_, Result<Vec<Recorded>, StoreError>> {
        self.open(|kept| Ok(batch.iter().map(|step| kept.step(step.clone())).collect()))
    }

    fn mark(
        &self,
        id: MessageId,
        from: (String, Place),
        at: Timestamp,
    ) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.open(|kept| {
            let Some(entry) = kept.at(id, &from) else { return Ok(false) };
            entry.message.change(State::Sending, at, None);
            entry.marked_at = Some(at);
            kept.note(id);
            Ok(true)
        })
    }

    fn cancel(&self, id: MessageId, at: Timestamp) -> BoxFuture<'_, Result<Canceled, StoreError>> {
        self.open(|kept| {
            let Some(entry) = kept.messages.get_mut(&id) else { return Ok(Canceled::Unknown) };
            if entry.message.state != State::Queued {
                return Ok(Canceled::Refused(entry.message.state));
            }
            entry.message.change(State::Canceled, at, None);
            entry.content = Content::default();
            if let Some(from) = entry.waits.take() {
                kept.leave(&from);
            }
            kept.note(id);
            Ok(Canceled::Done)
        })
    }

    fn ready(
        &self,
        gateway: &str,
        now: Timestamp,
        limit: usize,
        max_bytes: usize,
    ) -> BoxFuture<'_, Result<Front, StoreError>> {
        self.open(|kept| {
            let Some(queue) = kept.queues.get(gateway) else { return Ok(Front::default()) };
            let later = queue.iter().map(|place| place.due_at).filter(|due_at| *due_at > now);
            let mut front = Front { next_due: later.min(), ..Front::default() };
            let mut bytes = 0;
            for &place in queue.iter().filter(|place| place.due_at <= now) {
                let Some(entry) = kept.messages.get(&place.id) else { continue };
                bytes += entry.content.len();
                front.more = front.ready.len() >= limit || (bytes > max_bytes && !front.ready.is_empty());
                if front.more {
                    break;
                }
                front.ready.push(entry.ready(gateway, place, entry.content.clone()));
            }
            Ok(front)
        })
    }

    fn planned(
        &self,
        gateway: &str,
        after: Option<Place>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Ready>, StoreError>> {
        self.open(|kept| {
            let places = kept.queues.get(gateway).into_iter().flatten().copied();
            let places = places.filter(|place| after.is_none_or(|after| *place > after));
            let found = kept.without_contents(places.map(|place| (gateway, place)));
            Ok(found.filter(|ready| !ready.plan.is_empty()).take(limit).collect())
        })
    }

    fn overdue(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Overdue, StoreError>> {
        self.open(|kept| {
            let places = kept
                .queues
                .iter()
                .flat_map(|(name, queue)| queue.iter().map(move |place| (name.as_str(), *place)));
            let (mut overdue, waiting): (Vec<_>, Vec<_>) =
                kept.without_contents(places).partition(|ready| ready.deadline <= now);
            overdue.sort_by_key(|ready| ready.deadline);
            overdue.truncate(limit);
            let next = waiting.iter().map(|ready| ready.deadline).min();
            Ok(Overdue { ready: overdue, next })
        })
    }

    fn oldest(&self) -> BoxFuture<'_, Result<Vec<(String, Timestamp)>, StoreError>> {
        self.open(|kept| {
            let since = |place: &Place| kept.messages.get(&place.id).map(|entry| entry.validity.from);
            let oldest = |queue: &BTreeSet<Place>| queue.iter().filter_map(since).min();
            Ok(kept.queues.iter().filter_map(|(name, queue)| Some((name.clone(), oldest(queue)?))).collect())
        })
    }

    fn depths(&self) -> Vec<(String, u64)> {
        self.kept().queues.iter().map(|(gateway, queue)| (gateway.clone(), queue.len() as u64)).collect()
    }

    fn message(&self, id: MessageId) -> BoxFuture<'_, Result<Option<Message>, StoreError>> {
        self.open(|kept| Ok(kept.message(id)))
    }

    fn unfinished(&self) -> u64 {
        self.kept().queues.values().map(|queue| queue.len() as u64).sum()
    }

    fn writable(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.open(|_| Ok(()))
    }

    fn space(&self) -> BoxFuture<'_, Result<Option<Space>, StoreError>> {
        self.open(|_| Ok(None))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.kept().closed = true;
        std::future::ready(()).boxed()
    }
}
