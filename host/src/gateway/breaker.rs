//! The circuit breaker: after failures in a row nothing is submitted for a while, then one message tries.

use std::time::Duration;
use tokio::time::Instant;

/// Failures in a row that open it.
const FAILURES: u32 = 5;

/// Until the first try, and the longest between two.
const FIRST: Duration = Duration::from_secs(10);
const MOST: Duration = Duration::from_secs(300);

/// Closed: messages go through. Open: they don't. Trying: one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breaker {
    Closed { failures: u32 },
    Open { until: Instant, pause: Duration },
    Trying { pause: Duration },
}

impl Breaker {
    pub(super) fn new() -> Self {
        Self::Closed { failures: 0 }
    }

    /// The service answered.
    pub(super) fn worked(&mut self) {
        *self = Self::new();
    }

    /// It did not. `at_once`: one such failure is enough.
    pub(super) fn failed(&mut self, at_once: bool, now: Instant) {
        *self = match *self {
            Self::Closed { failures } if !at_once && failures + 1 < FAILURES => {
                Self::Closed { failures: failures + 1 }
            }
            Self::Closed { .. } => Self::Open { until: now + FIRST, pause: FIRST },
            Self::Trying { pause } => {
                let pause = (pause * 2).min(MOST);
                Self::Open { until: now + pause, pause }
            }
            // One that was going on when it opened.
            open @ Self::Open { .. } => open,
        };
    }

    /// The one that was to try was not submitted after all.
    pub(super) fn not_tried(&mut self, now: Instant) {
        if let Self::Trying { pause } = *self {
            *self = Self::Open { until: now, pause };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn five_failures_in_a_row_open_it() {
        let now = Instant::now();
        let mut breaker = Breaker::new();
        for _ in 0..4 {
            breaker.failed(false, now);
        }
        breaker.worked();
        for _ in 0..4 {
            breaker.failed(false, now);
            assert!(matches!(breaker, Breaker::Closed { .. }));
        }
        breaker.failed(false, now);
        assert_eq!(breaker, Breaker::Open { until: now + FIRST, pause: FIRST });
        // Those that were going on change nothing.
        breaker.failed(false, now + FIRST);
        assert_eq!(breaker, Breaker::Open { until: now + FIRST, pause: FIRST });
    }

    #[tokio::test(start_paused = true)]
    async fn a_try_that_fails_doubles_the_pause_up_to_five_minutes() {
        let now = Instant::now();
        let mut pauses = Vec::new();
        let mut breaker = Breaker::new();
        breaker.failed(true, now);
        for _ in 0..7 {
            let Breaker::Open { pause, .. } = breaker else { panic!("{breaker:?}") };
            pauses.push(pause.as_secs());
            breaker = Breaker::Trying { pause };
            breaker.failed(false, now);
        }
        assert_eq!(pauses, [10, 20, 40, 80, 160, 300, 300]);
        breaker.worked();
        assert_eq!(breaker, Breaker::new());
    }
}
