//! What a command prints. A reader that closes the pipe early is no error.

use std::{
    fmt,
    io::{self, Write as _},
};

/// A line of the answer.
pub(super) fn line(text: impl fmt::Display) {
    writeln!(io::stdout(), "{text}").unwrap_or_default();
}

/// An answer of several lines, with its own line break at the end.
pub(super) fn text(text: impl fmt::Display) {
    write!(io::stdout(), "{text}").unwrap_or_default();
}

/// A word to people beside the answer, which is for programs too.
pub(super) fn note(text: impl fmt::Display) {
    writeln!(io::stderr(), "{text}").unwrap_or_default();
}

/// What went wrong.
pub(super) fn error(text: impl fmt::Display) {
    writeln!(io::stderr(), "gatepost: {text}").unwrap_or_default();
}

/// What is not wrong, but worth a look.
pub(super) fn warning(text: impl fmt::Display) {
    writeln!(io::stderr(), "warning: {text}").unwrap_or_default();
}

/// Problems of the configuration, which begin with their place.
pub(super) fn problems(text: impl fmt::Display) {
    writeln!(io::stderr(), "{text}").unwrap_or_default();
}
