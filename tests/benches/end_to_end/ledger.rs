//! When each message was sent, answered and handed over. The generator and the sinks are threads of one process, and look at one clock.

use std::{
    ops::Range,
    sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

/// How many digits a number has in a text.
const DIGITS: usize = 8;

/// Writes down the moments of messages, which have numbers from 0 on.
pub(crate) struct Ledger {
    began: Instant,
    messages: Vec<Moments>,
    /// Different messages that arrived.
    arrived: AtomicUsize,
    /// Texts that arrived, and that nobody here has sent.
    strangers: AtomicUsize,
}

/// Nanoseconds since the ledger was begun; 0 for what has not happened.
#[derive(Default)]
struct Moments {
    sent: AtomicU64,
    answered: AtomicU64,
    arrived: AtomicU64,
    times: AtomicU32,
}

impl Ledger {
    /// For so many messages at the most.
    pub(crate) fn new(messages: usize) -> Self {
        Self {
            began: Instant::now(),
            messages: (0..messages).map(|_| Moments::default()).collect(),
            arrived: AtomicUsize::new(0),
            strangers: AtomicUsize::new(0),
        }
    }

    /// How many messages it has room for.
    pub(crate) fn room(&self) -> usize {
        self.messages.len()
    }

    fn now(&self) -> u64 {
        nanos(self.began.elapsed())
    }

    /// It goes out, or was to go out, at `moment`.
    pub(crate) fn sent(&self, number: usize, moment: Instant) {
        self.messages[number].sent.store(nanos(moment - self.began), Ordering::Relaxed);
    }

    /// The gateway has accepted it.
    pub(crate) fn answered(&self, number: usize) {
        self.messages[number].answered.store(self.now(), Ordering::Relaxed);
    }

    /// A text, or a request with a text at its end, has come to the sink.
    pub(crate) fn arrived(&self, text: &[u8]) {
        let Some(message) = number(text).and_then(|number| self.messages.get(number)) else {
            self.strangers.fetch_add(1, Ordering::Relaxed);
            return;
        };
        if message.times.fetch_add(1, Ordering::Relaxed) == 0 {
            message.arrived.store(self.now(), Ordering::Relaxed);
            self.arrived.fetch_add(1, Ordering::Release);
        }
    }

    /// How many different messages have arrived so far.
    pub(crate) fn count(&self) -> usize {
        self.arrived.load(Ordering::Acquire)
    }

    /// Checks that nothing of these was lost, that nothing came twice, and that nothing came that was not sent.
    pub(crate) fn check(&self, numbers: Range<usize>) {
        let times = |message: &Moments| message.times.load(Ordering::Relaxed);
        let lost = self.messages[numbers.clone()].iter().filter(|message| times(message) == 0).count();
        let twice = self.messages[numbers].iter().filter(|message| times(message) > 1).count();
        let strangers = self.strangers.load(Ordering::Relaxed);
        assert_eq!((lost, twice, strangers), (0, 0, 0), "messages lost, duplicated, unknown");
    }

    /// Milliseconds from request to answer of each of these.
    pub(crate) fn to_answer(&self, numbers: Range<usize>) -> Vec<f64> {
        self.took(numbers, |message| &message.answered)
    }

    /// Milliseconds from request to arrival at the sink of each of these.
    pub(crate) fn to_arrival(&self, numbers: Range<usize>) -> Vec<f64> {
        self.took(numbers, |message| &message.arrived)
    }

    fn took(&self, numbers: Range<usize>, end: impl Fn(&Moments) -> &AtomicU64) -> Vec<f64> {
        let took = |message: &Moments| {
            let took =
                end(message).load(Ordering::Relaxed).saturating_sub(message.sent.load(Ordering::Relaxed));
            took as f64 / 1e6
        };
        self.messages[numbers].iter().map(took).collect()
    }

    /// Of these, so many a second were answered, from the first request to the last answer.
    pub(crate) fn rate_of_answers(&self, numbers: Range<usize>) -> f64 {
        self.rate(numbers, |message| &message.answered)
    }

    /// Of these, so many a second arrived, from the first request to the last arrival.
    pub(crate) fn rate_of_arrivals(&self, numbers: Range<usize>) -> f64 {
        self.rate(numbers, |message| &message.arrived)
    }

    fn rate(&self, numbers: Range<usize>, end: impl Fn(&Moments) -> &AtomicU64) -> f64 {
        let messages = &self.messages[numbers];
        let first = messages.iter().map(|message| message.sent.load(Ordering::Relaxed)).min().unwrap();
        let last = messages.iter().map(|message| end(message).load(Ordering::Relaxed)).max().unwrap();
        messages.len() as f64 / (last - first) as f64 * 1e9
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap()
}

/// The text of a message: one SMS of the GSM alphabet, and nothing that a query has to escape but its spaces.
pub(crate) fn text(number: usize) -> String {
    format!("Your code is 123456. It is valid for ten minutes. {number:0DIGITS$}")
}

/// The number at the end of a text, whatever a request has behind it.
fn number(text: &[u8]) -> Option<usize> {
    let end = text.iter().rposition(u8::is_ascii_digit)? + 1;
    let digits = text.get(end.checked_sub(DIGITS)?..end)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}
