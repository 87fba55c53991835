//! Messages that wait for a gateway which can't be used go on to another of their route that can.

use super::{
    Shared,
    decide::{World, interrupted},
    record,
};
use crate::store::{Next, Place, Ready, Step, StoreError};

/// Messages in one piece of work.
const BATCH: usize = 256;

/// Moves what `decide` moves of this gateway's queue; the places that were left.
pub(super) async fn queue(
    gateway: &str,
    shared: &Shared,
    decide: fn(&Ready, &World<'_>) -> Option<Next>,
) -> Result<Vec<Place>, StoreError> {
    let (mut left, mut after) = (Vec::new(), None);
    while shared.deadline.borrow().is_none() {
        let found = shared.store.planned(gateway, after, BATCH).await?;
        let whole = found.len() == BATCH;
        after = found.last().map(|ready| ready.place);
        let at = shared.clock.now();
        let waiting = found.into_iter().filter(|ready| shared.hub.sending_since(ready.place.id).is_none());
        let steps = waiting.filter_map(|ready| {
            if let Some(marked_at) = ready.marked_at {
                return Some(interrupted(&ready, marked_at, at));
            }
            let next = shared.decide(|world| decide(&ready, world))?;
            Some(Step { id: ready.place.id, from: (ready.gateway, ready.place), attempt: None, at, next })
        });
        let steps = steps.collect::<Vec<_>>();
        if !steps.is_empty() {
            let taken = shared.store.record(steps.clone()).await?;
            for (step, _) in steps.iter().zip(taken).filter(|(_, taken)| *taken) {
                left.push(step.from.1);
                record::tell(shared, step).await;
            }
        }
        if !whole {
            break;
        }
    }
    Ok(left)
}
