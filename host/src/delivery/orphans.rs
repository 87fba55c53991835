//! Messages for a gateway that is not in the configuration: they wait for it, and expire.

use super::{Drained, Shared, submit};
use crate::{message::State, store::Finish};
use std::{sync::Arc, time::Duration};

const LOOKED_AT: usize = 1000;
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Ends the messages of one queue as their time passes, until the queue is empty.
pub(super) async fn expire(gateway: String, shared: Arc<Shared>) -> Drained {
    let mut stopping = shared.deadline.subscribe();
    while stopping.borrow_and_update().is_none() {
        let now = shared.clock.now();
        let Ok(waiting) = shared.store.ready(&gateway, now, LOOKED_AT, usize::MAX).await else {
            tokio::select! {
                _ = stopping.changed() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
            continue;
        };
        let Some(next) = waiting.iter().map(|ready| ready.expires_at).min() else { break };
        let expired = waiting.iter().filter(|ready| ready.expires_at <= now);
        for ready in expired {
            let finish =
                Finish { id: ready.place.id, state: State::Expired, at: now, attempt: None, reason: None };
            if submit::record(&shared, &finish).await.is_err() {
                return Drained::default();
            }
            shared.hub.finished(&finish);
            tracing::info!(id = %finish.id, gateway, state = finish.state.as_str(), attempts = 0, "message finished");
        }
        tokio::select! {
            _ = stopping.changed() => {}
            () = tokio::time::sleep(next.since(now)) => {}
        }
    }
    Drained::default()
}
