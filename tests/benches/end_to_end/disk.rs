//! What the disk can do by itself: append, make durable, again.

use gatepost_tests::statistics::percentile;
use std::{
    fs::File,
    io::Write as _,
    time::{Duration, Instant},
};

/// Bytes of a message on its way through a store.
pub(crate) const PAYLOAD: usize = 500;

const EACH: Duration = Duration::from_secs(2);

/// What one `fdatasync` after another takes.
#[derive(Clone, Copy)]
pub(crate) struct Disk {
    /// Calls a second.
    pub(crate) rate: f64,
    /// Milliseconds of a call: p50 and p99.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

impl Disk {
    /// Each call makes so many payloads durable, in the folder for temporary files, where the stores lie too.
    pub(crate) fn measure(payloads: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut file = File::create(folder.path().join("raw")).unwrap();
        let payload = vec![0x5a; PAYLOAD * payloads];
        let (mut took, began) = (Vec::new(), Instant::now());
        while began.elapsed() < EACH {
            let call = Instant::now();
            file.write_all(&payload).unwrap();
            file.sync_data().unwrap();
            took.push(call.elapsed().as_secs_f64() * 1e3);
        }
        let rate = took.len() as f64 / began.elapsed().as_secs_f64();
        Self { rate, p50: percentile(&took, 0.5), p99: percentile(&took, 0.99) }
    }
}
