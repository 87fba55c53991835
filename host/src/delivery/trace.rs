//! What the traces of messages say of their delivery: no text, no recipient, no address, and no words of a service.

use crate::{
    message::{Attempt, Message, MessageId, OutcomeKind, State, Timestamp},
    store::{Ready, Step},
    telemetry::traces::Span,
};

/// One submission.
pub(super) fn attempt(id: MessageId, number: u32, attempt: &Attempt) -> Span {
    let Attempt { gateway, started_at, ended_at, outcome } = attempt;
    let span = Span::part(id.as_bytes(), "attempt", started_at.to_system_time(), ended_at.to_system_time());
    let span = span
        .asked()
        .with("gatepost.gateway", gateway.clone())
        .with("gatepost.attempt", i64::from(number))
        .with("gatepost.outcome", outcome.kind.as_str());
    let span = match &outcome.code {
        Some(code) => span.with("gatepost.code", code.clone()),
        None => span,
    };
    if outcome.kind == OutcomeKind::Accepted { span } else { span.failed(outcome.kind.as_str()) }
}

/// The whole of a message that is over.
pub(super) fn ended(ready: &Ready, step: &Step, state: State, attempts: u32) -> Span {
    whole(step.id, &ready.gateway, state, attempts.into(), ready.created_at, step.at)
}

/// The whole of a message that was canceled.
pub(super) fn canceled(message: &Message) -> Span {
    let attempts = i64::try_from(message.attempts.len()).unwrap_or(i64::MAX);
    whole(message.id, &message.gateway, message.state, attempts, message.created_at, message.updated_at)
}

fn whole(id: MessageId, gateway: &str, state: State, attempts: i64, began: Timestamp, at: Timestamp) -> Span {
    let span = Span::root(id.as_bytes(), "message", began.to_system_time(), at.to_system_time())
        .with("gatepost.message.id", id.to_string())
        .with("gatepost.gateway", gateway.to_owned())
        .with("gatepost.state", state.as_str())
        .with("gatepost.attempts", attempts);
    match state {
        State::Failed | State::Expired => span.failed(state.as_str()),
        _ => span,
    }
}

/// What a service said later; `moved`: the state to which it took the message.
pub(super) fn receipt(
    id: MessageId,
    gateway: &str,
    at: Timestamp,
    status: &'static str,
    moved: Option<State>,
) -> Span {
    let at = at.to_system_time();
    let span = Span::part(id.as_bytes(), "receipt", at, at)
        .served()
        .with("gatepost.gateway", gateway.to_owned())
        .with("gatepost.status", status);
    match moved {
        Some(state) => span.with("gatepost.state", state.as_str()),
        None => span,
    }
}

/// One try to tell the application of a change.
pub(super) fn webhook(
    message: &Message,
    origin: &str,
    outcome: &'static str,
    number: u32,
    began: Timestamp,
    ended: Timestamp,
) -> Span {
    let span = Span::part(message.id.as_bytes(), "webhook", began.to_system_time(), ended.to_system_time());
    let span = span
        .asked()
        .with("gatepost.origin", origin.to_owned())
        .with("gatepost.state", message.state.as_str())
        .with("gatepost.attempt", i64::from(number))
        .with("gatepost.outcome", outcome);
    if outcome == "delivered" { span } else { span.failed(outcome) }
}
