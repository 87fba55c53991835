//! How a gateway's actor hears of changes in its queue: news that become one, so that it never fills up.

use super::actor::BUFFERED;
use crate::{
    message::{MessageId, Timestamp},
    store::{Place, Ready},
};
use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// What happened in a queue since the actor last looked.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Messages that came in, due already: at most [`BUFFERED`], the rest is read from the store.
    pub(super) handed: Vec<Ready>,
    /// The foremost place that was taken by another one.
    pub(super) foremost: Option<Place>,
    /// The places that were taken for later: the earliest.
    pub(super) later: Option<Place>,
    /// Messages that left it, canceled. As many as are canceled at once.
    pub(super) left: Vec<MessageId>,
    /// What is in memory may not be what is in the queue.
    pub(super) read_again: bool,
    /// The gateways were defined anew, this one perhaps among them.
    pub(super) redefined: bool,
}

#[derive(Debug, Default)]
pub(super) struct Mailbox {
    kept: Mutex<Kept>,
    notify: Notify,
}

#[derive(Debug, Default)]
struct Kept {
    news: News,
    /// Messages that are being stored, or were handed over and not taken yet. They come this way: whoever finds one in the store leaves it
    /// there, else it would be submitted twice. As many as are accepted at once.
    expected: HashSet<MessageId>,
}

impl Mailbox {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, change: impl FnOnce(&mut Kept)) {
        change(&mut self.kept());
        self.notify.notify_one();
    }

    /// A message is about to be stored, and will be handed over.
    pub(super) fn expect(&self, id: MessageId) {
        self.kept().expected.insert(id);
    }

    /// It is stored, and due already. One that was taken out of the queue meanwhile is none of the gateway's any more.
    pub(super) fn hand_over(&self, ready: Ready) {
        self.put(|Kept { news, expected }| {
            if news.handed.len() < BUFFERED {
                if expected.contains(&ready.place.id) {
                    news.handed.push(ready);
                }
            } else if expected.remove(&ready.place.id) {
                news.came(ready.place);
            }
        });
    }

    /// These are not, or no longer, in the queue.
    pub(super) fn withdraw(&self, ids: impl IntoIterator<Item = MessageId>) {
        self.kept().withdraw(ids);
    }

    /// Takes those out of what was read that come this way.
    pub(super) fn retain_unexpected(&self, found: &mut Vec<Ready>) {
        let kept = self.kept();
        found.retain(|ready| !kept.expected.contains(&ready.place.id));
    }

    /// How many are expected.
    pub(super) fn expected(&self) -> usize {
        self.kept().expected.len()
    }

    /// A message came in that is to be read: due already, or later.
    pub(super) fn wake(&self, place: Place, now: Timestamp) {
        let earlier = |one: Place| if one.due_at < place.due_at { one } else { place };
        self.put(|Kept { news, .. }| match place.due_at > now {
            true => news.later = Some(news.later.map_or(place, earlier)),
            false => news.came(place),
        });
    }

    /// A message left the queue.
    pub(super) fn left(&self, id: MessageId) {
        self.put(|kept| {
            kept.withdraw([id]);
            kept.news.left.push(id);
        });
    }

    /// The queue is to be read again.
    pub(super) fn read_again(&self) {
        self.put(|kept| kept.news.read_again = true);
    }

    /// The gateways were defined anew.
    pub(super) fn redefined(&self) {
        self.put(|kept| kept.news.redefined = true);
    }

    pub(super) fn take(&self) -> News {
        let mut kept = self.kept();
        let Kept { news, expected } = &mut *kept;
        for ready in &news.handed {
            expected.remove(&ready.place.id);
        }
        std::mem::take(news)
    }

    /// Resolves when something was put in since the last time that it resolved.
    pub(super) async fn woken(&self) {
        self.notify.notified().await;
    }
}

impl News {
    fn came(&mut self, place: Place) {
        self.foremost = Some(self.foremost.map_or(place, |waiting| waiting.min(place)));
    }
}

impl Kept {
    fn withdraw(&mut self, ids: impl IntoIterator<Item = MessageId>) {
        for id in ids {
            if self.expected.remove(&id) {
                self.news.handed.retain(|ready| ready.place.id != id);
            }
        }
    }
}
