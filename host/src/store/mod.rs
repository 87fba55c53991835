//! Where messages are kept: the trait [`Store`] with its promises, and the embedded engine.
//!
//! The trait is batches in, batches out, without a closure over a transaction, so that SQL on a
//! server can implement it as well as SQLite in this process.

#[cfg(test)]
pub mod conformance;
pub mod embedded;
mod history;
pub mod memory;
mod receipts;
mod spelling;
mod webhooks;

use crate::message::{
    Attempt, Content, Message, MessageId, NewMessage, OutcomeKind, Priority, Progress, Recipient, State,
    Timestamp, Validity, WebhookUrl,
};
use futures_util::future::BoxFuture;
pub use history::{Change, Filter, History};
pub use receipts::{Matched, Receipts, Received, Respelt, Unmatched};
use std::{fmt, sync::Arc};
pub use webhooks::{Dropped, NewInbound, News, Settled, Waiting, Webhook, Webhooks};

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

impl Place {
    /// Where a message is to wait first.
    pub fn first(new: &NewMessage) -> Self {
        Self { priority: new.priority, due_at: new.due_at, id: new.id }
    }
}

/// A message that waits for its submission, with all that the submission needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The gateway in whose queue it is.
    pub gateway: String,
    /// Its place in the queue.
    pub place: Place,
    /// `queued`, or `sending` if it is on its way from one gateway to the next.
    pub state: State,
    /// Whom it is for.
    pub to: Recipient,
    /// What it carries; empty where a read leaves it out.
    pub content: Content,
    /// The sender that the recipient is to see.
    pub from: Option<String>,
    /// The application's own word for its kind.
    pub tag: Option<String>,
    /// The gateways of its route in order of preference; empty where it names its gateway.
    pub plan: Vec<String>,
    /// How far it has come.
    pub progress: Progress,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// How long it is worth something.
    pub validity: Validity,
    /// Never submitted at or after, through whichever gateway.
    pub expires_at: Timestamp,
    /// Never submitted through `gateway` at or after.
    pub deadline: Timestamp,
    /// How many attempts it has behind it.
    pub attempts: u32,
    /// Where its changes of state are told, from `sent` on.
    pub callback_url: Option<WebhookUrl>,
    /// When a submission began that was marked on disk ([`Store::mark`]) and whose outcome is not known.
    pub marked_at: Option<Timestamp>,
}

impl Ready {
    /// A message as it waits once it is stored.
    pub fn first(new: &NewMessage) -> Self {
        Self {
            gateway: new.gateway.clone(),
            place: Place::first(new),
            state: State::Queued,
            to: new.to.clone(),
            content: new.content.clone(),
            from: new.from.clone(),
            tag: new.tag.clone(),
            plan: new.plan.clone(),
            progress: Progress::default(),
            created_at: new.created_at,
            validity: new.validity,
            expires_at: new.expires_at,
            deadline: new.deadline,
            attempts: 0,
            callback_url: new.callback_url.clone(),
            marked_at: None,
        }
    }
}

/// A piece of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Front {
    /// What is due, in order of [`Place`].
    pub ready: Vec<Ready>,
    /// Whether more may be due than that: a bound was reached.
    pub more: bool,
    /// When the next message of the queue is due that is not due yet.
    pub next_due: Option<Timestamp>,
}

/// Messages whose time for their gateway has passed while they waited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overdue {
    /// The messages, the earliest deadline first, without their contents.
    pub ready: Vec<Ready>,
    /// The earliest deadline that has not passed.
    pub next: Option<Timestamp>,
}

/// What becomes of a message that waited in a queue, to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The message.
    pub id: MessageId,
    /// The queue that it is taken from. A message that is not in this queue, at this place, any more is left as it is.
    pub from: (String, Place),
    /// The submission that led to it, if there was one. The message gets an event `sending` at its start, unless it is `sending`
    /// already; its parts and provider ids, if something went out.
    pub attempt: Option<Attempt>,
    /// When.
    pub at: Timestamp,
    /// What becomes of it.
    pub next: Next,
    /// Where its end is to be told: [`Ready::callback_url`].
    pub callback_url: Option<WebhookUrl>,
}

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is over: `sent`, `failed` or `expired`, with an event. Its content is erased.
    Finished {
        /// The state.
        state: State,
        /// Why it failed.
        reason: Option<OutcomeKind>,
    },
    /// It waits in a queue, perhaps another: `queued` for its next round, or `sending` on its way to the next gateway, with an event
    /// if the state changes. A mark is taken off.
    Waits {
        /// The gateway.
        gateway: String,
        /// The state.
        state: State,
        /// Not submitted before.
        due_at: Timestamp,
        /// Never submitted through `gateway` at or after.
        deadline: Timestamp,
        /// How far it has come.
        progress: Progress,
    },
}

/// What came of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Whether the message was where the step takes it from; else nothing was changed.
    pub taken: bool,
    /// Receipts that had come before it was known that they belong to this message.
    pub receipts: u32,
    /// Where those took the message: `delivered` or `undelivered`.
    pub moved: Option<State>,
}

/// A request that is to be carried out once, however often it comes: the first one's messages stand for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// Name of the API key that it came with; empty where the host has no keys. Others' keys are others' requests.
    pub api_key: String,
    /// The `Idempotency-Key`.
    pub key: String,
    /// Of the request's content: the same key with another content is a mistake.
    pub fingerprint: [u8; 32],
    /// Now. What is remembered for longer than 24 h is forgotten.
    pub at: Timestamp,
}

