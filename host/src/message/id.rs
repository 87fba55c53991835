//! Identity of a message: a UUIDv7, so that ids sort by time of acceptance.

use std::{fmt, str::FromStr};
use uuid::Uuid;

/// Id of a message: UUIDv7, written as 36 lower-case characters, sortable by time as text and as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(Uuid);

/// The text is not a message id.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("not a message id")]
pub struct InvalidId;

impl MessageId {
    /// A new id. Ids made one after the other in this process sort in that order, within a millisecond too.
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// The 16 bytes, as the store keeps them.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id behind the bytes that the store kept.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl Default for MessageId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0.as_hyphenated(), f)
    }
}

impl FromStr for MessageId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        // Other spellings of a UUID (braces, urn:, capitals) would give one message several addresses.
        let id = Uuid::try_parse(text).map_err(|_| InvalidId)?;
        if id.as_hyphenated().to_string() == text { Ok(Self(id)) } else { Err(InvalidId) }
    }
}
