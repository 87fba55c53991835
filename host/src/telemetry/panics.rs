//! Panics of the host's own code: one line of the log. What a panic says may quote anything, a message's text too (a `str` that is cut
//! within a character does), so that only its place is told.

use std::{panic, thread};

/// Sends panics into the log, from now on. Libraries of providers have hooks of their own.
pub(super) fn log() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
        let thread = thread::current();
        tracing::error!(place, thread = thread.name().unwrap_or_default(), "panicked; report it");
    }));
}
