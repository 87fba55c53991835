//! How long it is until a bind that was lost, or refused, is tried again.

use gatepost_provider_api::tokio::time::Duration;

/// The first pause, at the most, and the longest.
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(30);

/// A bind that lasted so long was a good one: the pauses begin anew.
const LASTED: Duration = Duration::from_secs(5);

/// The pauses of one bind.
#[derive(Debug)]
pub(crate) struct Backoff {
    most: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { most: FIRST }
    }
}

impl Backoff {
    /// The pause after a bind that lasted so long: until any moment of a time that doubles, so that many binds don't come back at once.
    pub(crate) fn pause(&mut self, lasted: Duration) -> Duration {
        if lasted >= LASTED {
            self.most = FIRST;
        }
        let pause = self.most.mul_f64(fastrand::f64());
        self.most = (self.most * 2).min(LONGEST);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_bound_and_are_spread_over_all_of_it() {
        let mut longest = [Duration::ZERO; 12];
        let mut shortest = [LONGEST; 12];
        for _ in 0..1000 {
            let mut backoff = Backoff::default();
            for (longest, shortest) in longest.iter_mut().zip(&mut shortest) {
                let pause = backoff.pause(Duration::from_secs(1));
                (*longest, *shortest) = (pause.max(*longest), pause.min(*shortest));
            }
        }
        for (number, (longest, shortest)) in (0..).zip(longest.into_iter().zip(shortest)) {
            let bound = (FIRST * 2_u32.pow(number)).min(LONGEST);
            assert!(longest <= bound && longest > bound.mul_f64(0.9), "{number}: {longest:?}");
            assert!(shortest < bound.mul_f64(0.1), "{number}: {shortest:?}");
        }
    }

    #[test]
    fn a_bind_that_lasted_begins_anew() {
        let mut backoff = Backoff::default();
        for _ in 0..20 {
            backoff.pause(Duration::ZERO);
        }
        assert!(backoff.pause(LASTED) <= FIRST);
        assert!(backoff.pause(Duration::ZERO) <= FIRST * 2);
    }
}
