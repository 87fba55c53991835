//! Points in time, and the clock that says which one is now.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::time::Instant;

/// A point in time: milliseconds since 1970 in UTC. Written as RFC 3339 with milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The point `millis` milliseconds after 1970 began.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970 began.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is before.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The point `span` later.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Reads an RFC 3339 time, of any offset; what is finer than a millisecond is cut off. `None` if it is none.
    ///
    /// # Source
    /// RFC 3339, section 5.6, `date-time`. ISO 8601 has shorter forms, which other programs read otherwise or not at all.
    pub fn from_rfc_3339(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (start, rest) = bytes.split_at_checked(START.len())?;
        let fraction = match rest.strip_prefix(b".") {
            Some(fraction) => {
                1 + fraction.iter().position(|byte| !byte.is_ascii_digit()).filter(|&at| at > 0)?
            }
            None => 0,
        };
        let offset = rest.get(fraction..)?;
        if has_form(start, START) && (has_form(offset, b"Z") || has_form(offset, b"+00:00")) {
            let time = text.parse::<jiff::Timestamp>().ok()?;
            return Some(Self(time.as_millisecond()));
        }
        None
    }

    /// The same point as the standard library writes it.
    pub fn to_system_time(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(u64::try_from(self.0).unwrap_or(0))
    }
}

/// The form of a time up to its seconds: 0 stands for any digit.
const START: &[u8] = b"0000-00-00T00:00:00";

/// Whether a text has this form; letters count in either case, as the RFC has it, and `+` stands for both signs.
fn has_form(text: &[u8], form: &[u8]) -> bool {
    let fits = |(byte, form): (&u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        b'+' => matches!(byte, b'+' | b'-'),
        form => byte.eq_ignore_ascii_case(form),
    };
    text.len() == form.len() && text.iter().zip(form).all(fits)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Out of jiff's range (year 9999) only by a forged store: the number is then more use than an error.
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => write!(f, "{time:.3}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

/// Says what time it is: the system, or for tests tokio's clock, which they can pause.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The system's clock, adjustments included.
    System,
    /// Showed `start` at `origin` and moves with tokio's clock.
    Tokio {
        /// When it was started.
        origin: Instant,
        /// What it showed then.
        start: Timestamp,
    },
}

impl Clock {
    /// A clock that shows `start` now and moves with tokio's clock alone.
    pub fn starting_at(start: Timestamp) -> Self {
        Self::Tokio { origin: Instant::now(), start }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => system_now(),
            Self::Tokio { origin, start } => start.plus(origin.elapsed()),
        }
    }
}

fn system_now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339_with_milliseconds() {
        assert_eq!(Timestamp::from_millis(1_767_268_800_000).to_string(), "2026-01-01T12:00:00.000Z");
        assert_eq!(Timestamp::from_millis(1_767_268_800_007).to_string(), "2026-01-01T12:00:00.007Z");
    }

    #[test]
    fn times_are_read_as_rfc_3339_has_them() {
        for (text, millis) in [
            ("2026-01-01T12:00:00Z", 1_767_268_800_000),
            ("2026-01-01t12:00:00.0079z", 1_767_268_800_007),
            ("2026-01-01T13:30:00.5+01:30", 1_767_268_800_500),
            ("2026-01-01T12:00:00-00:00", 1_767_268_800_000),
        ] {
            assert_eq!(Timestamp::from_rfc_3339(text), Some(Timestamp::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "tomorrow",
            "2026-01-01",
            "2026-01-01T12:00:00",
            "2026-01-01 12:00:00Z",
            "2026-01-01T12:00Z",
            "20260101T120000Z",
            "2026-01-01T12:00:00.Z",
            "2026-01-01T12:00:00,5Z",
            "2026-01-01T12:00:00.5",
            "2026-01-01T12:00:00+01",
            "2026-01-01T12:00:00+01:00[Europe/Berlin]",
            "+002026-01-01T12:00:00Z",
            "2026-02-30T12:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T12:00:00\u{661}",
        ] {
            assert_eq!(Timestamp::from_rfc_3339(text), None, "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_of_its_own_moves_with_tokios() {
        let clock = Clock::starting_at(Timestamp::from_millis(1_000));
        tokio::time::advance(Duration::from_millis(1_500)).await;
        assert_eq!(clock.now(), Timestamp::from_millis(2_500));
    }
}
