//! What a service says later of what it took.

use super::{Timestamp, state::ReceiptStatus};

/// A delivery receipt, as a provider hands it over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The gateway through which it came: ids are its service's own.
    pub gateway: String,
    /// The id that the service gave to the part.
    pub provider_id: String,
    /// Other spellings of that id, to be looked for if there is no message with the id itself.
    pub also: Vec<String>,
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
