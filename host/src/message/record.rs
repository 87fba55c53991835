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

impl Content {
    /// Bytes of all of it.
    pub fn len(&self) -> usize {
        self.parts().map(|part| part.expose().len()).sum()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its parts, those that there are.
    pub fn parts(&self) -> impl Iterator<Item = &Text> {
        [Some(&self.text), self.title.as_ref(), self.data.as_ref()].into_iter().flatten()
    }
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

impl Message {
    /// The message as it is kept right after it was accepted.
    pub fn queued(new: &NewMessage) -> Self {
        Self {
            id: new.id,
            to: new.to.clone(),
            from: new.from.clone(),
            gateway: new.gateway.clone(),
            tag: new.tag.clone(),
            priority: new.priority,
            created_at: new.created_at,
            updated_at: new.created_at,
            expires_at: new.expires_at,
            api_key: new.api_key.clone(),
            state: State::Queued,
            reason: None,
            parts: 0,
            provider_ids: Vec::new(),
            attempts: Vec::new(),
            events: vec![Event { at: new.created_at, state: State::Queued }],
        }
    }

    /// The message as it stands while a submission is going on since `started_at`.
    #[must_use]
    pub fn sending(mut self, started_at: Timestamp) -> Self {
        self.state = State::Sending;
        self.updated_at = started_at;
        self.events.push(Event { at: started_at, state: State::Sending });
        self
    }

    /// The message as it stands after it finished.
    pub fn finish(
        &mut self,
        state: State,
        at: Timestamp,
        attempt: Option<Attempt>,
        reason: Option<super::OutcomeKind>,
    ) {
        if let Some(attempt) = attempt {
            self.parts = attempt.outcome.parts;
            self.provider_ids.clone_from(&attempt.outcome.provider_ids);
            if self.state != State::Sending {
                self.events.push(Event { at: attempt.started_at, state: State::Sending });
            }
            self.attempts.push(attempt);
        }
        self.events.push(Event { at, state });
        (self.state, self.updated_at, self.reason) = (state, at, reason);
    }
}
