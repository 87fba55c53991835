//! How the kernel shares the processor among this process's threads.

#![expect(unsafe_code, reason = "no crate in use has these calls of Linux")]

/// Has the threads that are started from here on, those of the plugins too, run under `SCHED_BATCH`: none is stopped in the middle of its
/// work because another one was woken. Each hands more on at a time then, to the disk, to a socket, to the next one, and a message costs
/// less. Their share of the processor stays what it is. A policy that somebody chose for this process (`chrt`, `CPUSchedulingPolicy=`) is
/// left.
#[cfg(target_os = "linux")]
pub fn prefer_batches() {
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: 0 is this thread, and `parameters` outlives the call, which reads it alone.
    let set = unsafe {
        libc::sched_getscheduler(0) != libc::SCHED_OTHER
            || libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const parameters) == 0
    };
    if !set {
        let error = std::io::Error::last_os_error();
        tracing::debug!(%error, "the scheduling policy can't be set: messages cost a little more");
    }
}

/// There is no such policy.
#[cfg(not(target_os = "linux"))]
pub fn prefer_batches() {}
