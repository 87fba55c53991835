//! What an author gets for each message, and what the provider answers.

use crate::Verdict;
use std::{
    fmt,
    time::{Duration, SystemTime},
};

/// A message to submit. `Debug` shows neither recipient nor text.
#[derive(Clone)]
#[non_exhaustive]
pub struct Message {
    /// The host's id of the message.
    pub id: String,
    /// Whom it is for: a phone number, an address, a device token. As the application wrote it.
    pub to: String,
    /// The sender that the recipient is to see, where the service allows to choose it.
    pub from: Option<String>,
    /// The text; empty for a push that has `data` alone.
    pub text: String,
    /// Title of a push notification.
    pub title: Option<String>,
    /// The application's own word for its kind.
    pub tag: Option<String>,
    /// Data of a push notification: a JSON document, byte for byte as it came.
    pub data: Option<String>,
    /// Worth nothing from then on.
    pub expires_at: SystemTime,
    /// Which submission of this message it is, from 1.
    pub attempt: u32,
}

impl Message {
    /// A message with an id, a recipient and a text, valid for ten minutes: for tests of a provider.
    pub fn new(id: &str, to: &str, text: &str) -> Self {
        Self {
            id: id.into(),
            to: to.into(),
            from: None,
            text: text.into(),
            title: None,
            tag: None,
            data: None,
            expires_at: SystemTime::now() + Duration::from_secs(600),
            attempt: 1,
        }
    }

    /// How long the message is still worth something; zero once its time has passed.
    pub fn remaining(&self) -> Duration {
        self.expires_at.duration_since(SystemTime::now()).unwrap_or_default()
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("id", &self.id)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

/// The provider took the message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted {
    /// The service's ids of the parts, in their order; receipts name them. Empty if the service gives none.
    pub ids: Vec<String>,
    /// Number of parts, at least 1.
    pub parts: u32,
    /// The service's own code.
    pub code: Option<String>,
    /// The service's own words. Never the message's text, never a secret.
    pub detail: Option<String>,
}

impl Accepted {
    /// Accepted as one part without an id.
    pub fn new() -> Self {
        Self { ids: Vec::new(), parts: 1, code: None, detail: None }
    }

    /// Adds the service's id of the next part.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.ids.push(id.into());
        self.parts = self.parts.max(u32::try_from(self.ids.len()).unwrap_or(u32::MAX));
        self
    }

    /// The number of parts.
    #[must_use]
    pub fn parts(mut self, parts: u32) -> Self {
        self.parts = parts.max(1);
        self
    }

    /// The service's own code.
    #[must_use]
    pub fn code(mut self, code: impl fmt::Display) -> Self {
        self.code = Some(code.to_string());
        self
    }

    /// The service's own words.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

impl Default for Accepted {
    fn default() -> Self {
        Self::new()
    }
}

/// The provider did not take the message, or may not have: verdict, the service's own code and words, retry-after.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubmitError {
    /// What the host makes of it.
    pub verdict: Verdict,
    /// The service's own code: an HTTP status, an SMPP command status, an exit code.
    pub code: Option<String>,
    /// What happened, in the service's words or the provider's. Never the message's text, never a secret.
    pub detail: String,
    /// How long the service asks to wait.
    pub after: Option<Duration>,
    /// Ids of parts that went out all the same.
    pub ids: Vec<String>,
}

impl SubmitError {
    fn new(verdict: Verdict, detail: impl Into<String>) -> Self {
        Self { verdict, code: None, detail: detail.into(), after: None, ids: Vec::new() }
    }

    /// This message will never work through this gateway; it was not sent.
    pub fn rejected(detail: impl Into<String>) -> Self {
        Self::new(Verdict::Rejected, detail)
    }

    /// Not submitted; a later try may work.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(Verdict::Unavailable, detail)
    }

    /// The service asks to slow down; not submitted. Say for how long with [`SubmitError::after`], if it does.
    pub fn throttled(detail: impl Into<String>) -> Self {
        Self::new(Verdict::Throttled, detail)
    }

    /// May have been submitted: **a retry may duplicate the message**.
    pub fn uncertain(detail: impl Into<String>) -> Self {
        Self::new(Verdict::Uncertain, detail)
    }

    /// Credentials or definition were refused; every message would be.
    pub fn misconfigured(detail: impl Into<String>) -> Self {
        Self::new(Verdict::Misconfigured, detail)
    }

    /// The service's own code.
    #[must_use]
    pub fn code(mut self, code: impl fmt::Display) -> Self {
        self.code = Some(code.to_string());
        self
    }

    /// How long the service asks to wait.
    #[must_use]
    pub fn after(mut self, after: Duration) -> Self {
        self.after = Some(after);
        self
    }

    /// The service's id of a part that went out all the same.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.ids.push(id.into());
        self
    }
}

impl fmt::Display for SubmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.verdict, self.detail)
    }
}

impl std::error::Error for SubmitError {}

/// What the service says later of a message, or sends on its own: goes to the host with `Context::deliver`.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A delivery receipt.
    Receipt(Receipt),
    /// An inbound message.
    Inbound(Inbound),
}

/// Shows nothing of an inbound message.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Receipt(receipt) => receipt.fmt(f),
            Self::Inbound(inbound) => inbound.fmt(f),
        }
    }
}

/// A delivery receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The id that the service gave to the part.
    pub provider_id: String,
    /// What became of it.
    pub status: ReceiptStatus,
    /// The service's own code.
    pub code: Option<String>,
    /// The service's own words.
    pub detail: Option<String>,
    /// How the service may have spelled the id when it took the part: see [`Receipt::spelling`].
    pub spellings: Vec<String>,
}

/// What became of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReceiptStatus {
    /// It arrived.
    Delivered,
    /// It will not arrive.
    Undelivered,
    /// Still on its way.
    Pending,
}

/// A message that somebody sent to one of the service's numbers. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inbound {
    /// Who sent it.
    pub from: String,
    /// To which number.
    pub to: String,
    /// The text.
    pub text: String,
}

impl Receipt {
    /// A receipt for the part that the service calls `provider_id`.
    pub fn new(provider_id: impl Into<String>, status: ReceiptStatus) -> Self {
        Self { provider_id: provider_id.into(), status, code: None, detail: None, spellings: Vec::new() }
    }

    /// The service's own code.
    #[must_use]
    pub fn code(mut self, code: impl fmt::Display) -> Self {
        self.code = Some(code.to_string());
        self
    }

    /// The service's own words.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Another way in which the service may have spelled the id when it took the part, where it is known to change that. The host looks
    /// for it only where the id itself is none of the gateway's, and takes it only where it can't mean another part. At most 128.
    #[must_use]
    pub fn spelling(mut self, spelling: impl Into<String>) -> Self {
        self.spellings.push(spelling.into());
        self
    }
}

impl Inbound {
    /// A message from `from` to `to`.
    pub fn new(from: impl Into<String>, to: impl Into<String>, text: impl Into<String>) -> Self {
        Self { from: from.into(), to: to.into(), text: text.into() }
    }
}

impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbound").finish_non_exhaustive()
    }
}
