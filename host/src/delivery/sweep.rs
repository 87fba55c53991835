//! Messages that wait for a gateway which can't be used go on to another of their route that can.

use super::{
    Shared,
    decide::{World, interrupted},
    record, submit,
};
use crate::store::{Next, Place, Ready, Step, StoreError};
use std::sync::Arc;

/// Messages in one piece of work.
const BATCH: usize = 256;

/// Where a message goes that waits for this gateway; `None`: it stays.
pub(super) type Decide = fn(&Ready, &World<'_>) -> Option<Next>;

/// Moves what `decide` moves of this gateway's queue; the places that were left.
pub(super) async fn queue(gateway: &str, shared: &Shared, decide: Decide) -> Result<Vec<Place>, StoreError> {
    let (mut left, mut after) = (Vec::new(), None);
    while shared.deadline.borrow().is_none() {
        let found = shared.store.planned(gateway, after, BATCH).await?;
        let whole = found.len() == BATCH;
        after = found.last().map(|ready| ready.place);
        let at = shared.clock.now();
        let waiting = found.into_iter().filter(|ready| shared.hub.sending_since(ready.place.id).is_none());
        let steps = waiting.filter_map(|ready| {
            let step = match ready.marked_at {
                Some(marked_at) => interrupted(&ready, marked_at, at),
                None => {
                    let next = shared.decide(|world| decide(&ready, world))?;
                    let from = (ready.gateway.clone(), ready.place);
                    let callback_url = ready.callback_url.clone();
                    Step { id: ready.place.id, from, attempt: None, at, next, callback_url }
                }
            };
            Some((ready, step))
        });
        let (ready, steps): (Vec<_>, Vec<_>) = steps.unzip();
        if !steps.is_empty() {
            let steps: Arc<[_]> = steps.into();
            let recorded = shared.store.record(Arc::clone(&steps)).await?;
            for ((ready, step), recorded) in
                ready.iter().zip(&*steps).zip(recorded).filter(|(_, recorded)| recorded.taken)
            {
                left.push(step.from.1);
                submit::report(ready, step, recorded, shared);
                record::tell(shared, step).await;
            }
        }
        if !whole {
            break;
        }
    }
    Ok(left)
}
