//! What a request to send looks like, for the OpenAPI document.
//!
//! The reader is `accept`, which names every wrong member at once, as no derived one would. Tests hold this to it.

use crate::message::Priority;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// A message to be sent: `to` and `text`, or `data` for a push. It names a gateway, or a route, or neither, and then takes the first
/// route that fits. `null` counts as absent.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it is read by `accept`; this describes what that takes")]
pub(super) struct NewMessage {
    /// Whom it is for: a phone number, an address or a registration token, as the gateway's provider has it.
    #[schema(
        min_length = 1,
        max_length = 4096,
        pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]*[^\\s\\u0000-\\u001F\\u007F-\\u009F][^\\u0000-\\u001F\\u007F-\\u009F]*$",
        examples("+491701234567")
    )]
    to: String,
    /// What it says. Without `data` it is needed, and not empty.
    #[schema(pattern = "^[^\\u0000]*$", examples("Your code is 123456"))]
    text: Option<String>,
    /// The gateway that it goes through. Excludes `route`.
    #[schema(examples("clickatell"))]
    gateway: Option<String>,
    /// The route that it takes. Excludes `gateway`.
    #[schema(examples("default"))]
    route: Option<String>,
    /// The sender that the recipient is to see, where the gateway allows to choose it.
    #[schema(max_length = 256, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]*$", examples("ACME"))]
    from: Option<String>,
    /// The application's own word for its kind; routes match it.
    #[schema(max_length = 256, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]*$", examples("login"))]
    tag: Option<String>,
    /// How urgent it is.
    priority: Option<Priority>,
    /// How long it is worth something, from `send_at` or else from now: at least 1 second, at most 7 days. Without it, as long as its
    /// gateway says.
    #[schema(pattern = "^[0-9]+(ms|s|m|h|d)$", examples("120s"))]
    valid_for: Option<String>,
    /// Not submitted before: at most 30 days ahead. What lies behind is now.
    #[schema(format = DateTime, examples("2026-01-01T12:00:00Z"))]
    send_at: Option<String>,
    /// Data of a push notification: any JSON object.
    #[schema(value_type = Option<Object>, examples(json!({ "challenge": "abc" })))]
    data: Option<Value>,
    /// Title of a push notification.
    #[schema(max_length = 256, pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]*$", examples("Login"))]
    title: Option<String>,
    /// Where its changes of state are told, from `sent` on: its origin must be one that `[webhooks] allow` lists.
    #[schema(format = "uri", examples("https://app.example/hook"))]
    callback_url: Option<String>,
}

/// Many messages, all or none.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it is read by `accept`; this describes what that takes")]
pub(super) struct NewMessages {
    /// The messages.
    #[schema(min_items = 1, max_items = 1000)]
    messages: Vec<NewMessage>,
}

/// Adds to the document's schemas what the derive has no words for.
pub(super) fn complete(schemas: &mut Value) {
    for name in ["NewMessage", "NewMessages"] {
        if let Some(Value::Object(schema)) = schemas.get_mut(name) {
            schema.insert("additionalProperties".into(), false.into());
        }
    }
    if let Some(Value::Object(schema)) = schemas.get_mut("NewMessage") {
        let says_something = json!([
            { "required": ["text"], "properties": { "text": { "type": "string", "minLength": 1 } } },
            { "required": ["data"], "properties": { "data": { "type": "object" } } },
        ]);
        let names_both = json!({
            "required": ["gateway", "route"],
            "properties": { "gateway": { "type": "string" }, "route": { "type": "string" } },
        });
        schema.insert("anyOf".into(), says_something);
        schema.insert("not".into(), names_both);
    }
}
