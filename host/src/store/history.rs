//! What became of messages: lists of them, and the stream of their changes.

use super::StoreError;
use crate::message::{Message, MessageId, Recipient, State, Timestamp};
use futures_util::future::BoxFuture;
use tokio::sync::watch;

/// Which messages are wanted: those for which all holds that is said here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// In one of these states; empty: in any.
    pub states: Vec<State>,
    /// Through this gateway, or waiting for it.
    pub gateway: Option<String>,
    /// For this recipient.
    pub to: Option<Recipient>,
    /// With this tag.
    pub tag: Option<String>,
    /// Came with this API key.
    pub api_key: Option<String>,
    /// Accepted then or later, by the time in its id.
    pub since: Option<Timestamp>,
    /// Accepted before, by the time in its id.
    pub until: Option<Timestamp>,
}

impl Filter {
    /// Whether a message is wanted, as it is given.
    pub fn fits(&self, message: &Message) -> bool {
        let is =
            |wanted: &Option<String>, found: Option<&String>| wanted.is_none() || wanted.as_ref() == found;
        (self.states.is_empty() || self.states.contains(&message.state))
            && is(&self.gateway, Some(&message.gateway))
            && self.to.as_ref().is_none_or(|to| *to == message.to)
            && is(&self.tag, message.tag.as_ref())
            && is(&self.api_key, message.api_key.as_ref())
            && self.since.is_none_or(|since| message.id >= MessageId::first_at(since))
            && self.until.is_none_or(|until| message.id < MessageId::first_at(until))
    }
}

/// A change of a message's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its place among all changes: larger than that of every change before it, not always by one.
    pub number: u64,
    /// The message as it stood then: [`Message::stood_at`].
    pub message: Message,
}

/// What became of messages: lists of them, and the stream of their changes.
pub trait History: Send + Sync {
    /// The messages that `filter` wants, the last accepted first, at most `limit`: those before `before`, by the order of their ids.
    /// So a walk from page to page meets each message that was there at its start once, whatever is accepted meanwhile.
    ///
    /// # Errors
    /// Any [`StoreError`] of reading.
    fn list(
        &self,
        filter: &Filter,
        before: Option<MessageId>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Message>, StoreError>>;

    /// The changes of state after the one of number `after` (0: from the first), in the order in which they came to be on disk: `limit`, or all that
    /// there are. Those of messages that are no longer kept are gone with them. No change appears behind one that was read.
    ///
    /// # Errors
    /// Any [`StoreError`] of reading.
    fn changes(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Change>, StoreError>>;

    /// The number of the last change that is on disk, 0 if there was none yet; told anew after each write.
    fn latest(&self) -> watch::Receiver<u64>;
}
