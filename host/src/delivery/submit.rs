//! One message through one gateway: submission, outcome, record.

use super::{Shared, decide, hub::Sending, receipts::moved_on, record, respelt::UnderWay, trace};
use crate::{
    config::OnUncertain,
    gateway::{Gateway, Permit},
    message::{Attempt, Content, Message, MessageId, Outcome, OutcomeKind, State, Timestamp},
    plugin::Submission,
    store::{Next, Place, Ready, Recorded, Step},
    telemetry::metrics::GatewayMetrics,
};
use futures_util::FutureExt as _;
use std::{panic::AssertUnwindSafe, sync::Arc};
use tokio_util::task::task_tracker::TaskTrackerToken;

/// A task of an actor has ended: what it did is on disk, or the store is closed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) id: MessageId,
    /// The message's new place, if it waits in the same queue again.
    pub(super) waits_here: Option<Place>,
}

/// Held while a message is submitted.
pub(super) struct UnderSubmission {
    pub(super) permit: Permit,
    pub(super) sending: Sending,
    pub(super) under_way: UnderWay,
    /// Keeps the gateway's instance from being stopped.
    pub(super) instance: Option<TaskTrackerToken>,
}

/// Submits the message and records what came of it.
#[expect(
    clippy::manual_async_fn,
    reason = "what an `async fn` is given lies in its future twice, and there is one for each message"
)]
pub(super) fn deliver(
    gateway: Gateway,
    mut ready: Ready,
    held: UnderSubmission,
    figures: Arc<GatewayMetrics>,
    shared: Arc<Shared>,
) -> impl Future<Output = Ended> + Send {
    async move {
        let id = ready.place.id;
        let started_at = shared.clock.now();
        if gateway.limits.on_uncertain == OnUncertain::Fail {
            // In boxes, since most gateways have no use for the room.
            let from = || (ready.gateway.clone(), ready.place);
            let marked = record::until_on_disk(id, || shared.store.mark(id, from(), started_at));
            if !matches!(Box::pin(marked).await, Ok(true)) {
                return Ended { id, waits_here: None };
            }
            // That took its time.
            if shared.clock.now() >= ready.deadline {
                drop((gateway, held));
                return Box::pin(lapse(ready, shared)).await;
            }
        }
        let content = std::mem::take(&mut ready.content);
        let outcome = submit(&gateway, &ready, content).await;
        if held.permit.ended(&outcome) {
            shared.changes.tell();
            let (state, why) = gateway.status.describe();
            tracing::warn!(
                gateway = &*gateway.name,
                state = state.as_str(),
                why,
                "the gateway changed its state"
            );
        }
        let ended_at = shared.clock.now();
        figures.attempt(outcome.kind.as_str(), ended_at.since(started_at));
        let next = shared.decide(|world| decide::after(&ready, &outcome, &gateway.limits, world));
        let attempt = Attempt { gateway: gateway.name.to_string(), started_at, ended_at, outcome };
        let from = (ready.gateway.clone(), ready.place);
        let callback_url = ready.callback_url.clone();
        let step = Arc::new([Step { id, from, attempt: Some(attempt), at: ended_at, next, callback_url }]);
        let recorded = record::step(&shared, &step).await;
        let [step] = &*step;
        drop((held.sending, held.under_way));
        if let Ok(recorded) = recorded {
            report_to(&figures, &ready, step, recorded, &shared);
        }
        let waits_here = match &step.next {
            Next::Waits { gateway, due_at, .. } if *gateway == ready.gateway => {
                Some(Place { due_at: *due_at, ..ready.place })
            }
            _ => None,
        };
        // In this order: when nobody holds the instance it is stopped.
        drop((gateway, held.instance));
        Ended { id, waits_here }
    }
}

/// The message's time for this gateway has passed.
pub(super) async fn lapse(ready: Ready, shared: Arc<Shared>) -> Ended {
    let step = lapsed(&ready, &shared);
    settle(ready, step, shared).await
}

/// What becomes of a message whose time for its gateway has passed.
pub(super) fn lapsed(ready: &Ready, shared: &Shared) -> Step {
    let now = shared.clock.now();
    match ready.marked_at {
        Some(marked_at) => decide::interrupted(ready, marked_at, now),
        None => Step {
            id: ready.place.id,
            from: (ready.gateway.clone(), ready.place),
            attempt: None,
            at: now,
            next: shared.decide(|world| decide::lapsed(ready, world)),
            callback_url: ready.callback_url.clone(),
        },
    }
}

