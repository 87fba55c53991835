//! What became of one submission, in one word that host and provider share.

use std::fmt;

/// What a provider says of a submission that was not accepted. Crosses the boundary as an open number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// This message will never work through this gateway; it was not sent.
    Rejected,
    /// Not submitted; a later try may work.
    Unavailable,
    /// The service asks to slow down; not submitted.
    Throttled,
    /// May have been submitted: **a retry may duplicate the message**.
    Uncertain,
    /// Credentials or definition were refused; every message would be.
    Misconfigured,
}

impl Verdict {
    /// The number that crosses the boundary.
    pub const fn code(self) -> u32 {
        match self {
            Self::Rejected => 1,
            Self::Unavailable => 2,
            Self::Throttled => 3,
            Self::Uncertain => 4,
            Self::Misconfigured => 5,
        }
    }

    /// The verdict behind a number. One that this version does not know is [`Verdict::Uncertain`]:
    /// the message may have gone out.
    pub const fn from_code(code: u32) -> Self {
        match code {
            1 => Self::Rejected,
            2 => Self::Unavailable,
            3 => Self::Throttled,
            5 => Self::Misconfigured,
            _ => Self::Uncertain,
        }
    }

    /// The word used in the HTTP API, in metrics and in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Unavailable => "unavailable",
            Self::Throttled => "throttled",
            Self::Uncertain => "uncertain",
            Self::Misconfigured => "misconfigured",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
