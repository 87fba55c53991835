//! A bounded number of places. When all are taken, the one is given up whose peer has kept it waiting longest.
//!
//! Whoever is busy keeps its place; whoever waits for somebody outside, for the rest of a body or the next request, may lose it to a
//! newcomer. So slow peers cost nobody but themselves, however many they are.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

/// All places of a kind.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    /// How long one may wait before it can lose its place.
    patience: Duration,
    all: Mutex<All>,
    /// A place is free, or may be given up.
    changed: Notify,
}

#[derive(Debug, Default)]
struct All {
    /// Without those that were given up and still wind up.
    taken: usize,
    /// Those that wait, by when they began to: the longest first.
    waiting: BTreeMap<u64, Waiting>,
    next: u64,
}

#[derive(Debug)]
struct Waiting {
    since: Instant,
    revoked: CancellationToken,
}

/// One place. Free again when the last of its clones is dropped.
#[derive(Clone, Debug)]
pub(super) struct Place(Arc<Held>);

#[derive(Debug)]
struct Held {
    places: Arc<Places>,
    revoked: CancellationToken,
}

/// As long as this is there, its place may be given up. It holds the place too: what is free already can't be given up.
#[derive(Debug)]
pub(super) struct Waits {
    held: Arc<Held>,
    number: u64,
}

impl Places {
    pub(super) fn new(most: usize, patience: Duration) -> Arc<Self> {
        Arc::new(Self { most, patience, all: Mutex::default(), changed: Notify::new() })
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place, if need be that of another; `None` where all are busy.
    pub(super) fn try_take(self: &Arc<Self>) -> Option<Place> {
        let mut all = self.all();
        if all.taken >= self.most && !all.give_up_one(self.patience) {
            return None;
        }
        all.taken += 1;
        Some(Place(Arc::new(Held { places: Arc::clone(self), revoked: CancellationToken::new() })))
    }

    /// A place, as soon as there is one.
    pub(super) async fn take(self: &Arc<Self>) -> Place {
        loop {
            let changed = self.changed.notified();
            match self.try_take() {
                Some(place) => return place,
                None => changed.await,
            }
        }
    }

    /// Has the place given up that waits longest, though there may be others free.
    pub(super) fn give_up_one(&self) {
        self.all().give_up_one(self.patience);
    }
}

impl All {
    fn give_up_one(&mut self, patience: Duration) -> bool {
        let longest = self.waiting.first_entry().filter(|longest| longest.get().since.elapsed() >= patience);
        let Some(longest) = longest else { return false };
        longest.remove().revoked.cancel();
        self.taken -= 1;
        true
    }
}

impl Place {
    /// From now on it waits for its peer.
    pub(super) fn waits(&self) -> Waits {
        let held = Arc::clone(&self.0);
        let mut all = held.places.all();
        let number = all.next;
        all.next += 1;
        // Once is enough to be given up.
        if !self.is_revoked() {
            all.waiting.insert(number, Waiting { since: Instant::now(), revoked: held.revoked.clone() });
        }
        drop(all);
        held.places.changed.notify_one();
        Waits { held, number }
    }

    pub(super) fn is_revoked(&self) -> bool {
        self.0.revoked.is_cancelled()
    }

    /// Resolves when the place was given up.
    pub(super) async fn revoked(&self) {
        self.0.revoked.cancelled().await;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut all = self.places.all();
        if !self.revoked.is_cancelled() {
            all.taken -= 1;
        }
        drop(all);
        self.places.changed.notify_one();
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.held.places.all().waiting.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_newcomer_gets_the_place_that_waits_longest() {
        let places = Places::new(3, Duration::ZERO);
        let take = || places.try_take().unwrap();
        let (busy, first, second) = (take(), take(), take());
        assert!(places.try_take().is_none(), "all are busy");
        drop(first.waits());
        let (_second_waits, _first_waits) = (second.waits(), first.waits());
        let newcomer = take();
        assert!(second.is_revoked() && !first.is_revoked() && !busy.is_revoked());
        second.revoked().await;
        // One that was given up counts no longer, and is not counted back when it ends.
        drop(second);
        let another = take();
        assert!(first.is_revoked());
        assert!(places.try_take().is_none());
        drop((newcomer, another));
        take();
    }

    /// In whichever order both are dropped, the place is free once.
    #[tokio::test(start_paused = true)]
    async fn a_place_that_ends_while_it_waits_is_counted_once() {
        let places = Places::new(1, Duration::ZERO);
        for waits_longer in [true, false] {
            let place = places.try_take().unwrap();
            let waits = place.waits();
            if waits_longer {
                drop(place);
                drop(waits);
            } else {
                drop(waits);
                drop(place);
            }
            let all = places.all();
            assert_eq!((all.taken, all.waiting.len()), (0, 0));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_loses_a_place_before_their_time() {
        let places = Places::new(1, Duration::from_secs(10));
        let place = places.try_take().unwrap();
        let _waits = place.waits();
        tokio::time::sleep(Duration::from_secs(9)).await;
        assert!(places.try_take().is_none());
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(places.try_take().is_some() && place.is_revoked());
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_is_waited_for_until_one_ends_or_waits_itself() {
        let places = Places::new(1, Duration::ZERO);
        let place = places.take().await;
        let next = tokio::spawn({
            let places = Arc::clone(&places);
            async move { places.take().await }
        });
        tokio::task::yield_now().await;
        assert!(!next.is_finished());
        drop(place);
        let place = next.await.unwrap();
        let next = tokio::spawn({
            let places = Arc::clone(&places);
            async move { places.take().await }
        });
        tokio::task::yield_now().await;
        let _waits = place.waits();
        next.await.unwrap();
        assert!(place.is_revoked());
    }
}
