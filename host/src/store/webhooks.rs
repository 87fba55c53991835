//! What is to be told to others, until they have taken it.

use super::StoreError;
use crate::{
    config::Endpoint,
    message::{Message, MessageId, State, Text, Timestamp, WebhookUrl},
};
use futures_util::future::BoxFuture;

/// Something to be told, and how often that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its place among all.
    pub seq: i64,
    /// Its id for the receiver: the same in every try.
    pub id: String,
    /// Where it goes.
    pub url: WebhookUrl,
    /// What it says; `None`: its message is kept no longer.
    pub news: Option<News>,
    /// When that came to be.
    pub at: Timestamp,
    /// How often it was tried in vain.
    pub tries: u32,
}

/// What is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A message has changed its state: the message as it stood then.
    Changed(Box<Message>),
    /// An inbound message: a JSON document.
    Inbound(Text),
}

/// An inbound message, to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewInbound {
    /// Its id for the receiver.
    pub id: String,
    /// Where it goes.
    pub to: Endpoint,
    /// A JSON document. Erased once it was taken, or given up.
    pub payload: Text,
    /// When it came.
    pub at: Timestamp,
}

/// What waits for one origin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// What is due, the earliest first: of each message its first change alone.
    pub due: Vec<Webhook>,
    /// When the next is due that is not due yet.
    pub next_due: Option<Timestamp>,
    /// Since when the oldest of all waits, due or not.
    pub oldest: Option<Timestamp>,
}

/// What came of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The webhook: [`Webhook::seq`].
    pub seq: i64,
    /// When it is due again, with one more try behind it; `None`: it is over, and what it said is erased.
    pub again_at: Option<Timestamp>,
}

/// What was waiting for too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// How many were dropped.
    pub count: u64,
    /// Since when the oldest waits that was not.
    pub oldest: Option<Timestamp>,
}

/// What is to be told to others, until they have taken it. A change of a message's state is put down with the change itself, if the
/// message has a `callback_url`: none is lost, and none told that did not happen.
pub trait Webhooks: Send + Sync {
    /// What waits for this origin: what is due at `now`, at most `limit`. It stays until it is settled.
    ///
    /// # Errors
    /// Any [`StoreError`] of reading.
    fn webhooks(
        &self,
        origin: &str,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Waiting, StoreError>>;

    /// Records what came of tries. Once a change of a message is over, its next one is due. Resolves when it is on disk.
    ///
    /// # Errors
    /// Any [`StoreError`]; nothing was recorded then: ask again.
    fn settle_webhooks(&self, batch: Vec<Settled>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Drops what waits for this origin since `before` or earlier, the oldest first, at most `limit`.
    ///
    /// # Errors
    /// Any [`StoreError`]; nothing was dropped then.
    fn drop_webhooks(
        &self,
        origin: &str,
        before: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Dropped, StoreError>>;

    /// Stores an inbound message, to be told. Resolves when it is on disk.
    ///
    /// # Errors
    /// Any [`StoreError`]; nothing was stored then.
    fn inbound(&self, new: NewInbound) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The origins for which something waits, with how much. Costs nothing.
    fn webhooks_waiting(&self) -> Vec<(String, u64)>;
}

/// The id of a change for its receiver. The specification has no dot in it.
pub(super) fn id_of_change(id: MessageId, state: State) -> String {
    format!("msg_{id}_{state}")
}

/// The origin of a stored address; `None` for one that is none: a forged row.
pub(super) fn origin_of(url: &str) -> Option<String> {
    Endpoint::parse(url).ok().map(|endpoint| endpoint.origin().to_owned())
}

/// The message as it stood when it became `state`: a webhook that waits for its receiver still tells what it was written for.
pub(super) fn as_of(message: &Message, state: State, at: Timestamp) -> Option<Message> {
    let change = message.events.iter().rposition(|event| event.state == state && event.at == at)?;
    message.stood_at(change)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::{new_message, sent};

    #[test]
    fn two_changes_within_a_millisecond_are_told_apart() {
        let new = new_message("one", "hello");
        let attempt = sent(&new).attempt.unwrap();
        let at = attempt.ended_at;
        let mut message = Message::queued(&new);
        message.attempted(attempt);
        message.change(State::Sent, at, None);
        let as_sent = message.clone();
        message.change(State::Delivered, at, None);
        assert_eq!(as_of(&message, State::Sent, at), Some(as_sent));
        assert_eq!(as_of(&message, State::Delivered, at), Some(message.clone()));
        assert_eq!(as_of(&message, State::Failed, at), None);
    }
}
