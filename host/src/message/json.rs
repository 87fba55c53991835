//! The one form in which a message is shown.

use super::Message;
use serde_json::{Value, json};

/// A message as everybody outside sees it, in the API, in events, in webhooks: everything but what it says.
pub fn as_json(message: &Message) -> Value {
    let attempts = message.attempts.iter().map(|attempt| {
        json!({
            "gateway": attempt.gateway,
            "started_at": attempt.started_at.to_string(),
            "ended_at": attempt.ended_at.to_string(),
            "outcome": attempt.outcome.kind.as_str(),
            "code": attempt.outcome.code,
            "detail": attempt.outcome.detail,
        })
    });
    let events = message
        .events
        .iter()
        .map(|event| json!({ "at": event.at.to_string(), "state": event.state.as_str() }));
    let receipts = message.receipts.iter().map(|receipt| {
        json!({
            "provider_id": receipt.provider_id,
            "status": receipt.status.as_str(),
            "code": receipt.code,
            "detail": receipt.detail,
            "at": receipt.at.to_string(),
        })
    });
    json!({
        "id": message.id.to_string(),
        "state": message.state.as_str(),
        "reason": message.reason.map(|reason| reason.as_str()),
        "to": message.to.expose(),
        "from": message.from,
        "gateway": message.gateway,
        "route": message.route,
        "tag": message.tag,
        "priority": message.priority.as_str(),
        "parts": message.parts,
        "provider_ids": message.provider_ids,
        "created_at": message.created_at.to_string(),
        "updated_at": message.updated_at.to_string(),
        "expires_at": message.expires_at.to_string(),
        "attempts": attempts.collect::<Vec<_>>(),
        "events": events.collect::<Vec<_>>(),
        "receipts": receipts.collect::<Vec<_>>(),
    })
}