/// Its submission was going on when the host died, and it is never to be sent twice.
pub(super) async fn interrupted(ready: Ready, marked_at: Timestamp, shared: Arc<Shared>) -> Ended {
    let step = decide::interrupted(&ready, marked_at, shared.clock.now());
    settle(ready, step, shared).await
}

async fn settle(ready: Ready, step: Step, shared: Arc<Shared>) -> Ended {
    let step = Arc::new([step]);
    if let Ok(recorded) = record::step(&shared, &step).await {
        let [step] = &*step;
        report(&ready, step, recorded, &shared);
    }
    Ended { id: ready.place.id, waits_here: None }
}

/// One line for each message that is over, and for each that goes on; and it is counted and traced. Of a step that was not taken there is
/// nothing to say.
pub(super) fn report(ready: &Ready, step: &Step, recorded: Recorded, shared: &Shared) {
    report_to(&shared.metrics.gateway(&ready.gateway), ready, step, recorded, shared);
}

/// The same for those who have the gateway's figures at hand.
fn report_to(figures: &GatewayMetrics, ready: &Ready, step: &Step, recorded: Recorded, shared: &Shared) {
    if !recorded.taken {
        return;
    }
    let outcome = step.attempt.as_ref().map(|attempt| &attempt.outcome);
    let attempts = ready.attempts + u32::from(step.attempt.is_some());
    let traces = &shared.metrics.traces;
    if let Some(attempt) = &step.attempt {
        traces.record(|| trace::attempt(step.id, attempts, attempt));
    }
    if let Next::Finished { state, .. } = step.next {
        let taken = (state == State::Sent).then(|| step.at.since(ready.validity.from));
        figures.finished(state.as_str(), taken);
        traces.record(|| trace::ended(ready, step, state, attempts));
    }
    let kind = outcome.map(|outcome| outcome.kind.as_str());
    let code = outcome.and_then(|outcome| outcome.code.as_deref());
    let detail = outcome
        .filter(|outcome| outcome.kind != OutcomeKind::Accepted)
        .and_then(|outcome| outcome.detail.as_deref());
    match &step.next {
        Next::Finished { state, .. } => tracing::info!(
            id = %step.id,
            gateway = ready.gateway,
            state = state.as_str(),
            // One that was not submitted last ends with its time.
            outcome = kind.unwrap_or(state.as_str()),
            code,
            detail,
            to = %ready.to,
            attempts,
            ms = u64::try_from(step.at.since(ready.created_at).as_millis()).unwrap_or(u64::MAX),
            "message finished"
        ),
        Next::Waits { gateway, due_at, .. } => tracing::info!(
            id = %step.id,
            gateway = ready.gateway,
            outcome = kind,
            code,
            detail,
            attempts,
            next = gateway,
            in_ms = u64::try_from(due_at.since(step.at).as_millis()).unwrap_or(u64::MAX),
            "message goes on"
        ),
    }
    if recorded.receipts > 0 {
        figures.matched_later(recorded.receipts);
    }
    if let Some(state) = recorded.moved {
        moved_on(figures, step.id, &ready.gateway, state, None);
        traces.record(|| trace::receipt(step.id, &ready.gateway, step.at, state.as_str(), Some(state)));
    }
}

/// The same for a message that was canceled.
pub(super) fn canceled(message: &Message, shared: &Shared) {
    let Message { id, gateway, state, to, created_at, updated_at, .. } = message;
    shared.metrics.gateway(gateway).finished(state.as_str(), None);
    shared.metrics.traces.record(|| trace::canceled(message));
    tracing::info!(
        %id,
        gateway,
        state = state.as_str(),
        outcome = state.as_str(),
        %to,
        attempts = message.attempts.len(),
        ms = u64::try_from(updated_at.since(*created_at).as_millis()).unwrap_or(u64::MAX),
        "message finished"
    );
}

async fn submit(gateway: &Gateway, ready: &Ready, content: Content) -> Outcome {
    let submission = Submission {
        id: ready.place.id,
        to: ready.to.clone(),
        from: ready.from.clone(),
        content,
        tag: ready.tag.clone(),
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
