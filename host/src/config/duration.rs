//! Durations as people write them: `1500ms`, `30s`, `10m`, `24h`, `30d`. The one place where they are read.

use std::time::Duration;

const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// How to write one, for error messages.
pub const EXAMPLES: &str =
    "write a number and a unit, such as \"1500ms\", \"30s\", \"10m\", \"24h\" or \"30d\"";

/// Reads a duration; `None` if it is none, or too long to count in milliseconds.
pub fn parse(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*millis).map(Duration::from_millis)
}

/// A duration as it could be written, in its largest whole unit.
pub fn words(span: Duration) -> String {
    let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let whole = UNITS.iter().rev().find(|(_, unit)| millis >= *unit && millis.is_multiple_of(*unit));
    match whole {
        Some((name, unit)) => format!("{}{name}", millis / unit),
        None => format!("{millis}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_in_their_largest_whole_unit() {
        for text in ["1500ms", "30s", "10m", "25h", "30d", "0ms"] {
            assert_eq!(words(parse(text).unwrap()), text);
        }
    }

    #[test]
    fn durations_have_a_number_and_a_unit() {
        for (text, millis) in
            [("1500ms", 1500), ("30s", 30_000), ("10m", 600_000), ("24h", 86_400_000), ("0s", 0)]
        {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "5", "s", "1.5s", "-1s", "10 m", "10M", "1m30s", "99999999999999999999s", "٣s"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
