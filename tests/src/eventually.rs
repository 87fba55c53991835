//! Waiting for a condition, never for a time.

use std::{
    thread,
    time::{Duration, Instant},
};

/// What a slow machine under load may need for anything that a test waits for.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Asks until there is an answer. Panics with `what` when [`DEADLINE`] passes.
pub fn eventually<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    eventually_within(DEADLINE, what, ask)
}

/// Asks until there is an answer. Panics with `what` when `limit` passes.
pub fn eventually_within<T>(limit: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within {} s: {what}", limit.as_secs());
        thread::sleep(Duration::from_millis(10));
    }
}
