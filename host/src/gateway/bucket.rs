//! A rate: so many in a time, on average, with a burst of at most one second's worth.

use crate::config::Rate;
use std::time::Duration;
use tokio::time::Instant;

/// A token bucket. It begins full.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    per_second: f64,
    most: f64,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// A bucket for this rate.
    pub fn new(rate: Rate, now: Instant) -> Self {
        let per_second = rate.per_second();
        // A rate below one a second must still let one through.
        let most = per_second.max(1.0);
        Self { per_second, most, tokens: most, at: now }
    }

    /// The same with another rate: what was saved up stays, as far as the new rate lets it.
    #[must_use]
    pub fn at(self, rate: Rate) -> Self {
        let tokens = self.tokens;
        let bucket = Self::new(rate, self.at);
        Self { tokens: tokens.min(bucket.most), ..bucket }
    }

    /// How many may begin at once when it is full.
    pub fn most(&self) -> u32 {
        self.most as u32
    }

    /// When the next `count` may begin at once: `now`, or later. Never, where the bucket does not hold as many.
    pub fn next(&mut self, count: u32, now: Instant) -> Instant {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + since * self.per_second).min(self.most);
        self.at = now;
        let count = f64::from(count);
        if self.tokens >= count {
            return now;
        }
        // A nanosecond more, so that rounding does not leave the token a hair short for ever.
        let missing = Duration::try_from_secs_f64((count - self.tokens) / self.per_second);
        now + missing.unwrap_or(Duration::from_secs(3600)) + Duration::from_nanos(1)
    }

    /// So many that were taken did not begin.
    pub fn give_back(&mut self, count: u32) {
        self.tokens = (self.tokens + f64::from(count)).min(self.most);
    }

    /// So many begin.
    pub fn take(&mut self, count: u32) {
        self.tokens -= f64::from(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken_within(bucket: &mut Bucket, start: Instant, span: Duration) -> u32 {
        let (mut now, mut count) = (start, 0);
        loop {
            now = bucket.next(1, now);
            if now >= start + span {
                return count;
            }
            bucket.take(1);
            count += 1;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_kept_on_average_with_a_burst_of_one_second() {
        for (text, in_a_minute) in [("50/s", 3050), ("600/min", 610), ("1/s", 61), ("30/min", 30)] {
            let rate = crate::config::rate::parse(text).unwrap();
            let now = Instant::now();
            let count = taken_within(&mut Bucket::new(rate, now), now, Duration::from_secs(60));
            assert!((in_a_minute - 1..=in_a_minute).contains(&count), "{text}: {count}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn another_rate_brings_no_further_burst() {
        let rate = |text| crate::config::rate::parse(text).unwrap();
        let now = Instant::now();
        let mut bucket = Bucket::new(rate("10/s"), now);
        assert_eq!(taken_within(&mut bucket, now, Duration::from_millis(1)), 10);
        let mut bucket = bucket.at(rate("50/s"));
        assert_eq!(taken_within(&mut bucket, now, Duration::from_millis(1)), 0);
        let mut bucket = Bucket::new(rate("50/s"), now).at(rate("10/s"));
        assert_eq!(taken_within(&mut bucket, now, Duration::from_millis(1)), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn idle_time_saves_up_one_second_and_no_more() {
        let rate = crate::config::rate::parse("10/s").unwrap();
        let now = Instant::now();
        let mut bucket = Bucket::new(rate, now);
        let later = now + Duration::from_secs(3600);
        assert_eq!(bucket.next(10, later), later);
        assert_eq!(bucket.most(), 10);
        assert_eq!(taken_within(&mut bucket, later, Duration::from_millis(1)), 10);
    }
}
