//! A message as it is accepted, and as it is kept.

use super::{MessageId, Outcome, Priority, Recipient, State, Text, Timestamp};

/// What a message carries. Erased from the store as soon as it is finished.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Content {
    /// The text; empty for a push that has `data` alone.
    pub text: Text,
    /// Title of a push notification.
    pub title: Option<Text>,
    /// Data of a push notification: a JSON document, byte for byte as it came.
    pub data: Option<Text>,
}

/// An admitted message, not stored yet. Nothing of this changes later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    /// Its id.
    pub id: MessageId,
    /// Whom it is for.
    pub to: Recipient,
    /// What it carries.
    pub content: Content,
    /// The sender that the recipient is to see, where the gateway allows to choose it.
    pub from: Option<String>,
    /// The gateway that it is to go through.
    pub gateway: String,
    /// The application's own word for its kind; routes match it.
    pub tag: Option<String>,
    /// How urgent it is.
    pub priority: Priority,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Not submitted before.
    pub due_at: Timestamp,
    /// Never submitted at or after.
    pub expires_at: Timestamp,
    /// Name of the API key that it came with; `None` where the host has no keys.
    pub api_key: Option<String>,
}

/// One submission of a message to one gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The gateway.
    pub gateway: String,
    /// When it was handed to the provider.
    pub started_at: Timestamp,
    /// When the outcome was known.
    pub ended_at: Timestamp,
    /// What it came to.
    pub outcome: Outcome,
}

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// The state from then on.
    pub state: State,
}

/// A message as it is kept and shown: without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// Whom it is for.
    pub to: Recipient,
    /// The sender that the recipient is to see.
    pub from: Option<String>,
    /// The gateway that it is to go through, or went through.
    pub gateway: String,
    /// The application's own word for its kind.
    pub tag: Option<String>,
    /// How urgent it is.
    pub priority: Priority,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When its state last changed.
    pub updated_at: Timestamp,
    /// Never submitted at or after.
    pub expires_at: Timestamp,
    /// Name of the API key that it came with.
    pub api_key: Option<String>,
    /// Where it stands.
    pub state: State,
    /// Why it failed: the last attempt's outcome. Only with [`State::Failed`].
    pub reason: Option<super::OutcomeKind>,
    /// Number of parts that it was sent in; 0 before it is sent.
    pub parts: u32,
    /// Ids that the provider gave to its parts.
    pub provider_ids: Vec<String>,
    /// Its submissions, oldest first.
    pub attempts: Vec<Attempt>,
    /// Its changes of state, oldest first; the first is `queued`.
    pub events: Vec<Event>,
}
