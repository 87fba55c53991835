//! Rates as people write them: `50/s`, `600/min`. The one place where they are read.

use std::time::Duration;

const UNITS: [(&str, Duration); 2] = [("s", Duration::from_secs(1)), ("min", Duration::from_secs(60))];

/// How to write one, for error messages.
pub const EXAMPLES: &str = "write a number and a unit, such as \"50/s\" or \"600/min\"";

/// The most that a rate may be: more than any service takes.
pub const MOST: Rate = Rate { count: 1_000_000, per: Duration::from_secs(1) };

/// So many in so much time, on average.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: u32,
    /// In which time: a second or a minute.
    pub per: Duration,
}

impl Rate {
    /// How many in a second.
    pub fn per_second(self) -> f64 {
        f64::from(self.count) / self.per.as_secs_f64()
    }

    /// Whether it is more than none, and at most [`MOST`].
    pub fn is_sensible(self) -> bool {
        self.count > 0
            && self.per.as_millis() * u128::from(MOST.count) >= MOST.per.as_millis() * u128::from(self.count)
    }
}

/// Reads a rate; `None` if it is none, or too large to be counted.
pub fn parse(text: &str) -> Option<Rate> {
    let (count, unit) = text.split_once('/')?;
    let (_, per) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let plain = count.bytes().all(|byte| byte.is_ascii_digit());
    let count = count.parse().ok().filter(|_| plain)?;
    Some(Rate { count, per: *per })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_a_number_and_a_unit() {
        for (text, count, seconds) in [("50/s", 50, 1), ("600/min", 600, 60), ("0/s", 0, 1)] {
            assert_eq!(parse(text), Some(Rate { count, per: Duration::from_secs(seconds) }), "{text}");
        }
        for text in ["", "50", "/s", "50/", "50/h", "50 / s", "1.5/s", "-1/s", "+1/s", "99999999999/s"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn sensible_rates_lie_between_none_and_the_most() {
        for (text, sensible) in [
            ("0/s", false),
            ("0/min", false),
            ("1/min", true),
            ("1000000/s", true),
            ("1000001/s", false),
            ("60000000/min", true),
            ("60000001/min", false),
        ] {
            assert_eq!(parse(text).unwrap().is_sensible(), sensible, "{text}");
        }
    }
}
