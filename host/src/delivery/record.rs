//! Steps are put on disk, and told to whoever waits.

use super::Shared;
use crate::{
    message::{MessageId, State},
    store::{Next, Recorded, Step, StoreError},
};
use std::{fmt, sync::Arc, time::Duration};

/// Between two tries: the first is soon, since a busy store is free in a moment.
const FIRST: Duration = Duration::from_millis(50);
const MOST: Duration = Duration::from_secs(5);

/// Does it until it is on disk. Whoever waits for it holds its place meanwhile, so that a store in trouble slows its gateways down
/// rather than losing outcomes.
///
/// # Errors
/// The store is closed: the host stops.
pub(super) async fn until_on_disk<T, F>(
    id: impl fmt::Display,
    mut ask: impl FnMut() -> F,
) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut pause = FIRST;
    loop {
        match ask().await {
            Err(StoreError::Closed) => return Err(StoreError::Closed),
            Err(error) => {
                tracing::warn!(%id, %error, "an outcome can't be recorded now; trying again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(MOST);
            }
            done => return done,
        }
    }
}

/// Records a step and tells of it. What came of it.
///
/// # Errors
/// The store is closed: the host stops.
pub(super) async fn step(shared: &Shared, step: &Arc<[Step; 1]>) -> Result<Recorded, StoreError> {
    let [one] = &**step;
    let recorded = until_on_disk(one.id, || shared.store.record(step.clone())).await?;
    let recorded = recorded.first().copied().unwrap_or_default();
    if recorded.taken {
        tell(shared, one).await;
    }
    Ok(recorded)
}

/// After a step is on disk: the next gateway looks, or who waits for the end hears of it.
pub(super) async fn tell(shared: &Shared, step: &Step) {
    match &step.next {
        Next::Waits { gateway, due_at, deadline, .. } => {
            let place = crate::store::Place { due_at: *due_at, ..step.from.1 };
            // The actor whose submission this was hears of it when the submission's task ends, not before: until then it takes the
            // message for one that is being submitted.
            if *gateway != step.from.0 || step.attempt.is_none() {
                shared.wake(gateway, place);
            }
            shared.watch_deadline(*deadline);
        }
        Next::Finished { state, .. } => {
            debug_assert!(state.is_finished() && *state != State::Canceled);
            shared.webhooks.wake(step.callback_url.as_deref());
            finished(shared, step.id).await;
        }
    }
}

/// A message's end is on disk.
pub(super) async fn finished(shared: &Shared, id: MessageId) {
    if !shared.hub.is_waited_for(id) {
        return;
    }
    match shared.store.message(id).await {
        Ok(Some(message)) => shared.hub.finished(&message),
        Ok(None) => shared.hub.give_up(id),
        Err(error) => {
            tracing::warn!(%id, %error, "who waits for a message can't be told of its end");
            shared.hub.give_up(id);
        }
    }
}
