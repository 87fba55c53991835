//! What the bodies of requests look like, for the OpenAPI document.
//!
//! The readers are `accept` and `definitions`, which name every wrong member at once, as no derived one would. Tests hold this to them.

use crate::message::Priority;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
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

/// A value of a gateway's definition, or where it stands.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "`crate::definitions` reads it; this describes what that takes")]
pub(super) enum Setting {
    /// A text, such as `"10m"` where a time is asked for.
    Text(String),
    /// A number.
    Number(u32),
    /// Members with values of their own, such as `{"attempts": 5}`; or `{"env": "NAME"}` or `{"file": "PATH"}` for what stands in the
    /// environment or in a file.
    Table(BTreeMap<String, Value>),
}

/// A gateway's definition, as its table in the configuration has it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "`crate::definitions` reads it; this describes what that takes")]
pub(super) struct NewGateway {
    /// Name of the provider.
    provider: Setting,
    /// For people.
    #[schema(nullable = false)]
    description: Option<Setting>,
    /// A message older than this is never submitted through it: `"10m"`.
    #[schema(nullable = false)]
    valid_for: Option<Setting>,
    /// When a submit is cancelled: `"30s"`.
    #[schema(nullable = false)]
    submit_timeout: Option<Setting>,
    /// Bound of submits at once.
    #[schema(nullable = false)]
    max_in_flight: Option<Setting>,
    /// Bound of submits in a time: `"50/s"`.
    #[schema(nullable = false)]
    rate: Option<Setting>,
    /// When what failed for a while is tried again: `{"attempts": 5, "first": "1s", "max": "1m"}`.
    #[schema(nullable = false)]
    retry: Option<Setting>,
    /// Whether a submit whose outcome nobody knows is tried again: `"retry"` or `"fail"`.
    #[schema(nullable = false)]
    on_uncertain: Option<Setting>,
    /// What the provider declares: `GET /v1/providers/{name}` lists it. A secret that is `"__CENSORED__"` stays what it is.
    #[schema(value_type = Option<Object>, nullable = false, examples(json!({ "URL": "https://sms.example/send" })))]
    parameters: Option<Value>,
    /// Free keys, where the provider allows them.
    #[schema(value_type = Option<Object>, nullable = false, examples(json!({ "to": "{phone}", "text": "{otp}" })))]
    options: Option<Value>,
    /// Headers, where the provider allows them.
    #[schema(value_type = Option<Object>, nullable = false, examples(json!({ "X-Account": "7" })))]
    headers: Option<Value>,
    /// May stay from what was shown; it is that of the address.
    #[schema(nullable = false, examples("backup"))]
    name: Option<String>,
    /// May stay from what was shown; it changes nothing.
    state: Option<Value>,
    /// May stay from what was shown; it changes nothing.
    why: Option<Value>,
    /// May stay from what was shown; it changes nothing.
    breaker: Option<Value>,
    /// May stay from what was shown; it changes nothing.
    queue_depth: Option<Value>,
    /// May stay from what was shown; it changes nothing.
    in_flight: Option<Value>,
}

/// Adds to the document's schemas what the derive has no words for.
pub(super) fn complete(schemas: &mut Value) {
    for name in ["NewMessage", "NewMessages", "NewGateway"] {
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
