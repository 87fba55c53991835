//! How an accept wakes a gateway's actor: a mailbox of one.

use crate::store::Place;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// The foremost place that was taken in the queue since the actor last looked. It never fills up: news that is not fetched yet
/// becomes one with what comes after.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    foremost: Mutex<Option<Place>>,
    notify: Notify,
}

impl Mailbox {
    pub(super) fn wake(&self, place: Place) {
        {
            let mut foremost = self.foremost.lock().unwrap_or_else(PoisonError::into_inner);
            *foremost = Some(foremost.map_or(place, |waiting| waiting.min(place)));
        }
        self.notify.notify_one();
    }

    pub(super) fn take(&self) -> Option<Place> {
        self.foremost.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Resolves when something was put in since the last time that it resolved.
    pub(super) async fn woken(&self) {
        self.notify.notified().await;
    }
}
