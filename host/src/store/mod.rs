//! Where messages are kept: the trait [`Store`] with its promises, and the embedded engine.
//!
//! The trait is batches in, batches out, without a closure over a transaction, so that SQL on a
//! server can implement it as well as SQLite in this process.

#[cfg(test)]
pub mod conformance;
pub mod embedded;
pub mod memory;

use crate::message::{
    Attempt, Content, Message, MessageId, NewMessage, OutcomeKind, Priority, Recipient, State, Timestamp,
};
use futures_util::future::BoxFuture;

/// A message's place in its gateway's queue: the smaller first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The more urgent first,
    pub priority: Priority,
    /// then the one due earlier,
    pub due_at: Timestamp,
    /// then the one accepted earlier.
    pub id: MessageId,
}

/// A message that waits for its submission, with all that the submission needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Its place in the queue.
    pub place: Place,
    /// Whom it is for.
    pub to: Recipient,
    /// What it carries.
    pub content: Content,
    /// The sender that the recipient is to see.
    pub from: Option<String>,
    /// The application's own word for its kind.
    pub tag: Option<String>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Never submitted at or after.
    pub expires_at: Timestamp,
    /// How many attempts it has behind it.
    pub attempts: u32,
}

/// The end of a message's time in the queue, to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finish {
    /// The message.
    pub id: MessageId,
    /// `sent`, `failed`, `expired` or `canceled`.
    pub state: State,
    /// When.
    pub at: Timestamp,
    /// The submission that ended it; `None` where it ended without one. It gives the message its parts and
    /// provider ids, and an event `sending` at its start, unless that one is recorded already.
    pub attempt: Option<Attempt>,
    /// Why it failed.
    pub reason: Option<OutcomeKind>,
}

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// More waits for the disk than may wait; ask again in a moment. Nothing was stored.
    #[error("the store is busy: too many requests wait for the disk")]
    Busy,
    /// The disk is full. Nothing of the batch was stored.
    #[error("the disk under the store is full")]
    Full,
    /// The store can't be written: read-only file, failing disk. Nothing of the batch was stored.
    #[error("the store can't be written: {0}")]
    Unwritable(String),
    /// What the store holds is not what it should hold.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// The store was closed: the host stops.
    #[error("the store is closed")]
    Closed,
}

/// Keeps messages. What a future of this trait has acknowledged survives `kill -9` and power loss.
///
/// # Cancellation
/// A future that is dropped may have done its work or not, never half of it.
pub trait Store: Send + Sync + 'static {
    /// Stores the batch, all or none: each message as `queued` in its gateway's queue, with its event.
    /// Resolves when it is on disk.
    ///
    /// # Errors
    /// Any [`StoreError`]; nothing of the batch was stored then.
    fn insert(&self, batch: Vec<NewMessage>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Records the end of these messages' time in the queue, all or none: state, attempt, events; erases their content and takes
    /// them out of the queue. One that is finished already, or unknown, is left as it is.
    /// Resolves when it is on disk.
    ///
    /// # Errors
    /// Any [`StoreError`]; nothing of the batch was recorded then: ask again.
    fn finish(&self, batch: Vec<Finish>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The first messages of a gateway's queue that are due at `now`, in order of their [`Place`]: at most `limit` messages, and no
    /// more once their contents exceed `max_bytes` (at least one, if there is one).
    /// They stay in the queue until they are finished.
    ///
    /// # Errors
    /// Any [`StoreError`] of reading.
    fn ready(
        &self,
        gateway: &str,
        now: Timestamp,
        limit: usize,
        max_bytes: usize,
    ) -> BoxFuture<'_, Result<Vec<Ready>, StoreError>>;

    /// The gateways in whose queues messages wait, with how many.
    ///
    /// # Errors
    /// Any [`StoreError`] of reading.
    fn queues(&self) -> BoxFuture<'_, Result<Vec<(String, u64)>, StoreError>>;

    /// One message; `None` if there is none of that id.
    ///
    /// # Errors
    /// Any [`StoreError`] of reading.
    fn message(&self, id: MessageId) -> BoxFuture<'_, Result<Option<Message>, StoreError>>;

    /// How many messages are not finished. Costs nothing.
    fn unfinished(&self) -> u64;

    /// Whether a message could be stored durably now: proves it with a write that reaches the disk.
    ///
    /// # Errors
    /// Why not.
    fn writable(&self) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Finishes what waits for the disk and closes. Every call after it is [`StoreError::Closed`].
    fn close(&self) -> BoxFuture<'_, ()>;
}
