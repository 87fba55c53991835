//! Receipts whose ids may have been spelled otherwise when they were given: decided on as soon as no submission is under way any more
//! that was when they came. Until then one of those may turn out to have got this very id.

use super::{Drained, Shared, receipts::moved_on, trace};
use crate::{
    message::{MessageId, Timestamp},
    store::{Matched, Respelt, StoreError},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

/// Receipts in one piece of work.
const BATCH: usize = 256;

/// Between two pieces: a service that respells all its ids is no reason to ask the store at every receipt.
const PAUSE: Duration = Duration::from_millis(50);

/// Until the store is asked again after it could not be written.
const AGAIN: Duration = Duration::from_secs(1);

/// What is under way, and what waits for it.
#[derive(Debug, Default)]
pub(super) struct Respelling {
    tables: Mutex<Tables>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Tables {
    /// By gateway, then the one that began first.
    under_way: BTreeSet<(Arc<str>, Timestamp, MessageId)>,
    /// Gateways for which receipts wait, with the time before which none of them came.
    waiting: BTreeMap<Arc<str>, Timestamp>,
}

impl Respelling {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A submission is under way until the guard is dropped: when its outcome is on disk.
    pub(super) fn under_way(
        self: &Arc<Self>,
        gateway: &Arc<str>,
        since: Timestamp,
        id: MessageId,
    ) -> UnderWay {
        let key = (Arc::clone(gateway), since, id);
        self.tables().under_way.insert(key.clone());
        UnderWay { key, respelling: Arc::clone(self) }
    }

    /// A receipt waits that came then.
    pub(super) fn came(&self, gateway: &str, at: Timestamp) {
        let mut tables = self.tables();
        let first = tables.waiting.entry(gateway.into()).or_insert(at);
        *first = at.min(*first);
        drop(tables);
        self.changed.notify_one();
    }

    /// Takes out the gateways at which something can be decided.
    fn take(&self, now: Timestamp) -> Vec<Turn> {
        let mut tables = self.tables();
        let Tables { under_way, waiting } = &mut *tables;
        let turn = |gateway: &Arc<str>, first: &mut Timestamp| {
            let from =
                (Arc::clone(gateway), Timestamp::from_millis(i64::MIN), MessageId::from_bytes([0; 16]));
            let oldest = under_way.range(from..).next().filter(|(other, ..)| other == gateway);
            let before = oldest.map_or(now.plus(Duration::from_millis(1)), |(_, since, _)| *since);
            (*first < before).then(|| Turn {
                gateway: Arc::clone(gateway),
                first: *first,
                before,
                more: oldest.is_some(),
            })
        };
        let turns =
            waiting.iter_mut().filter_map(|(gateway, first)| turn(gateway, first)).collect::<Vec<_>>();
        waiting.retain(|gateway, _| turns.iter().all(|turn| turn.gateway != *gateway));
        turns
    }
}

/// Receipts of a gateway can be decided on.
#[derive(Debug)]
struct Turn {
    gateway: Arc<str>,
    /// None of them came before.
    first: Timestamp,
    /// Those can be that came before then.
    before: Timestamp,
    /// Later ones may be waiting.
    more: bool,
}

/// A submission that is under way.
#[derive(Debug)]
pub(super) struct UnderWay {
    key: (Arc<str>, Timestamp, MessageId),
    respelling: Arc<Respelling>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut tables = self.respelling.tables();
        tables.under_way.remove(&self.key);
        let is_waited_for = tables.waiting.contains_key(&self.key.0);
        drop(tables);
        if is_waited_for {
            self.respelling.changed.notify_one();
        }
    }
}

/// Decides on receipts, until the host stops. `interrupted` are the gateways for which messages waited when it started.
pub(super) async fn run(shared: Arc<Shared>, interrupted: Vec<String>) -> Drained {
    let mut stopping = shared.deadline.subscribe();
    tokio::select! {
        _ = stopping.wait_for(Option::is_some) => {}
        () = work(&shared, interrupted) => {}
    }
    Drained::default()
}

async fn work(shared: &Shared, interrupted: Vec<String>) {
    if !interrupted.is_empty() {
        while let Err(error) = shared.store.interrupted(interrupted.clone()).await {
            tracing::warn!(%error, "that submissions may have been cut off can't be noted now; trying again");
            tokio::time::sleep(AGAIN).await;
        }
    }
    while let Err(error) = left_behind(shared).await {
        tracing::warn!(%error, "receipts that wait can't be looked for now; trying again");
        tokio::time::sleep(AGAIN).await;
    }
    loop {
        shared.respelling.changed.notified().await;
        let mut failed = false;
        for turn in shared.respelling.take(shared.clock.now()) {
            failed |= !decide(shared, turn).await;
        }
        tokio::time::sleep(if failed { AGAIN } else { PAUSE }).await;
    }
}

/// What an earlier process left undecided, also at a gateway that is not in the configuration any more.
async fn left_behind(shared: &Shared) -> Result<(), StoreError> {
    for (gateway, first) in shared.store.undecided().await? {
        shared.respelling.came(&gateway, first);
    }
    Ok(())
}

/// Whether the store could be asked.
async fn decide(shared: &Shared, turn: Turn) -> bool {
    let Turn { gateway, first, before, more } = turn;
    match shared.store.respell(&gateway, before, BATCH).await {
        Ok(Respelt { matched, more: unlooked }) => {
            for matched in matched {
                tell(shared, &gateway, matched);
            }
            if more || unlooked {
                shared.respelling.came(&gateway, if unlooked { first } else { before });
            }
            true
        }
        Err(error) => {
            tracing::warn!(gateway = &*gateway, %error, "receipts under other spellings can't be looked at now; trying again");
            shared.respelling.came(&gateway, first);
            false
        }
    }
}

fn tell(shared: &Shared, gateway: &str, matched: Matched) {
    let Matched { id, moved, callback_url } = matched;
    tracing::debug!(%id, gateway, "a receipt was found to be this message's");
    let figures = shared.metrics.gateway(gateway);
    figures.matched_later(1);
    if let Some(state) = moved {
        moved_on(&figures, id, gateway, state, None);
        let span = || trace::receipt(id, gateway, shared.clock.now(), state.as_str(), Some(state));
        shared.metrics.traces.record(span);
        shared.webhooks.wake(callback_url.as_deref());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_waits_for_what_was_under_way_when_it_came_and_for_nothing_else() {
        let (respelling, at) = (Arc::new(Respelling::default()), Timestamp::from_millis);
        let turns = |now| {
            let turns = respelling.take(at(now)).into_iter();
            turns.map(|turn| (turn.gateway, turn.before, turn.more)).collect::<Vec<_>>()
        };
        let submission =
            |gateway: &str, since| respelling.under_way(&gateway.into(), at(since), MessageId::new());
        let (first, second, elsewhere) = (submission("one", 10), submission("one", 20), submission("two", 1));
        respelling.came("one", at(15));
        assert_eq!(turns(30), []);
        let later = submission("one", 30);
        drop(first);
        assert_eq!(turns(31), [("one".into(), at(20), true)]);
        assert_eq!(turns(31), [], "it was taken");
        respelling.came("one", at(25));
        drop((second, later));
        assert_eq!(turns(40), [("one".into(), at(41), false)]);
        drop(elsewhere);
    }
}
