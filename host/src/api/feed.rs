//! The last changes of state, read once for all streams of events.
//!
//! Streams that are up to date, which nearly all are nearly always, cost the store nothing. One that is behind reads on its own until it
//! has caught up, as fast as its client takes what it reads.

use super::places::{self, Places};
use crate::{
    accept::Acceptor,
    message::{Message, as_json},
    store::{Change, StoreError},
};
use std::{
    collections::VecDeque,
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Streams at once; over it: 503, unless a client of one has taken nothing for a while: it has the rest sent when it comes again.
const STREAMS: usize = 256;
const PATIENCE: Duration = Duration::from_secs(10);

/// Changes that are kept for all, about two seconds of a busy host: 2 MB.
const RECENT: usize = 1024;

/// Changes in one read: for all, and for one that is behind, which may hold them for as long as its client takes nothing.
const BATCH: usize = 200;
const BATCH_BEHIND: usize = 50;

/// After a store that can't be read.
const RETRY: Duration = Duration::from_secs(1);

/// A change, as everybody is told of it.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) number: u64,
    pub(super) message: Message,
    event: OnceLock<String>,
}

impl Told {
    fn of(change: Change) -> Arc<Self> {
        Arc::new(Self { number: change.number, message: change.message, event: OnceLock::new() })
    }

    /// The event, written down for the first one who wants it.
    pub(super) fn event(&self) -> &str {
        self.event.get_or_init(|| {
            let mut event = String::new();
            // JSON has no line breaks in it; a String takes whatever is written.
            let written =
                write!(event, "id: {}\nevent: message\ndata: {}\n\n", self.number, as_json(&self.message));
            written.map_or_else(|_| String::new(), |()| event)
        })
    }
}

/// What all streams share.
#[derive(Debug)]
pub(super) struct Feed {
    acceptor: Arc<Acceptor>,
    ending: CancellationToken,
    places: Arc<Places>,
    recent: Mutex<Recent>,
    /// Up to which number the recent changes go.
    read: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Recent {
    /// Every change after `after`, up to `end`.
    changes: VecDeque<Arc<Told>>,
    after: u64,
    end: u64,
    /// Whether somebody reads on: as long as there are streams.
    is_read: bool,
}

/// A place among the streams. It knows when there is more to tell.
#[derive(Debug)]
pub(super) struct Place {
    feed: Arc<Feed>,
    read: watch::Receiver<u64>,
    /// Lost to another when the client takes nothing.
    pub(super) place: places::Place,
}

impl Feed {
    pub(super) fn new(acceptor: Arc<Acceptor>, ending: CancellationToken) -> Arc<Self> {
        let places = Places::new(STREAMS, PATIENCE);
        Arc::new(Self { acceptor, ending, places, recent: Mutex::default(), read: watch::Sender::default() })
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more stream, and the number of the last change; `None` if there are too many.
    pub(super) fn join(self: &Arc<Self>) -> Option<(Place, u64)> {
        let place = self.places.try_take()?;
        let latest = *self.acceptor.latest_change().borrow();
        let mut recent = self.recent();
        let place = Place { feed: Arc::clone(self), read: self.read.subscribe(), place };
        if !recent.is_read {
            *recent = Recent { changes: VecDeque::new(), after: latest, end: latest, is_read: true };
            self.read.send_replace(latest);
            // A task of its own: it goes on whether the client of this or that stream takes anything or not.
            tokio::spawn(Arc::clone(self).read_on());
        }
        Some((place, latest))
    }

    /// Reads what comes to be on disk, until there are no streams or the host ends.
    async fn read_on(self: Arc<Self>) {
        let mut latest = self.acceptor.latest_change();
        loop {
            let end = {
                let mut recent = self.recent();
                // Whoever joins holds the same lock: nobody is left without a reader.
                if self.read.receiver_count() == 0 || self.ending.is_cancelled() {
                    *recent = Recent::default();
                    return;
                }
                recent.end
            };
            let last = tokio::select! {
                () = self.ending.cancelled() => continue,
                last = latest.wait_for(|last| *last > end) => last.map(|last| *last),
            };
            // The store is gone, and the host with it.
            let Ok(last) = last else { return };
            match self.acceptor.changes(end, BATCH).await {
                Ok(changes) => self.put(changes, last),
                Err(error) => {
                    if !matches!(error, StoreError::Closed) {
                        tracing::warn!(%error, "changes can't be read for the streams of events");
                    }
                    tokio::select! {
                        () = self.ending.cancelled() => {}
                        () = tokio::time::sleep(RETRY) => {}
                    }
                }
            }
        }
    }

    /// What was read after the end, when `last` was the last change that was told: what is later comes next time.
    fn put(&self, changes: Vec<Change>, last: u64) {
        let is_all = changes.len() < BATCH;
        let mut recent = self.recent();
        let before = recent.changes.len();
        recent.changes.extend(changes.into_iter().filter(|change| change.number <= last).map(Told::of));
        let is_all = is_all || recent.changes.len() - before < BATCH;
        recent.end = if is_all { last } else { recent.changes.back().map_or(last, |change| change.number) };
        while recent.changes.len() > RECENT {
            recent.after = recent.changes.pop_front().map_or(recent.after, |change| change.number);
        }
        self.read.send_replace(recent.end);
    }
}

impl Place {
    /// Changes after `position`, and the position behind them; none where `position` is up to date.
    pub(super) async fn after(&self, position: u64) -> Result<(Vec<Arc<Told>>, u64), StoreError> {
        let (after, end) = {
            let recent = self.feed.recent();
            if position >= recent.after {
                let from = recent.changes.partition_point(|change| change.number <= position);
                let found = recent.changes.iter().skip(from).take(BATCH_BEHIND).cloned().collect::<Vec<_>>();
                let is_all = from + found.len() == recent.changes.len();
                let behind = if is_all { recent.end.max(position) } else { last_of(&found, position) };
                return Ok((found, behind));
            }
            (recent.after, recent.end)
        };
        // A task of its own: a client that takes nothing may keep this future from going on, and a read that it began holds up others.
        let acceptor = Arc::clone(&self.feed.acceptor);
        let read = tokio::spawn(async move { acceptor.changes(position, BATCH_BEHIND).await });
        let mut changes = read.await.unwrap_or(Err(StoreError::Closed))?;
        changes.retain(|change| change.number <= end);
        // What is missing in between is no longer kept.
        let behind = if changes.len() < BATCH_BEHIND { after } else { position };
        let found = changes.into_iter().map(Told::of).collect::<Vec<_>>();
        let behind = last_of(&found, behind).max(behind);
        Ok((found, behind))
    }

    /// Resolves when there is more than `position`.
    pub(super) async fn more_than(&mut self, position: u64) {
        if self.read.wait_for(|read| *read > position).await.is_err() {
            // The feed lives as long as this place.
            std::future::pending().await
        }
    }
}

fn last_of(changes: &[Arc<Told>], otherwise: u64) -> u64 {
    changes.last().map_or(otherwise, |change| change.number)
}
