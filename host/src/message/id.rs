//! Identity of a message: a UUIDv7, so that ids sort by time of acceptance.

use super::Timestamp;
use std::{fmt, str::FromStr, sync::Mutex, time::Duration};
use uuid::{ContextV7, Uuid};

/// Id of a message: UUIDv7, written as 36 lower-case characters, sortable by time as text and as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(Uuid);

/// The last millisecond that a UUIDv7 can hold, in the year 10889.
///
/// # Source
/// RFC 9562, section 5.7: 48 bits.
const LATEST: u64 = (1 << 48) - 1;

/// Makes the ids of a host's messages by the host's own clock: each larger than all before it.
#[derive(Debug, Default)]
pub struct MessageIds(Mutex<ContextV7>);

impl MessageIds {
    /// A new id, of the millisecond `now`; of that of the last id where the clock was put back: [`MessageId::time`] says it.
    pub fn at(&self, now: Timestamp) -> MessageId {
        let since_1970 = now.since(Timestamp::from_millis(0)).min(Duration::from_millis(LATEST));
        let time = uuid::Timestamp::from_unix(&self.0, since_1970.as_secs(), since_1970.subsec_nanos());
        MessageId(Uuid::new_v7(time))
    }
}

/// The text is not a message id.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("not a message id")]
pub struct InvalidId;

impl MessageId {
    /// A new id. Ids made one after the other in this process sort in that order, within a millisecond too.
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// Smaller than every id of this millisecond and later ones, larger than every earlier one: a bound, no message's id.
    pub fn first_at(at: Timestamp) -> Self {
        let millis = u64::try_from(at.as_millis()).unwrap_or(0).min(LATEST);
        Self(Uuid::from_u128(u128::from(millis) << 80))
    }

    /// When it was made, to the millisecond.
    pub fn time(&self) -> Timestamp {
        let millis = u64::try_from(self.0.as_u128() >> 80).unwrap_or(LATEST);
        Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
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

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_millis(1_767_268_800_007);

    #[test]
    fn ids_ascend_and_carry_their_time_whatever_the_clock_does() {
        let ids = MessageIds::default();
        let mut last = ids.at(NOON);
        assert_eq!(last.time(), NOON);
        // Within a millisecond, back, and on.
        for (offset, shows) in
            [(0, 0), (0, 0), (-5000, 0), (-1, 0), (0, 0), (1, 1), (90_000, 90_000), (7, 90_000)]
        {
            for _ in 0..100 {
                let id = ids.at(Timestamp::from_millis(NOON.as_millis() + offset));
                assert!(id > last, "{offset}");
                assert_eq!(id.time().as_millis(), NOON.as_millis() + shows, "{offset}");
                last = id;
            }
        }
    }

    #[test]
    fn a_bound_parts_the_ids_of_a_millisecond_from_those_before() {
        let ids = MessageIds::default();
        let (before, of) = (ids.at(Timestamp::from_millis(NOON.as_millis() - 1)), ids.at(NOON));
        assert!(before < MessageId::first_at(NOON) && MessageId::first_at(NOON) < of);
        for out_of_range in [Timestamp::from_millis(-1), Timestamp::from_millis(i64::MAX)] {
            let id = MessageId::first_at(out_of_range);
            assert_eq!(id > of, out_of_range > NOON);
            assert!(MessageIds::default().at(out_of_range) >= id);
        }
    }
}
