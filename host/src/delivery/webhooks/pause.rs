//! When a receiver is left alone: after failures in a row nothing is sent to its origin for a while, then one webhook tries.

use std::time::Duration;
use tokio::time::Instant;

/// Webhooks under way to one origin at once.
const AT_ONCE: usize = 8;

/// Failures in a row after which the origin is left alone.
const FAILURES: u32 = 5;

/// Until the first try, and the longest between two: a receiver that is back gets what it missed within that time.
const FIRST: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_secs(30);

/// Flowing: webhooks go out. Careful: one after the other, since the receiver refuses them, perhaps at one of its addresses alone. Paused:
/// none goes out. Trying: one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pause {
    Flowing { failures: u32 },
    Careful,
    Paused { until: Instant, span: Duration },
    Trying { span: Duration },
}

/// Whether one more may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// It may.
    Free,
    /// Not before one that is under way has ended.
    Full,
    /// Not before then.
    Later(Instant),
}

impl Default for Pause {
    fn default() -> Self {
        Self::Flowing { failures: 0 }
    }
}

impl Pause {
    /// Whether one more may go out beside those under way.
    pub(super) fn room(&mut self, under_way: usize, now: Instant) -> Room {
        if let Self::Paused { until, span } = *self {
            if until > now {
                return Room::Later(until);
            }
            *self = Self::Trying { span };
        }
        let most = if matches!(self, Self::Flowing { .. }) { AT_ONCE } else { 1 };
        if under_way < most { Room::Free } else { Room::Full }
    }

    /// The receiver answered. Whether it had been left alone.
    pub(super) fn answered(&mut self) -> bool {
        let was_paused = !matches!(self, Self::Flowing { .. });
        *self = Self::default();
        was_paused
    }

    /// It answered that something is wrong with it. Whether webhooks go out one after the other from now on.
    pub(super) fn refused(&mut self) -> bool {
        let before = *self;
        *self = match before {
            Self::Flowing { failures } if failures + 1 < FAILURES => Self::Flowing { failures: failures + 1 },
            Self::Flowing { .. } | Self::Careful | Self::Trying { .. } => Self::Careful,
            paused @ Self::Paused { .. } => paused,
        };
        matches!((before, *self), (Self::Flowing { .. }, Self::Careful))
    }

    /// It did not. Whether it is left alone from now on.
    pub(super) fn failed(&mut self, now: Instant) -> bool {
        let before = *self;
        *self = match before {
            Self::Flowing { failures } if failures + 1 < FAILURES => Self::Flowing { failures: failures + 1 },
            Self::Flowing { .. } | Self::Careful => Self::Paused { until: now + FIRST, span: FIRST },
            Self::Trying { span } => {
                let span = (span * 2).min(MOST);
                Self::Paused { until: now + span, span }
            }
            // One that was under way when it began.
            paused @ Self::Paused { .. } => paused,
        };
        matches!((before, *self), (Self::Flowing { .. } | Self::Careful, Self::Paused { .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn five_failures_in_a_row_begin_it_and_an_answer_ends_it() {
        let now = Instant::now();
        let mut pause = Pause::default();
        for _ in 0..4 {
            assert!(!pause.failed(now));
        }
        assert!(!pause.answered());
        for _ in 0..4 {
            assert!(!pause.failed(now));
        }
        assert_eq!((pause.room(7, now), pause.room(8, now)), (Room::Free, Room::Full));
        assert!(pause.failed(now));
        // Those under way change nothing.
        assert!(!pause.failed(now));
        assert_eq!(pause.room(0, now), Room::Later(now + FIRST));
        assert!(pause.answered());
        assert_eq!(pause.room(0, now), Room::Free);
    }

    #[tokio::test(start_paused = true)]
    async fn a_receiver_that_refuses_gets_one_after_the_other_without_a_pause() {
        let now = Instant::now();
        let mut pause = Pause::default();
        for _ in 0..4 {
            assert!(!pause.refused());
        }
        assert!(pause.refused());
        assert_eq!((pause.room(0, now), pause.room(1, now)), (Room::Free, Room::Full));
        assert!(!pause.refused());
        assert!(pause.failed(now), "no answer at all is another matter");
        assert_eq!(pause.room(0, now + FIRST), Room::Free);
        pause.refused();
        assert_eq!((pause, pause.answered()), (Pause::Careful, true));
    }

    #[tokio::test(start_paused = true)]
    async fn one_tries_at_a_time_and_the_pause_doubles_up_to_30_s() {
        let mut now = Instant::now();
        let mut pause = Pause::default();
        for _ in 0..5 {
            pause.failed(now);
        }
        let mut spans = Vec::new();
        for _ in 0..7 {
            let Room::Later(until) = pause.room(0, now) else { panic!("{pause:?}") };
            spans.push((until - now).as_secs());
            now = until;
            assert_eq!((pause.room(0, now), pause.room(1, now)), (Room::Free, Room::Full));
            pause.failed(now);
        }
        assert_eq!(spans, [1, 2, 4, 8, 16, 30, 30]);
    }
}
