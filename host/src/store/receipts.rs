//! What services say later of what they took.

use super::StoreError;
use crate::message::{MessageId, Receipt, State, WebhookUrl};
use futures_util::future::BoxFuture;

/// What came of a receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// It belongs to this message.
    Matched(Matched),
    /// No message has this id at this gateway, or none yet: it is kept, and matched if a message that was accepted before it came turns
    /// out to have got this id.
    Unmatched,
}

/// A message to which a receipt belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched {
    /// The message.
    pub id: MessageId,
    /// The state that it went to by this receipt.
    pub moved: Option<State>,
    /// Where that is told.
    pub callback_url: Option<WebhookUrl>,
}

/// A receipt that belongs to no message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmatched {
    /// Its number: the later it came, the larger.
    pub number: u64,
    /// The receipt.
    pub receipt: Receipt,
}

/// What services say later of what they took.
pub trait Receipts: Send + Sync {
    /// Stores receipts, all or none. Resolves when they are on disk.
    ///
    /// A receipt belongs to the message that got its id at its gateway; of several, whose service gives an id more than once, to the one
    /// that was accepted last. The first word for good on a part stays. A message that is `sent` becomes `delivered` when all the parts
    /// of the submission that was accepted are, `undelivered` when one of them is, with an event; nothing else changes its state.
    ///
    /// # Errors
    /// Any [`StoreError`]; nothing of the batch was stored then: the service is to send it again.
    fn receive(&self, batch: Vec<Receipt>) -> BoxFuture<'_, Result<Vec<Received>, StoreError>>;

    /// Receipts that belong to no message, of one gateway or of all, the latest first, before number `before`, at most `limit`.
    ///
    /// # Errors
    /// Any [`StoreError`] of reading.
    fn unmatched(
        &self,
        gateway: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Unmatched>, StoreError>>;
}
