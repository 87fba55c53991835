//! What services say later of what they took.

use super::StoreError;
use crate::message::{MessageId, Receipt, State, Timestamp, WebhookUrl};
use futures_util::future::BoxFuture;

/// What came of a receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// It belongs to this message.
    Matched(Matched),
    /// No message has this id at this gateway, or none yet: it is kept, and matched if a message that was accepted before it came turns
    /// out to have got this id.
    Unmatched,
    /// Its id may have been spelled otherwise when it was given: it is kept until [`Receipts::respell`] decides.
    Open,
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

/// What came of receipts whose ids may have been spelled otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Respelt {
    /// Those that belong to a message.
    pub matched: Vec<Matched>,
    /// Whether some are left that can be decided on.
    pub more: bool,
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

    /// Decides on the receipts of a gateway that came before `before` and are [`Received::Open`], at most `limit`. To be asked when every
    /// submission through it that was under way then is recorded: a receipt belongs to the part of its very id if there is one; else, by
    /// another spelling, to the only part of which nothing was said yet, unless the service was seen to give ids back as they were. Where
    /// the service was seen to respell ids, the other spelling counts for more.
    ///
    /// # Errors
    /// Any [`StoreError`]; nothing was decided then.
    fn respell(
        &self,
        gateway: &str,
        before: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Respelt, StoreError>>;

    /// The gateways for which receipts are [`Received::Open`], each with when the first of them came.
    ///
    /// # Errors
    /// Any [`StoreError`] of reading.
    fn undecided(&self) -> BoxFuture<'_, Result<Vec<(String, Timestamp)>, StoreError>>;

    /// Submissions through these gateways may have been cut off: their services may have taken parts whose ids nobody got to know. After
    /// that, as after a submission that ended as `uncertain`, a short id of another spelling convinces nobody.
    ///
    /// # Errors
    /// Any [`StoreError`].
    fn interrupted(&self, gateways: Vec<String>) -> BoxFuture<'_, Result<(), StoreError>>;

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
