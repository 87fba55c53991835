//! The tokio runtime of this library: one, shared by all its providers.
//!
//! A plugin links its own tokio, so a future of its can only run on a runtime of its own ("there is no reactor
//! running" on the host's). A provider that blocks stalls this runtime alone.

use std::{
    io,
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};
use tokio::runtime::{Builder, Handle, Runtime};

static RUNTIME: Mutex<Option<Runtime>> = Mutex::new(None);

/// The library's runtime; started if there is none.
pub(crate) fn handle(provider: &str) -> io::Result<Handle> {
    let mut runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = &*runtime {
        return Ok(runtime.handle().clone());
    }
    // Two at least, so that one blocking submit leaves a worker; not one per core, since every library has its own.
    let workers = thread::available_parallelism().map_or(2, usize::from).clamp(2, 4);
    let started = Builder::new_multi_thread()
        .worker_threads(workers)
        // The kernel cuts thread names at 15 bytes.
        .thread_name(format!("gp-{provider}"))
        .enable_all()
        .build()?;
    Ok(runtime.insert(started).handle().clone())
}

/// Ends the runtime; what still runs is cut off after `deadline`.
pub(crate) fn stop(deadline: Duration) {
    let runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(runtime) = runtime {
        runtime.shutdown_timeout(deadline);
    }
}
