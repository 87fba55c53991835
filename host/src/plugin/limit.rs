//! A time limit for calls into a plugin that block.

use std::{sync::mpsc, thread, time::Duration};

/// The longest that loading a library or building a provider may take. Both are done without the network, so that this is long.
pub(super) const BLOCKING_CALL: Duration = Duration::from_secs(10);

/// Calls `call` on a thread of its own. `None` if it is not done within `limit`, or panicked; a thread that hangs is left behind.
pub(super) fn within<T: Send + 'static>(
    limit: Duration,
    doing: &str,
    call: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (done, wait) = mpsc::sync_channel(1);
    let thread = thread::Builder::new().name(doing.into()).spawn(move || {
        // Nobody waits any more where the limit has passed.
        drop(done.send(call()));
    });
    thread.ok()?;
    wait.recv_timeout(limit).ok()
}
