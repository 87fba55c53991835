//! States of a message, outcomes of an attempt, priorities.

use gatepost_provider_api::Verdict;
use std::{fmt, str::FromStr, time::Duration};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $number:literal $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant = $number,)+ }

        impl $name {
            /// Every one, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word used in the API, in metrics and in logs.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The number that the store keeps. It never changes.
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// What a stored number stands for.
            pub const fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = ();

            fn from_str(word: &str) -> Result<Self, ()> {
                match word { $($word => Ok(Self::$variant),)+ _ => Err(()) }
            }
        }
    };
}

words! {
    /// Where a message stands.
    State {
        /// Stored, waits for its turn.
        Queued = 0 "queued",
        /// Handed to a provider, or on its way to the next gateway.
        Sending = 1 "sending",
        /// A provider accepted it.
        Sent = 2 "sent",
        /// A receipt says that it arrived.
        Delivered = 3 "delivered",
        /// A receipt says that it will not arrive.
        Undelivered = 4 "undelivered",
        /// No gateway took it.
        Failed = 5 "failed",
        /// Its time passed before a gateway took it.
        Expired = 6 "expired",
        /// Canceled by its sender.
        Canceled = 7 "canceled",
    }
}

impl State {
    /// Whether nothing more will be submitted: the text is no longer needed.
    pub const fn is_finished(self) -> bool {
        !matches!(self, Self::Queued | Self::Sending)
    }
}

words! {
    /// How urgent a message is; the more urgent first within a gateway.
    Priority {
        /// Somebody waits for it: a code.
        High = 0 "high",
        /// The default for a message that nobody waits for.
        Normal = 1 "normal",
        /// Whenever there is room.
        Low = 2 "low",
    }
}

words! {
    /// What became of a part that a service took.
    ReceiptStatus {
        /// Still on its way.
        Pending = 0 "pending",
        /// It arrived.
        Delivered = 1 "delivered",
        /// It will not arrive.
        Undelivered = 2 "undelivered",
    }
}

words! {
    /// What an attempt came to, in one word.
    OutcomeKind {
        /// The provider took it.
        Accepted = 0 "accepted",
        /// This message will never work through this gateway.
        Rejected = 1 "rejected",
        /// Not submitted; a later try may work.
        Unavailable = 2 "unavailable",
        /// The service asks to slow down; not submitted.
        Throttled = 3 "throttled",
        /// May have been submitted: a retry may duplicate the message.
        Uncertain = 4 "uncertain",
        /// Credentials or definition were refused.
        Misconfigured = 5 "misconfigured",
    }
}

impl From<Verdict> for OutcomeKind {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Rejected => Self::Rejected,
            Verdict::Unavailable => Self::Unavailable,
            Verdict::Throttled => Self::Throttled,
            Verdict::Misconfigured => Self::Misconfigured,
            // A verdict that this version does not know: the message may have gone out.
            _ => Self::Uncertain,
        }
    }
}

/// What an attempt came to: verdict, the peer's own code and text, retry-after.
/// Neither `code` nor `detail` holds the message's text or a secret: whoever builds one redacts them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The verdict.
    pub kind: OutcomeKind,
    /// The service's own code: an HTTP status, an SMPP command status, an exit code.
    pub code: Option<String>,
    /// The service's own words, or what the host has to say.
    pub detail: Option<String>,
    /// How long the service asks to wait.
    pub after: Option<Duration>,
    /// Ids that the provider gave to the message's parts; receipts name them.
    pub provider_ids: Vec<String>,
    /// Number of parts that the message was sent in; 0 where nothing was accepted.
    pub parts: u32,
}

impl Outcome {
    /// An outcome with a text of the host's own.
    pub fn new(kind: OutcomeKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            code: None,
            detail: Some(detail.into()),
            after: None,
            provider_ids: Vec::new(),
            parts: 0,
        }
    }

    /// `accepted`, in `parts` parts that the provider calls `provider_ids`.
    pub fn accepted(provider_ids: Vec<String>, parts: u32) -> Self {
        Self { kind: OutcomeKind::Accepted, code: None, detail: None, after: None, provider_ids, parts }
    }
}
