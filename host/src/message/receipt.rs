//! What a service says later of what it took.

use super::{ReceiptStatus, State, Timestamp};

/// A delivery receipt, as a provider hands it over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The gateway through which it came: ids are its service's own.
    pub gateway: String,
    /// The id that the service gave to the part, as it spells it now.
    pub provider_id: String,
    /// How it may have spelled it when it took the part; empty where there is only one way, or the others have been looked at.
    pub spellings: Vec<String>,
    /// What became of the part.
    pub status: ReceiptStatus,
    /// The service's own code, free of texts and secrets.
    pub code: Option<String>,
    /// The service's own words, free of texts and secrets.
    pub detail: Option<String>,
    /// When it came.
    pub at: Timestamp,
}

/// The last word of the service on one part of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartReceipt {
    /// The id that the service gave to the part.
    pub provider_id: String,
    /// What became of the part.
    pub status: ReceiptStatus,
    /// The service's own code.
    pub code: Option<String>,
    /// The service's own words.
    pub detail: Option<String>,
    /// When it came.
    pub at: Timestamp,
}

/// Where the words on all parts of a message take it from `sent`; `None`: nowhere yet, or there is no part that a word could be on.
pub fn delivery_state(parts: impl Iterator<Item = Option<ReceiptStatus>>) -> Option<State> {
    let mut all = None;
    for status in parts {
        match status {
            Some(ReceiptStatus::Undelivered) => return Some(State::Undelivered),
            Some(ReceiptStatus::Delivered) => all = all.or(Some(true)),
            Some(ReceiptStatus::Pending) | None => all = Some(false),
        }
    }
    all.filter(|all| *all).map(|_| State::Delivered)
}
