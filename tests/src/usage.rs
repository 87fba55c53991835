//! What a process has used, as Linux counts it.

use std::{fs, ops::Sub, time::Duration};

/// Processor time is counted in hundredths of a second, which is what Linux shows on every architecture.
const TICK: Duration = Duration::from_millis(10);

/// Processor time of processes, of all their threads, those that have ended too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Processor(Duration);

impl Processor {
    /// What these have used until now, together.
    pub fn of(processes: &[u32]) -> Self {
        Self(processes.iter().map(|id| used(*id)).sum())
    }

    /// Microseconds for each of so many.
    pub fn micros_each(self, count: usize) -> f64 {
        self.0.as_secs_f64() * 1e6 / count as f64
    }
}

impl Sub for Processor {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self(self.0 - earlier.0)
    }
}

/// `utime` and `stime`.
fn used(id: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    // The name of the program stands in parentheses, and may have any character. Behind it, `state` is the third field.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = |field: usize| fields.split_whitespace().nth(field - 3).unwrap().parse::<u32>().unwrap();
    TICK * (ticks(14) + ticks(15))
}

/// A figure of a process's memory, `VmRSS` or `VmHWM`, in KiB.
pub fn memory(id: u32, figure: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':'));
    line.unwrap().split_whitespace().next().unwrap().parse().unwrap()
}
