//! What systemd hears of `gatepost serve`: that it is ready, reloading, stopping, and that it lives. The protocol is sd_notify(3); where
//! nobody listens to it (`NOTIFY_SOCKET` is not set), nothing is said.

use crate::store::{Store, StoreError};
use sd_notify::NotifyState;
use std::{sync::Arc, time::Duration};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

/// How soon a store that is busy is asked again.
const AGAIN: Duration = Duration::from_millis(100);

/// Whether a host lives.
#[derive(Clone, Debug)]
pub struct Pulse {
    store: Arc<dyn Store>,
}

impl Pulse {
    pub(super) fn of(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// How many messages wait, as soon as the store's writer has answered. `None`: it is gone, at the end of the host or before.
    ///
    /// What it answers does not count: a start from anew makes no room on a disk that is full.
    async fn beat(&self) -> Option<u64> {
        loop {
            match self.store.writable().await {
                Err(StoreError::Closed) => return None,
                // Too much waits for the writer: that is no answer of its own. It may hang.
                Err(StoreError::Busy) => sleep(AGAIN).await,
                Ok(()) | Err(_) => return Some(self.store.unfinished()),
            }
        }
    }
}

/// Tells of a host that has begun to serve, until it is aborted: as long as the host drains, it lives.
pub async fn attend(pulse: Pulse, stop: CancellationToken) {
    if std::env::var_os("NOTIFY_SOCKET").is_none() {
        return;
    }
    tell(&[NotifyState::Ready, NotifyState::Status("serving")]);
    let stopping = async {
        stop.cancelled().await;
        tell(&[NotifyState::Stopping, NotifyState::Status("stopping: submits that are going on end")]);
    };
    let living = async {
        let Some(limit) = sd_notify::watchdog_enabled() else { return };
        // Half of it, as sd_watchdog_enabled(3) has it: one late answer is no reason to end the host.
        let alive = |queued| {
            tell(&[NotifyState::Watchdog]);
            // The status of a host that stops says so until its end.
            if !stop.is_cancelled() {
                tell(&[NotifyState::Status(&format!("{queued} messages are queued"))]);
            }
        };
        live(limit / 2, || pulse.beat(), alive).await;
        if !stop.is_cancelled() {
            tracing::error!("the store's writer is gone: the watchdog is told nothing more");
        }
    };
    tokio::join!(stopping, living);
}

/// Tells of a reload from its beginning to its end, however it ended.
pub async fn reloading<T>(reload: impl Future<Output = T>) -> T {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "the clock can't be read"),
    }
    let reloaded = reload.await;
    tell(&[NotifyState::Ready]);
    reloaded
}

/// One word to the watchdog every so often, each time after the host has shown that it lives; until it is gone. A host that takes long to
/// answer is late with it, and one that does not answer says nothing.
async fn live<Beat: Future<Output = Option<u64>>>(
    every: Duration,
    mut beat: impl FnMut() -> Beat,
    mut alive: impl FnMut(u64),
) {
    let mut turns = interval(every);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        let Some(queued) = beat().await else { return };
        alive(queued);
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager can't be told");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        cell::RefCell,
        future::{pending, ready},
    };
    use tokio::time::{Instant, timeout};

    const EVERY: Duration = Duration::from_secs(30);

    /// When the watchdog was told something, in seconds from the start.
    async fn told<Beat: Future<Output = Option<u64>>>(beat: impl FnMut() -> Beat) -> Vec<u64> {
        let (start, told) = (Instant::now(), RefCell::new(Vec::new()));
        let alive = |_| told.borrow_mut().push(start.elapsed().as_secs());
        drop(timeout(Duration::from_secs(100), live(EVERY, beat, alive)).await);
        told.into_inner()
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_lives_says_so_in_time() {
        assert_eq!(told(|| ready(Some(0))).await, [0, 30, 60, 90]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_does_not_answer_says_nothing() {
        let mut beats = 0;
        let beat = || {
            beats += 1;
            let first = beats == 1;
            async move { if first { Some(0) } else { pending().await } }
        };
        assert_eq!(told(beat).await, [0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_answer_counts_when_it_comes() {
        let beat = || async {
            sleep(Duration::from_secs(45)).await;
            Some(0)
        };
        assert_eq!(told(beat).await, [45, 90]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_whose_store_is_gone_says_nothing_more() {
        let mut beats = 0;
        let beat = || {
            beats += 1;
            ready((beats < 3).then_some(0))
        };
        assert_eq!(told(beat).await, [0, 30]);
    }
}
