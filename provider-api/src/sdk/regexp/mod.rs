//! REGEXP: `/PATTERN/REPLACEMENT/`, applied to phone numbers, with the meaning that Python's `re.sub` gives it.
//!
//! # Source
//! Python 3.12, "re — Regular expression operations"; its parser, `Lib/re/_parser.py`.

mod finder;
mod pattern;
mod replacement;

pub use finder::Finder;

use super::message::SubmitError;
use crate::Problem;
use fancy_regex::{Captures, Regex, RegexBuilder};
use replacement::Piece;
use std::fmt;

/// Steps of backtracking after which a match is given up: some milliseconds.
const STEPS: usize = 200_000;

/// A pattern and what its matches are replaced by.
#[derive(Clone)]
pub struct Regexp {
    regex: Regex,
    /// The same, for the place of an empty match: it does not match nothing there, where its search begins.
    advancing: Regex,
    replacement: Vec<Piece>,
}

/// A REGEXP that can't be used: what is wrong, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegexpError {
    what: String,
    mend: String,
}

impl RegexpError {
    fn new(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { what: what.into(), mend: mend.into() }
    }

    /// What is wrong.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// How to mend it.
    pub fn mend(&self) -> &str {
        &self.mend
    }

    /// The same as a problem with the parameter `key`.
    pub fn into_problem(self, key: &str) -> Problem {
        Problem::parameter(key, self.what, self.mend)
    }
}

impl fmt::Display for RegexpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.mend)
    }
}

impl std::error::Error for RegexpError {}

impl Regexp {
    /// Reads a definition's value. `\/` is a slash in pattern and replacement.
    ///
    /// # Errors
    /// It has not the form `/PATTERN/REPLACEMENT/`, or Python would not take it, or it has a construct that is not supported, which is
    /// named.
    pub fn parse(value: &str) -> Result<Self, RegexpError> {
        let form = || {
            RegexpError::new(
                format!("{value:?} has not the form /PATTERN/REPLACEMENT/"),
                "write it so, with three slashes",
            )
        };
        let slashes = unescaped_slashes(value);
        let (Some(0), [.., middle, last]) = (slashes.first().copied(), slashes.as_slice()) else {
            return Err(form());
        };
        if slashes.len() < 3 || last + 1 != value.len() {
            return Err(form());
        }
        // At the last but one: a pattern may contain slashes as they are, as in `/[\+/]//`.
        let (pattern, replacement) =
            (value.get(1..*middle).unwrap_or_default(), value.get(middle + 1..*last).unwrap_or_default());
        let wrong = |what: String| {
            RegexpError::new(
                format!("{value:?}: {what}"),
                "correct it; Python's `re` module documents the syntax",
            )
        };
        let translated = pattern::translate(pattern).map_err(wrong)?;
        let replacement = replacement::parse(replacement, &translated.groups).map_err(wrong)?;
        let regex = build(&translated.pattern).map_err(wrong)?;
        let advancing = build(&format!(r"(?:{})(?!\G)", translated.pattern)).map_err(wrong)?;
        Ok(Self { regex, advancing, replacement })
    }

    /// Replaces every match in `phone`.
    ///
    /// # Errors
    /// `rejected`: the pattern needs too many steps on this number.
    pub fn apply(&self, phone: &str) -> Result<String, SubmitError> {
        let mut replaced = String::with_capacity(phone.len());
        let (mut done, mut regex) = (0, &self.regex);
        loop {
            let found = regex.captures_from_pos(phone, done).map_err(|_| {
                SubmitError::rejected(
                    "REGEXP takes too many steps on this phone number: simplify its pattern",
                )
            })?;
            let Some((groups, whole)) = found.and_then(|groups| groups.get(0).map(|whole| (groups, whole)))
            else {
                break;
            };
            replaced.push_str(phone.get(done..whole.start()).unwrap_or_default());
            self.replace(&groups, &mut replaced);
            done = whole.end();
            // As in Python since 3.7: an empty match right behind another counts, and one that is not empty at the place of an
            // empty one.
            regex = if whole.start() == whole.end() { &self.advancing } else { &self.regex };
        }
        replaced.push_str(phone.get(done..).unwrap_or_default());
        Ok(replaced)
    }

    fn replace(&self, groups: &Captures<'_, str>, replaced: &mut String) {
        for piece in &self.replacement {
            match piece {
                Piece::Words(words) => replaced.push_str(words),
                // A group that took no part in the match is empty.
                Piece::Group(number) => {
                    replaced.push_str(groups.get(*number).map_or("", |group| group.as_str()))
                }
            }
        }
    }
}

impl fmt::Debug for Regexp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Regexp({})", self.regex.as_str())
    }
}

fn build(pattern: &str) -> Result<Regex, String> {
    // Optimized, `([^0]+?)*` matches less than it should.
    let built = RegexBuilder::new(pattern).backtrack_limit(STEPS).optimize(false).build();
    built.map_err(|error| format!("the engine does not take it: {error}"))
}

fn unescaped_slashes(value: &str) -> Vec<usize> {
    let mut escaped = false;
    let mut slashes = Vec::new();
    for (at, character) in value.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '/' => slashes.push(at),
            _ => {}
        }
    }
    slashes
}

#[cfg(test)]
mod tests;
