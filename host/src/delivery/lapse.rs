//! Messages whose time passes while they wait: ended on time, whichever queue they are in and whatever its gateway does.

use super::{Drained, Shared, record, submit};
use crate::{
    message::Timestamp,
    store::{Overdue, Step},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// Messages in one piece of work.
const BATCH: usize = 256;

/// Until the store is asked again after it could not be read or written.
const AGAIN: Duration = Duration::from_secs(1);

/// The longest sleep: a day of a clock that was set back.
const LONGEST: Duration = Duration::from_secs(60);

/// When the next message's time passes, as far as is known.
#[derive(Debug)]
pub(super) struct Lapse {
    earliest: AtomicI64,
    sooner: Notify,
}

impl Default for Lapse {
    fn default() -> Self {
        Self { earliest: AtomicI64::new(i64::MAX), sooner: Notify::new() }
    }
}

impl Lapse {
    /// A message came in whose time passes then.
    pub(super) fn watch(&self, deadline: Timestamp) {
        let deadline = deadline.as_millis();
        if self.earliest.fetch_min(deadline, Ordering::AcqRel) > deadline {
            self.sooner.notify_one();
        }
    }
}

/// Ends what lapses, until the host stops.
pub(super) async fn run(shared: Arc<Shared>) -> Drained {
    let mut stopping = shared.deadline.subscribe();
    while stopping.borrow_and_update().is_none() {
        let pause = work(&shared).await;
        tokio::select! {
            _ = stopping.changed() => {}
            () = shared.lapse.sooner.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    Drained::default()
}

/// Ends a batch; how long there is nothing to do then.
async fn work(shared: &Shared) -> Duration {
    // Before the read: what comes in meanwhile is told of.
    shared.lapse.earliest.store(i64::MAX, Ordering::Release);
    let now = shared.clock.now();
    // Those being submitted are in their queues still.
    let limit = BATCH + shared.hub.sending_count();
    let Overdue { ready: overdue, next } = match shared.store.overdue(now, limit).await {
        Ok(found) => found,
        Err(error) => {
            tracing::warn!(%error, "messages whose time has passed can't be looked up now; trying again");
            return AGAIN;
        }
    };
    let whole = overdue.len() == limit;
    // What is being submitted is left alone: its outcome decides. What is not yet is not submitted any more, since whoever takes it
    // looks at the time after saying so.
    let waiting = overdue.into_iter().filter(|ready| shared.hub.sending_since(ready.place.id).is_none());
    let (waiting, steps): (Vec<_>, Vec<Step>) = waiting
        .map(|ready| {
            let step = submit::lapsed(&ready, shared);
            (ready, step)
        })
        .unzip();
    if !steps.is_empty() {
        let steps: Arc<[_]> = steps.into();
        let recorded = match shared.store.record(Arc::clone(&steps)).await {
            Ok(recorded) => recorded,
            Err(error) => {
                tracing::warn!(%error, "messages whose time has passed can't be ended now; trying again");
                return AGAIN;
            }
        };
        for ((ready, step), recorded) in
            waiting.iter().zip(&*steps).zip(recorded).filter(|(_, recorded)| recorded.taken)
        {
            submit::report(ready, step, recorded, shared);
            record::tell(shared, step).await;
        }
        if whole {
            return Duration::ZERO;
        }
    }
    if let Some(next) = next {
        shared.lapse.earliest.fetch_min(next.as_millis(), Ordering::AcqRel);
    }
    let earliest = Timestamp::from_millis(shared.lapse.earliest.load(Ordering::Acquire));
    earliest.since(shared.clock.now()).min(LONGEST)
}
