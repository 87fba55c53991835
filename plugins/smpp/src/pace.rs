//! How fast parts go out: TPS at most, and slower where the SMSC asks for it.

use gatepost_provider_api::tokio::time::{Duration, Instant};

/// A refusal counts once in this time: the window was full of parts when the SMSC had had enough.
const ONCE_IN: Duration = Duration::from_millis(500);

/// After this time without a refusal it gets faster, by a quarter each.
const FASTER_AFTER: Duration = Duration::from_secs(1);

/// Parts a second, at the slowest.
const SLOWEST: f64 = 1.0;

/// What may be caught up on: a timer is not exact.
const CATCH_UP: Duration = Duration::from_millis(10);

/// Says when the next part may go.
#[derive(Debug)]
pub(crate) struct Pace {
    most: Option<f64>,
    /// What the SMSC seems to take; `None`: it has not complained.
    limit: Option<f64>,
    /// What it was when it complained first; far above that it is forgotten.
    complained_at: f64,
    next: Instant,
    changed: Instant,
    complained: Option<Instant>,
    /// Parts that the SMSC took since `since`, and in the second before that.
    taken: u32,
    since: Instant,
    rate: f64,
}

impl Pace {
    pub(crate) fn new(most: Option<f64>, now: Instant) -> Self {
        Self {
            most,
            limit: None,
            complained_at: 0.0,
            next: now,
            changed: now,
            complained: None,
            taken: 0,
            since: now,
            rate: 0.0,
        }
    }

    /// Takes a turn.
    ///
    /// # Errors
    /// When there will be one.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        self.recover(now);
        if let Some(rate) = self.allowed() {
            if now < self.next {
                return Err(self.next);
            }
            let earliest = now.checked_sub(CATCH_UP).unwrap_or(now);
            self.next = self.next.max(earliest) + Duration::from_secs_f64(1.0 / rate);
        }
        Ok(())
    }

    /// The SMSC has taken a part.
    pub(crate) fn taken(&mut self, now: Instant) {
        let elapsed = now - self.since;
        if elapsed >= Duration::from_secs(1) {
            self.rate = f64::from(self.taken) / elapsed.as_secs_f64();
            (self.taken, self.since) = (0, now);
        }
        self.taken += 1;
    }

    /// The SMSC has had enough.
    pub(crate) fn complain(&mut self, now: Instant) {
        if self.complained.is_some_and(|last| now < last + ONCE_IN) {
            return;
        }
        self.complained = Some(now);
        let limit = match self.limit {
            Some(limit) => limit / 2.0,
            None => {
                // What it takes in a second; it may have taken all of that at once.
                self.complained_at = self.rate.max(self.taken.into()).max(SLOWEST);
                self.complained_at * 0.8
            }
        };
        let limit = limit.max(SLOWEST);
        self.limit = Some(limit);
        self.changed = now;
        self.next = self.next.max(now + Duration::from_secs_f64(1.0 / limit));
    }

    fn allowed(&self) -> Option<f64> {
        match (self.most, self.limit) {
            (Some(most), Some(limit)) => Some(most.min(limit)),
            (most, limit) => most.or(limit),
        }
    }

    fn recover(&mut self, now: Instant) {
        let Some(limit) = &mut self.limit else { return };
        while now >= self.changed + FASTER_AFTER {
            self.changed += FASTER_AFTER;
            *limit *= 1.25;
            if *limit > self.complained_at * 4.0 {
                self.limit = None;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many turns there are in this time, for one who always wants one.
    fn turns(pace: &mut Pace, now: &mut Instant, time: Duration) -> u32 {
        let (end, mut count) = (*now + time, 0);
        while *now < end {
            match pace.take(*now) {
                Ok(()) => {
                    pace.taken(*now);
                    count += 1;
                }
                Err(next) => *now = next.min(end),
            }
            // Nobody is faster than that.
            *now += Duration::from_micros(100);
        }
        count
    }

    #[test]
    fn no_more_than_wanted_go_in_a_second() {
        let mut now = Instant::now();
        let mut pace = Pace::new(Some(50.0), now);
        let count = turns(&mut pace, &mut now, Duration::from_secs(10));
        assert!((490..=502).contains(&count), "{count}");
        now += Duration::from_secs(100);
        let count = turns(&mut pace, &mut now, Duration::from_secs(1));
        assert!((48..=52).contains(&count), "no credit for idle times: {count}");
    }

    #[test]
    fn it_slows_down_when_it_is_told_and_gets_faster_again() {
        let mut now = Instant::now();
        let mut pace = Pace::new(Some(100.0), now);
        turns(&mut pace, &mut now, Duration::from_secs(2));
        for _ in 0..20 {
            pace.complain(now);
        }
        let slow = turns(&mut pace, &mut now, Duration::from_millis(900));
        assert!((60..=80).contains(&slow), "a window full of refusals counts once: {slow}");
        pace.complain(now);
        let slower = turns(&mut pace, &mut now, Duration::from_millis(900));
        assert!((28..=40).contains(&slower), "{slower}");
        turns(&mut pace, &mut now, Duration::from_secs(10));
        let again = turns(&mut pace, &mut now, Duration::from_secs(1));
        assert!((95..=102).contains(&again), "{again}");
    }

    #[test]
    fn one_part_a_second_goes_however_much_is_complained() {
        let mut now = Instant::now();
        let mut pace = Pace::new(None, now);
        for _ in 0..20 {
            turns(&mut pace, &mut now, Duration::from_millis(500));
            pace.complain(now);
        }
        assert!(turns(&mut pace, &mut now, Duration::from_secs(3)) >= 2);
    }
}
