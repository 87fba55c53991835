//! What a webhook says, and the schema of it.

use super::Inbound;
use crate::{
    message::{self, Recipient, Timestamp},
    store::News,
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// A change of a message.
#[derive(Debug, Serialize, ToSchema)]
pub struct MessageChanged<'m> {
    /// What happened: `message.` and the new state.
    #[serde(rename = "type")]
    #[schema(examples("message.sent"), pattern = "^message\\.(sent|delivered|undelivered|failed|expired)$")]
    kind: String,
    /// When.
    timestamp: Timestamp,
    /// The message as it stood then.
    data: message::Shown<'m>,
}

/// A message that came in.
#[derive(Debug, Serialize, ToSchema)]
pub struct MessageInbound {
    /// What happened.
    #[serde(rename = "type")]
    #[schema(examples("message.inbound"), pattern = "^message\\.inbound$")]
    kind: &'static str,
    /// When.
    timestamp: Timestamp,
    /// The message that came in, as it waited on disk.
    #[schema(value_type = ShownInbound<'_>)]
    data: Value,
}

/// A message that came in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Inbound)]
struct ShownInbound<'m> {
    /// The gateway through which it came.
    gateway: &'m str,
    /// Who sent it.
    #[schema(value_type = String, examples("+491701234567"))]
    from: &'m Recipient,
    /// To which number.
    #[schema(value_type = String, examples("+49891234"))]
    to: &'m Recipient,
    /// What it says.
    #[schema(value_type = String, examples("STOP"))]
    text: &'m str,
    /// When it came.
    received_at: Timestamp,
}

/// The body: the kind of news, when it came to be, and the news.
///
/// # Source
/// Standard Webhooks, "Payload structure".
pub(super) fn of(news: &News, at: Timestamp) -> String {
    match news {
        News::Changed(message) => {
            let kind = format!("message.{}", message.state);
            json!(MessageChanged { kind, timestamp: at, data: message.as_ref().into() }).to_string()
        }
        News::Inbound(payload) => {
            let data = serde_json::from_str(payload.expose()).unwrap_or_default();
            json!(MessageInbound { kind: "message.inbound", timestamp: at, data }).to_string()
        }
    }
}

/// An inbound message, as it waits to be told.
pub(super) fn inbound(inbound: &Inbound) -> String {
    let Inbound { gateway, from, to, text, at } = inbound;
    json!(ShownInbound { gateway, from, to, text: text.expose(), received_at: *at }).to_string()
}
