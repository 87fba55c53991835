//! One message through one gateway: submission, outcome, record.

use super::{Shared, verdict};
use crate::{
    gateway::Gateway,
    message::{Attempt, MessageId, Outcome, OutcomeKind, State},
    plugin::Submission,
    store::{Finish, Ready, StoreError},
};
use futures_util::FutureExt as _;
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

/// Between two tries to record an outcome: the first is soon, since a busy store is free in a moment.
const RECORD_FIRST: Duration = Duration::from_millis(50);
const RECORD_MOST: Duration = Duration::from_secs(5);

/// Submits the message, unless its time has passed, and records what came of it. Returns its id when that is on disk, or when
/// the store is closed.
pub(super) async fn deliver(gateway: Gateway, ready: Ready, shared: Arc<Shared>) -> MessageId {
    let id = ready.place.id;
    let now = shared.clock.now();
    let (created_at, attempts, to) = (ready.created_at, ready.attempts, ready.to.clone());
    // Shown as `sending` until its end is on disk.
    let mut sending = None;
    let finish = if now >= ready.expires_at {
        Finish { id, state: State::Expired, at: now, attempt: None, reason: None }
    } else {
        sending = Some(shared.hub.sending(id, now));
        let outcome = submit(&gateway, ready).await;
        let ended_at = shared.clock.now();
        let (state, reason) = verdict::after(outcome.kind);
        let attempt = Attempt { gateway: gateway.name.to_string(), started_at: now, ended_at, outcome };
        Finish { id, state, at: ended_at, attempt: Some(attempt), reason }
    };
    let recorded = record(&shared, &finish).await;
    drop(sending);
    if recorded.is_err() {
        return id;
    }
    shared.hub.finished(&finish);
    let outcome = finish.attempt.as_ref().map(|attempt| &attempt.outcome);
    tracing::info!(
        %id,
        gateway = &*gateway.name,
        state = finish.state.as_str(),
        outcome = outcome.map(|outcome| outcome.kind.as_str()),
        code = outcome.and_then(|outcome| outcome.code.as_deref()),
        detail = outcome.filter(|outcome| outcome.kind != OutcomeKind::Accepted).and_then(|outcome| outcome.detail.as_deref()),
        %to,
        attempts = attempts + u32::from(finish.attempt.is_some()),
        ms = u64::try_from(finish.at.since(created_at).as_millis()).unwrap_or(u64::MAX),
        "message finished"
    );
    id
}

async fn submit(gateway: &Gateway, ready: Ready) -> Outcome {
    let submission = Submission {
        id: ready.place.id,
        to: ready.to,
        from: ready.from,
        content: ready.content,
        tag: ready.tag,
        expires_at: ready.expires_at,
        attempt: ready.attempts + 1,
    };
    // The call that makes the future is the provider's code as well as the future is.
    let submit = AssertUnwindSafe(async { gateway.handle.submit(submission).await }).catch_unwind();
    match tokio::time::timeout(gateway.submit_timeout, submit).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Outcome::new(OutcomeKind::Uncertain, "the provider panicked"),
        Err(_) => {
            let limit = gateway.submit_timeout.as_secs_f32();
            Outcome::new(
                OutcomeKind::Uncertain,
                format!("no outcome within {limit} s: the submit was cancelled"),
            )
        }
    }
}

/// Records until it is on disk. The submit's slot is held meanwhile, so that a store in trouble slows its gateways down rather
/// than losing outcomes.
pub(super) async fn record(shared: &Shared, finish: &Finish) -> Result<(), StoreError> {
    let mut pause = RECORD_FIRST;
    loop {
        match shared.store.finish(vec![finish.clone()]).await {
            Ok(()) => return Ok(()),
            Err(StoreError::Closed) => return Err(StoreError::Closed),
            Err(error) => {
                tracing::warn!(id = %finish.id, %error, "an outcome can't be recorded now; trying again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(RECORD_MOST);
            }
        }
    }
}
