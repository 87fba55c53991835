//! A store in memory, for a message that is delivered without a server, and for simulations: its futures are ready at once and it
//! has no threads, so that a paused clock does not run ahead of it. It keeps every promise of [`Store`] but the disk's.

use super::{Finish, Place, Ready, Store, StoreError};
use crate::message::{Content, Message, MessageId, NewMessage, Timestamp};
use futures_util::{FutureExt as _, future::BoxFuture};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Messages in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    messages: HashMap<MessageId, (Message, Option<Content>, Timestamp)>,
    queues: BTreeMap<String, BTreeSet<Place>>,
    closed: bool,
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
    fn insert(&self, batch: Vec<NewMessage>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.open(|kept| {
            let mut ids = BTreeSet::new();
            if batch.iter().any(|new| !ids.insert(new.id) || kept.messages.contains_key(&new.id)) {
                return Err(StoreError::Damaged("a message of this id is there already".into()));
            }
            for new in batch {
                let place = Place { priority: new.priority, due_at: new.due_at, id: new.id };
                kept.queues.entry(new.gateway.clone()).or_default().insert(place);
                let message = Message::queued(&new);
                kept.messages.insert(new.id, (message, Some(new.content), new.due_at));
            }
            Ok(())
        })
    }

    fn finish(&self, batch: Vec<Finish>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.open(|kept| {
            for Finish { id, state, at, attempt, reason } in batch {
                let Some((message, content, due_at)) = kept.messages.get_mut(&id) else { continue };
                if message.state.is_finished() {
                    continue;
                }
                let place = Place { priority: message.priority, due_at: *due_at, id };
                if let Some(queue) = kept.queues.get_mut(&message.gateway) {
                    queue.remove(&place);
                }
                *content = None;
                message.finish(state, at, attempt, reason);
            }
            kept.queues.retain(|_, queue| !queue.is_empty());
            Ok(())
        })
    }

    fn ready(
        &self,
        gateway: &str,
        now: Timestamp,
        limit: usize,
        max_bytes: usize,
    ) -> BoxFuture<'_, Result<Vec<Ready>, StoreError>> {
        self.open(|kept| {
            let mut found = Vec::new();
            let mut bytes = 0;
            let queue = kept.queues.get(gateway).into_iter().flatten();
            for &place in queue.filter(|place| place.due_at <= now).take(limit) {
                let Some((message, Some(content), _)) = kept.messages.get(&place.id) else { continue };
                bytes += content.len();
                if bytes > max_bytes && !found.is_empty() {
                    break;
                }
                found.push(Ready {
                    place,
                    to: message.to.clone(),
                    content: content.clone(),
                    from: message.from.clone(),
                    tag: message.tag.clone(),
                    created_at: message.created_at,
                    expires_at: message.expires_at,
                    attempts: u32::try_from(message.attempts.len()).unwrap_or(u32::MAX),
                });
            }
            Ok(found)
        })
    }

    fn queues(&self) -> BoxFuture<'_, Result<Vec<(String, u64)>, StoreError>> {
        self.open(|kept| {
            Ok(kept.queues.iter().map(|(gateway, queue)| (gateway.clone(), queue.len() as u64)).collect())
        })
    }

    fn message(&self, id: MessageId) -> BoxFuture<'_, Result<Option<Message>, StoreError>> {
        self.open(|kept| Ok(kept.messages.get(&id).map(|(message, ..)| message.clone())))
    }

    fn unfinished(&self) -> u64 {
        self.kept().queues.values().map(|queue| queue.len() as u64).sum()
    }

    fn writable(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.open(|_| Ok(()))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.kept().closed = true;
        std::future::ready(()).boxed()
    }
}