/// What came of an insert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// The messages are on disk.
    Stored,
    /// The same request was there before, within 24 h: nothing was stored. These are its messages.
    Known(Vec<MessageId>),
    /// The key was there before, within 24 h, with another request. Nothing was stored.
    Conflict,
}

/// What came of a cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canceled {
    /// It is `canceled`.
    Done,
    /// It is in this state, not `queued`: left as it is.
    Refused(State),
    /// There is no such message.
    Unknown,
}

/// What the store takes on its disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// What it takes.
    pub used: u64,
    /// What is free beside it.
    pub free: u64,
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

impl StoreError {
    /// The word used in metrics; `None` for what is no trouble of the store's.
    pub fn as_str(&self) -> Option<&'static str> {
        match self {
            Self::Busy => Some("busy"),
            Self::Full => Some("full"),
            Self::Unwritable(_) => Some("unwritable"),
            Self::Damaged(_) => Some("damaged"),
            Self::Closed => None,
        }
    }
}

/// Keeps messages. What a future of this trait has acknowledged survives `kill -9` and power loss.
///
/// # Cancellation
/// A future that is dropped may have done its work or not, never half of it.
pub trait Store: History + Receipts + Webhooks + fmt::Debug + Send + Sync + 'static {
    /// Stores the batch, all or none: each message as `queued` in its gateway's queue, with its event; with `once`, unless
    /// that request was there before. Resolves when it is on disk.
    ///
    /// # Errors
    /// Any [`StoreError`]; nothing of the batch was stored then.
    fn insert(
        &self,
        batch: Vec<NewMessage>,
        once: Option<Once>,
    ) -> BoxFuture<'_, Result<Inserted, StoreError>>;

    /// What came of the same request before: [`Inserted::Known`] or [`Inserted::Conflict`]; `None` if it is a new one, or forgotten. An
    /// insert decides it again.
    ///
    /// # Errors
    /// Any [`StoreError`] of reading.
    fn known(&self, once: &Once) -> BoxFuture<'_, Result<Option<Inserted>, StoreError>>;

    /// Records the steps, all or none. A step is not taken if the message is not where the step takes it from. Receipts that came before
    /// for what it got from the service ([`Receipts::receive`]) are matched. Resolves when it is on disk.
    ///
    /// # Errors
    /// Any [`StoreError`]; nothing of the batch was recorded then: ask again.
    fn record(&self, batch: Arc<[Step]>) -> BoxFuture<'_, Result<Vec<Recorded>, StoreError>>;

    /// Marks on disk that a submission of the message begins at `at`: `sending`, with an event, unless it is that already. Whether it was
    /// marked: not if it is no longer in the queue, at the place, that it is expected at. Resolves when it is on disk.
    ///
    /// # Errors
    /// Any [`StoreError`]; nothing was marked then.
    fn mark(
        &self,
        id: MessageId,
        from: (String, Place),
        at: Timestamp,
    ) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Cancels a message that is `queued`: out of its queue, its content erased. Resolves when it is on disk.
    ///
    /// # Errors
    /// Any [`StoreError`]; nothing was changed then.
    fn cancel(&self, id: MessageId, at: Timestamp) -> BoxFuture<'_, Result<Canceled, StoreError>>;

    /// The first messages of a gateway's queue that are due at `now`, in order of their [`Place`]: at most `limit` messages, and no
    /// more once their contents exceed `max_bytes` (at least one, if there is one).
    /// They stay in the queue until a step takes them out.
    ///
    /// # Errors
    /// Any [`StoreError`] of reading.
    fn ready(
        &self,
        gateway: &str,
        now: Timestamp,
        limit: usize,
        max_bytes: usize,
    ) -> BoxFuture<'_, Result<Front, StoreError>>;

    /// Messages of a gateway's queue that have a plan, due or not, in order of [`Place`] after `after`, at most `limit`; without
    /// their contents.
    ///
    /// # Errors
    /// Any [`StoreError`] of reading.
    fn planned(
        &self,
        gateway: &str,
        after: Option<Place>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Ready>, StoreError>>;

    /// Messages of all queues whose deadline is at or before `now`, the earliest first, at most `limit`, without their contents; and the
    /// earliest deadline after `now` in any queue.
    ///
    /// # Errors
    /// Any [`StoreError`] of reading.
    fn overdue(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Overdue, StoreError>>;

    /// Since when the oldest message of each queue waits, which is its `send_at` or its acceptance; about: that of the first at each
    /// priority.
    ///
    /// # Errors
    /// Any [`StoreError`] of reading.
    fn oldest(&self) -> BoxFuture<'_, Result<Vec<(String, Timestamp)>, StoreError>>;

    /// The gateways in whose queues messages wait, with how many. Costs nothing.
    fn depths(&self) -> Vec<(String, u64)>;

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

    /// What it takes on its disk; `None` where it is on none.
    ///
    /// # Errors
    /// The disk can't be asked.
    fn space(&self) -> BoxFuture<'_, Result<Option<Space>, StoreError>>;

    /// Finishes what waits for the disk and closes. Every call after it is [`StoreError::Closed`].
    fn close(&self) -> BoxFuture<'_, ()>;
}
