//! A pattern that finds something in an answer.

use super::{RegexpError, build, pattern};
use fancy_regex::Regex;
use std::fmt;

/// A pattern in Python's syntax, without slashes around it.
#[derive(Clone)]
pub struct Finder {
    regex: Regex,
}

impl Finder {
    /// Reads a definition's value.
    ///
    /// # Errors
    /// Python would not take it, or it has a construct that is not supported, which is named; or it has no group.
    pub fn parse(pattern: &str) -> Result<Self, RegexpError> {
        let wrong = |what: String| {
            RegexpError::new(
                format!("{pattern:?}: {what}"),
                "correct it; Python's `re` module documents the syntax",
            )
        };
        let translated = pattern::translate(pattern).map_err(wrong)?;
        if translated.groups.len() < 2 {
            return Err(wrong("there is no group in it".into()));
        }
        Ok(Self { regex: build(&translated.pattern).map_err(wrong)? })
    }

    /// The first group of the first match. `None` if there is no match, the group took no part in it, or the search takes too many steps.
    pub fn first<'t>(&self, text: &'t str) -> Option<&'t str> {
        Some(self.regex.captures(text).ok()??.get(1)?.as_str())
    }
}

impl fmt::Debug for Finder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Finder({})", self.regex.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_group_of_the_first_match_is_found() {
        let finder = Finder::parse(r#""id":\s*"([^"]+)""#).unwrap();
        assert_eq!(finder.first(r#"{"id": "a", "id": "b"}"#), Some("a"));
        assert_eq!(finder.first("{}"), None);
        assert_eq!(Finder::parse("x(a)?").unwrap().first("x"), None);
        assert_eq!(Finder::parse("(a+)+$").unwrap().first(&("a".repeat(5000) + "b")), None);
    }

    #[test]
    fn a_pattern_without_a_group_is_refused() {
        assert!(Finder::parse("ID: .*").unwrap_err().what().contains("no group"));
        assert!(Finder::parse("(").is_err());
    }
}
