//! The one form in which a message is shown, and the schema of it.

use super::{
    Attempt, Event, Message, MessageId, OutcomeKind, PartReceipt, Priority, ReceiptStatus, Recipient, State,
    Timestamp,
};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use std::borrow::Cow;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type},
};

/// A message as everybody outside sees it, in the API, in events, in webhooks: everything but what it says.
pub fn as_json(message: &Message) -> Value {
    // Nothing in it can fail: every key is a string.
    serde_json::to_value(Shown::from(message)).unwrap_or_default()
}

/// A message: everything but what it says.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Message, examples(json!({
    "id": "019b7992-6800-7c4e-a9d1-5b0f8e7a3c21", "state": "sent", "reason": null, "to": "+491701234567", "from": "ACME",
    "gateway": "clickatell", "route": null, "tag": "login", "priority": "high", "parts": 1, "provider_ids": ["abc"],
    "created_at": "2026-01-01T12:00:00.000Z", "updated_at": "2026-01-01T12:00:00.412Z",
    "expires_at": "2026-01-01T12:10:00.000Z",
    "attempts": [{
        "gateway": "clickatell", "started_at": "2026-01-01T12:00:00.003Z", "ended_at": "2026-01-01T12:00:00.412Z",
        "outcome": "accepted", "code": "200", "detail": null
    }],
    "events": [
        { "at": "2026-01-01T12:00:00.000Z", "state": "queued" },
        { "at": "2026-01-01T12:00:00.003Z", "state": "sending" },
        { "at": "2026-01-01T12:00:00.412Z", "state": "sent" }
    ],
    "receipts": []
})))]
pub struct Shown<'m> {
    /// Its id: a UUIDv7, which sorts by time of acceptance.
    #[schema(value_type = String, format = "uuid")]
    id: &'m MessageId,
    /// Where it stands.
    state: State,
    /// Why it failed: the last attempt's outcome. `null` unless the state is `failed`.
    #[schema(required = true)]
    reason: Option<OutcomeKind>,
    /// Whom it is for.
    #[schema(value_type = String)]
    to: &'m Recipient,
    /// The sender that the recipient is to see.
    #[schema(required = true)]
    from: Option<&'m str>,
    /// The gateway that it goes through now, or went through.
    gateway: &'m str,
    /// The route that it takes; `null` where it names its gateway.
    #[schema(required = true)]
    route: Option<&'m str>,
    /// The application's own word for its kind.
    #[schema(required = true)]
    tag: Option<&'m str>,
    /// How urgent it is.
    priority: Priority,
    /// Number of parts that it was sent in; 0 before it is sent.
    parts: u32,
    /// Ids that the service gave to its parts.
    provider_ids: &'m [String],
    /// When it was accepted.
    created_at: Timestamp,
    /// When its state last changed.
    updated_at: Timestamp,
    /// Never submitted at or after.
    expires_at: Timestamp,
    /// Its submissions, oldest first.
    attempts: Vec<ShownAttempt<'m>>,
    /// Its changes of state, oldest first; the first is `queued`.
    events: Vec<ShownEvent>,
    /// What the service said later of its parts: the last word on each.
    receipts: Vec<ShownReceipt<'m>>,
}

/// One submission to one gateway.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Attempt)]
struct ShownAttempt<'m> {
    /// The gateway.
    gateway: &'m str,
    /// When it was handed to the provider.
    started_at: Timestamp,
    /// When the outcome was known.
    ended_at: Timestamp,
    /// What it came to.
    outcome: OutcomeKind,
    /// The service's own code: an HTTP status, an SMPP command status, an exit code.
    #[schema(required = true)]
    code: Option<&'m str>,
    /// The service's own words, or what the host has to say.
    #[schema(required = true)]
    detail: Option<&'m str>,
}

/// A change of state.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Event)]
struct ShownEvent {
    /// When.
    at: Timestamp,
    /// The state from then on.
    state: State,
}

/// What the service said of one part.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = PartReceipt)]
struct ShownReceipt<'m> {
    /// The id that the service gave to the part.
    provider_id: &'m str,
    /// What became of it.
    status: ReceiptStatus,
    /// The service's own code.
    #[schema(required = true)]
    code: Option<&'m str>,
    /// The service's own words.
    #[schema(required = true)]
    detail: Option<&'m str>,
    /// When it came.
    at: Timestamp,
}

impl<'m> From<&'m Message> for Shown<'m> {
    fn from(message: &'m Message) -> Self {
        Self {
            id: &message.id,
            state: message.state,
            reason: message.reason,
            to: &message.to,
            from: message.from.as_deref(),
            gateway: &message.gateway,
            route: message.route.as_deref(),
            tag: message.tag.as_deref(),
            priority: message.priority,
            parts: message.parts,
            provider_ids: &message.provider_ids,
            created_at: message.created_at,
            updated_at: message.updated_at,
            expires_at: message.expires_at,
            attempts: message.attempts.iter().map(ShownAttempt::from).collect(),
            events: message.events.iter().map(ShownEvent::from).collect(),
            receipts: message.receipts.iter().map(ShownReceipt::from).collect(),
        }
    }
}

impl<'m> From<&'m Attempt> for ShownAttempt<'m> {
    fn from(attempt: &'m Attempt) -> Self {
        Self {
            gateway: &attempt.gateway,
            started_at: attempt.started_at,
            ended_at: attempt.ended_at,
            outcome: attempt.outcome.kind,
            code: attempt.outcome.code.as_deref(),
            detail: attempt.outcome.detail.as_deref(),
        }
    }
}

impl From<&Event> for ShownEvent {
    fn from(event: &Event) -> Self {
        Self { at: event.at, state: event.state }
    }
}

impl<'m> From<&'m PartReceipt> for ShownReceipt<'m> {
    fn from(receipt: &'m PartReceipt) -> Self {
        Self {
            provider_id: &receipt.provider_id,
            status: receipt.status,
            code: receipt.code.as_deref(),
            detail: receipt.detail.as_deref(),
            at: receipt.at,
        }
    }
}

impl Serialize for MessageId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Recipient {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("RFC 3339, in UTC, with milliseconds."))
            .examples([json!("2026-01-01T12:00:00.000Z")])
            .into()
    }
}

impl ToSchema for Timestamp {
    fn name() -> Cow<'static, str> {
        "Time".into()
    }
}

macro_rules! shown_as_word {
    ($($name:ident as $shown:literal: $description:literal,)+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .enum_values(Some(Self::ALL.iter().map(|word| word.as_str())))
                    .description(Some($description))
                    .into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                $shown.into()
            }
        }
    )+};
}

shown_as_word! {
    State as "State":
        "Where a message stands. `queued`: stored, waits for its turn. `sending`: handed to a provider, or on its way to the next \
         gateway. `sent`: a service took it. `delivered`, `undelivered`: what a receipt says. `failed`: no gateway took it. \
         `expired`: its time passed before. `canceled`: by its sender.",
    Priority as "Priority":
        "The more urgent first within a gateway. Without it: `high` for a message whose outcome is waited for, else `normal`.",
    ReceiptStatus as "ReceiptStatus": "What became of a part that a service took: `pending` is still on its way.",
    OutcomeKind as "Outcome":
        "`accepted`: the service took it. `rejected`: it will never work through this gateway. `unavailable`: not submitted, a later \
         try may work. `throttled`: not submitted, the service asks to slow down. `uncertain`: it may have been submitted. \
         `misconfigured`: credentials or definition were refused.",
}
