//! What a webhook says.

use super::Inbound;
use crate::{
    message::{Timestamp, as_json},
    store::News,
};
use serde_json::json;

/// The body: the kind of news, when it came to be, and the news.
///
/// # Source
/// Standard Webhooks, "Payload structure".
pub(super) fn of(news: &News, at: Timestamp) -> String {
    match news {
        News::Changed(message) => json!({
            "type": format!("message.{}", message.state),
            "timestamp": at.to_string(),
            "data": as_json(message),
        })
        .to_string(),
        // JSON already.
        News::Inbound(payload) => {
            format!(r#"{{"type":"message.inbound","timestamp":"{at}","data":{}}}"#, payload.expose())
        }
    }
}

/// An inbound message, as it waits to be told.
pub(super) fn inbound(inbound: &Inbound) -> String {
    json!({
        "gateway": inbound.gateway,
        "from": inbound.from.expose(),
        "to": inbound.to.expose(),
        "text": inbound.text.expose(),
        "received_at": inbound.at.to_string(),
    })
    .to_string()
}
