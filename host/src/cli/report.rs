//! What a command prints, made harmless for a terminal. A reader that closes the pipe early is no error.

use super::{Ended, failed, printable};
use serde::Serialize;
use std::{
    fmt,
    io::{self, Write as _},
};

/// A line of the answer.
pub(super) fn line(text: impl fmt::Display) {
    writeln!(io::stdout(), "{}", printable::line(&text.to_string())).unwrap_or_default();
}

/// An answer of several lines, with its own line break at the end.
pub(super) fn text(text: impl fmt::Display) {
    write!(io::stdout(), "{}", printable::lines(&text.to_string())).unwrap_or_default();
}

/// The same, with colours, of which [`super::look`] and [`super::table`] have made the rest harmless.
pub(super) fn coloured(text: impl fmt::Display) {
    write!(io::stdout(), "{text}").unwrap_or_default();
}

/// The whole answer, for programs.
pub(super) fn json(answer: &impl Serialize) -> Ended {
    match serde_json::to_string_pretty(answer) {
        Ok(document) => {
            writeln!(io::stdout(), "{}", printable::json(&document)).unwrap_or_default();
            Ended::Well
        }
        Err(error) => failed(error),
    }
}

/// A word to people beside the answer, which is for programs too.
pub(super) fn note(text: impl fmt::Display) {
    complain("", &printable::line(&text.to_string()));
}

/// What went wrong.
pub(super) fn error(text: impl fmt::Display) {
    complain("gatepost: ", &printable::line(&text.to_string()));
}

/// What is not wrong, but worth a look.
pub(super) fn warning(text: impl fmt::Display) {
    complain("warning: ", &printable::line(&text.to_string()));
}

/// Problems of the configuration, which begin with their place.
pub(super) fn problems(text: impl fmt::Display) {
    complain("", &printable::lines(&text.to_string()));
}

fn complain(what: &str, text: &str) {
    writeln!(io::stderr(), "{what}{}", printable::without_numbers(text)).unwrap_or_default();
}
