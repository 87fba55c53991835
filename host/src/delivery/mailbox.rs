//! How a gateway's actor hears of changes in its queue: news that become one, so that it never fills up.

use crate::{message::MessageId, store::Place};
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// What happened in a queue since the actor last looked.
#[derive(Debug, Default)]
pub(super) struct News {
    /// The foremost place that was taken.
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
    news: Mutex<News>,
    notify: Notify,
}

impl Mailbox {
    fn put(&self, change: impl FnOnce(&mut News)) {
        change(&mut self.news.lock().unwrap_or_else(PoisonError::into_inner));
        self.notify.notify_one();
    }

    /// A message came in, due already.
    pub(super) fn wake(&self, place: Place) {
        self.put(|news| news.foremost = Some(news.foremost.map_or(place, |waiting| waiting.min(place))));
    }

    /// A message came in, due later.
    pub(super) fn wake_later(&self, place: Place) {
        let earlier = |one: Place| if one.due_at < place.due_at { one } else { place };
        self.put(|news| news.later = Some(news.later.map_or(place, earlier)));
    }

    /// A message left the queue.
    pub(super) fn left(&self, id: MessageId) {
        self.put(|news| news.left.push(id));
    }

    /// The queue is to be read again.
    pub(super) fn read_again(&self) {
        self.put(|news| news.read_again = true);
    }

    /// The gateways were defined anew.
    pub(super) fn redefined(&self) {
        self.put(|news| news.redefined = true);
    }

    pub(super) fn take(&self) -> News {
        std::mem::take(&mut *self.news.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Resolves when something was put in since the last time that it resolved.
    pub(super) async fn woken(&self) {
        self.notify.notified().await;
    }
}
