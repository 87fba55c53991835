//! A message as it is accepted, and as it is kept.

use super::{MessageId, Outcome, PartReceipt, Priority, Recipient, State, Text, Timestamp, WebhookUrl};
use std::time::Duration;

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

/// How long a message is worth something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// When its time began: `send_at`, else its acceptance.
    pub from: Timestamp,
    /// Its own `valid_for`; `None`: that of the gateway that it goes through.
    pub own: Option<Duration>,
}

impl Validity {
    /// When the message's time passes for a gateway with this `valid_for`.
    pub fn deadline(self, valid_for: Duration) -> Timestamp {
        self.from.plus(self.own.unwrap_or(valid_for))
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
    /// The gateway in whose queue it begins.
    pub gateway: String,
    /// The route that it takes; `None` where it names its gateway.
    pub route: Option<String>,
    /// The gateways of its route in order of preference, as they were when it was accepted; empty where it names its gateway.
    pub plan: Vec<String>,
    /// The application's own word for its kind; routes match it.
    pub tag: Option<String>,
    /// How urgent it is.
    pub priority: Priority,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Not submitted before.
    pub due_at: Timestamp,
    /// How long it is worth something.
    pub validity: Validity,
    /// Never submitted at or after, through whichever gateway.
    pub expires_at: Timestamp,
    /// Never submitted through `gateway` at or after.
    pub deadline: Timestamp,
    /// Name of the API key that it came with; `None` where the host has no keys.
    pub api_key: Option<String>,
    /// Where its changes of state are told, from `sent` on.
    pub callback_url: Option<WebhookUrl>,
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
    /// The gateway that it goes through now, or went through.
    pub gateway: String,
    /// The route that it takes; `None` where it names its gateway.
    pub route: Option<String>,
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
    /// Where its changes of state are told, from `sent` on.
    pub callback_url: Option<WebhookUrl>,
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
    /// What the service said later of its parts: the last word on each, in the order in which those came.
    pub receipts: Vec<PartReceipt>,
}

impl Message {
    /// The message as it is kept right after it was accepted.
    pub fn queued(new: &NewMessage) -> Self {
        Self {
            id: new.id,
            to: new.to.clone(),
            from: new.from.clone(),
            gateway: new.gateway.clone(),
            route: new.route.clone(),
            tag: new.tag.clone(),
            priority: new.priority,
            created_at: new.created_at,
            updated_at: new.created_at,
            expires_at: new.expires_at,
            api_key: new.api_key.clone(),
            callback_url: new.callback_url.clone(),
            state: State::Queued,
            reason: None,
            parts: 0,
            provider_ids: Vec::new(),
            attempts: Vec::new(),
            events: vec![Event { at: new.created_at, state: State::Queued }],
            receipts: Vec::new(),
        }
    }

    /// The message as it stands while a submission is said to be going on since `began`, which may be over: its outcome is on disk a
    /// moment before its gateway lets go of the message.
    #[must_use]
    pub fn submitted_since(self, began: Timestamp) -> Self {
        // No attempt of an earlier submission began after this one did.
        let is_over = self.attempts.last().is_some_and(|attempt| attempt.started_at >= began);
        if is_over || self.state.is_finished() { self } else { self.sending(began) }
    }

    /// The message as it stands while a submission is going on since `started_at`.
    #[must_use]
    pub fn sending(mut self, started_at: Timestamp) -> Self {
        self.change(State::Sending, started_at, None);
        self
    }

    /// What one submission left behind: the attempt, and an event `sending` at its start, unless the message was `sending` already.
    pub fn attempted(&mut self, attempt: Attempt) {
        if self.state != State::Sending {
            self.events.push(Event { at: attempt.started_at, state: State::Sending });
            (self.state, self.updated_at) = (State::Sending, attempt.started_at);
        }
        self.gateway.clone_from(&attempt.gateway);
        if attempt.outcome.kind == super::OutcomeKind::Accepted || !attempt.outcome.provider_ids.is_empty() {
            self.parts = attempt.outcome.parts;
            self.provider_ids.clone_from(&attempt.outcome.provider_ids);
        }
        self.attempts.push(attempt);
    }

    /// Changes the state, with its event, unless it is that already.
    pub fn change(&mut self, state: State, at: Timestamp, reason: Option<super::OutcomeKind>) {
        if self.state != state {
            self.events.push(Event { at, state });
        }
        (self.state, self.updated_at, self.reason) = (state, at, reason);
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Outcome, OutcomeKind},
        *,
    };
    use crate::store::conformance::new_message;

    #[test]
    fn a_submission_whose_outcome_is_known_goes_on_no_more() {
        let message = Message::queued(&new_message("one", "hello"));
        let (began, ended) = (message.created_at, Timestamp::from_millis(message.created_at.as_millis() + 1));
        assert_eq!(message.clone().submitted_since(began), message.clone().sending(began));
        let mut again = message;
        let outcome = Outcome::new(OutcomeKind::Unavailable, "no");
        again.attempted(Attempt { gateway: "one".into(), started_at: began, ended_at: ended, outcome });
        again.change(State::Queued, ended, None);
        assert_eq!(again.clone().submitted_since(began), again, "its gateway has yet to let go of it");
        let next = Timestamp::from_millis(ended.as_millis() + 1);
        assert_eq!(again.clone().submitted_since(next), again.clone().sending(next));
        let mut over = again;
        over.change(State::Canceled, ended, None);
        assert_eq!(over.clone().submitted_since(next), over);
    }
}
