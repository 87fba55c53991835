//! Whether messages go through a gateway now: its breaker, and the pause that a service asked for.

use super::breaker::Breaker;
use crate::message::{Outcome, OutcomeKind};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

/// A pause where the service says none: the first, and the longest, doubling.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The longest pause that a service may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(300);

/// Whether messages go through a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatewayState {
    /// They do.
    Up,
    /// The service asked to slow down.
    Paused,
    /// They do not: the breaker is open, or the provider has no link with the service.
    Down,
}

impl GatewayState {
    /// The word used in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Paused => "paused",
            Self::Down => "down",
        }
    }
}

/// Whether a message may be submitted now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// It may.
    Usable,
    /// Not before then.
    Until(Instant),
    /// Not before the one that tries has come to its end.
    Trying,
}

/// Tells of gateways that became usable, or ceased to be.
#[derive(Clone, Debug)]
pub struct Changes(Arc<watch::Sender<u64>>);

impl Default for Changes {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl Changes {
    /// Something changed.
    pub fn tell(&self) {
        self.0.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// To be told.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}

/// A gateway's status, shared by everybody who asks for it.
#[derive(Debug, Default)]
pub struct Status {
    now: Mutex<Now>,
}

#[derive(Debug)]
struct Now {
    breaker: Breaker,
    /// Whether it was the definition or its credentials that opened the breaker.
    misconfigured: bool,
    paused_until: Option<Instant>,
    /// The next pause where the service says none.
    next_pause: Duration,
    /// Why it is not usable, for people.
    why: String,
}

impl Default for Now {
    fn default() -> Self {
        Self {
            breaker: Breaker::new(),
            misconfigured: false,
            paused_until: None,
            next_pause: FIRST_PAUSE,
            why: String::new(),
        }
    }
}

impl Now {
    fn failed(&mut self, misconfigured: bool, now: Instant) {
        let before = self.breaker;
        self.breaker.failed(misconfigured, now);
        if self.breaker != before {
            self.misconfigured = misconfigured;
        }
    }

    fn availability(&self, now: Instant) -> Availability {
        match (self.breaker, self.paused_until) {
            (Breaker::Trying { .. }, _) => Availability::Trying,
            (Breaker::Open { until, .. }, _) if until > now => Availability::Until(until),
            (_, Some(until)) if until > now => Availability::Until(until),
            _ => Availability::Usable,
        }
    }
}

/// The right to submit one message.
#[derive(Debug)]
pub struct Permit {
    status: Arc<Status>,
    /// Whether it is the one that tries, and has not said yet what came of it.
    trying: bool,
}

impl Status {
    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a message may be submitted now.
    pub fn availability(&self) -> Availability {
        self.lock().availability(Instant::now())
    }

    /// The right to submit a message now. With an open breaker whose time has come, one gets it, to try.
    ///
    /// # Errors
    /// Not now: when to look again.
    pub fn begin(self: &Arc<Self>) -> Result<Permit, Availability> {
        let mut now = self.lock();
        match now.availability(Instant::now()) {
            Availability::Usable => {
                let trying = if let Breaker::Open { pause, .. } = now.breaker {
                    now.breaker = Breaker::Trying { pause };
                    true
                } else {
                    false
                };
                Ok(Permit { status: Arc::clone(self), trying })
            }
            other => Err(other),
        }
    }

    /// The breaker's state, as metrics call it.
    pub fn breaker(&self) -> &'static str {
        let now = Instant::now();
        match self.lock().breaker {
            Breaker::Closed { .. } => "closed",
            Breaker::Open { until, .. } if until > now => "open",
            Breaker::Open { .. } | Breaker::Trying { .. } => "half-open",
        }
    }

    /// The state, and why, for people.
    pub fn describe(&self) -> (GatewayState, String) {
        let now = self.lock();
        let instant = Instant::now();
        let seconds = |until: Instant| until.saturating_duration_since(instant).as_secs_f64().ceil();
        match (now.breaker, now.paused_until) {
            (Breaker::Open { until, .. }, _) if until > instant => (
                GatewayState::Down,
                format!("breaker open, next try in {} s; last: {}", seconds(until), now.why),
            ),
            (Breaker::Open { .. } | Breaker::Trying { .. }, _) => {
                (GatewayState::Down, format!("breaker half open, one message tries; last: {}", now.why))
            }
            (_, Some(until)) if until > instant => {
                (GatewayState::Paused, format!("throttled, goes on in {} s", seconds(until)))
            }
            _ => (GatewayState::Up, "up".into()),
        }
    }

    /// Opens the breaker: the gateway can't be used as it is.
    pub fn refuse(&self, why: &str) {
        let mut now = self.lock();
        now.failed(true, Instant::now());
        why.clone_into(&mut now.why);
    }

    /// Closes a breaker that `misconfigured` opened: what was wrong may be mended. Whether it was such a one.
    pub fn forgive(&self) -> bool {
        let mut now = self.lock();
        let is_closed = matches!(now.breaker, Breaker::Closed { .. });
        if is_closed || !now.misconfigured {
            return false;
        }
        now.breaker.worked();
        true
    }
}

impl Permit {
    /// What came of the submit. Whether the gateway became usable by it, or ceased to be.
    pub fn ended(mut self, outcome: &Outcome) -> bool {
        self.trying = false;
        let instant = Instant::now();
        let mut now = self.status.lock();
        let before = now.availability(instant);
        match outcome.kind {
            OutcomeKind::Accepted => {
                now.breaker.worked();
                now.next_pause = FIRST_PAUSE;
            }
            // The service is there, and says no.
            OutcomeKind::Rejected => now.breaker.worked(),
            OutcomeKind::Unavailable | OutcomeKind::Uncertain => now.failed(false, instant),
            OutcomeKind::Misconfigured => now.failed(true, instant),
            OutcomeKind::Throttled => {
                now.breaker.worked();
                let pause = outcome.after.map_or(now.next_pause, |after| after.min(LONGEST_ASKED));
                if outcome.after.is_none() {
                    now.next_pause = (now.next_pause * 2).min(LONGEST_PAUSE);
                }
                let until = instant + pause;
                now.paused_until = Some(now.paused_until.map_or(until, |earlier| earlier.max(until)));
            }
        }
        if !matches!(outcome.kind, OutcomeKind::Accepted | OutcomeKind::Rejected) {
            let words =
                outcome.detail.as_deref().or(outcome.code.as_deref()).unwrap_or("no reason was given");
            now.why = format!("{}: {words}", outcome.kind);
        }
        (before == Availability::Usable) != (now.availability(instant) == Availability::Usable)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.trying {
            self.status.lock().breaker.not_tried(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(kind: OutcomeKind, after: Option<u64>) -> Outcome {
        Outcome { after: after.map(Duration::from_secs), ..Outcome::new(kind, "words") }
    }

    async fn paused_for(status: &Status) -> u64 {
        let Availability::Until(until) = status.availability() else { panic!("{:?}", status.availability()) };
        let span = until - Instant::now();
        tokio::time::sleep(span).await;
        span.as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_may_ask_for_pauses() {
        let status = Arc::new(Status::default());
        let mut pauses = Vec::new();
        for after in [None, None, None, Some(7), Some(3600), None, None, None, None, None, None] {
            assert!(status.begin().unwrap().ended(&outcome(OutcomeKind::Throttled, after)));
            assert_eq!(status.describe().0, GatewayState::Paused);
            assert!(status.begin().is_err());
            pauses.push(paused_for(&status).await);
        }
        assert_eq!(pauses, [1, 2, 4, 7, 300, 8, 16, 32, 60, 60, 60]);
        status.begin().unwrap().ended(&outcome(OutcomeKind::Accepted, None));
        status.begin().unwrap().ended(&outcome(OutcomeKind::Throttled, None));
        assert_eq!(paused_for(&status).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn one_tries_when_the_breakers_time_has_come() {
        let status = Arc::new(Status::default());
        assert!(status.begin().unwrap().ended(&outcome(OutcomeKind::Misconfigured, None)));
        assert_eq!(status.describe().0, GatewayState::Down);
        assert!(status.describe().1.contains("misconfigured: words"), "{:?}", status.describe());
        assert_eq!(paused_for(&status).await, 10);
        let permit = status.begin().unwrap();
        assert_eq!(status.begin().unwrap_err(), Availability::Trying);
        // Not submitted after all: another may.
        drop(permit);
        let permit = status.begin().unwrap();
        assert!(permit.ended(&outcome(OutcomeKind::Accepted, None)));
        assert_eq!((status.describe().0, status.availability()), (GatewayState::Up, Availability::Usable));
    }

    #[tokio::test(start_paused = true)]
    async fn a_breaker_that_a_wrong_definition_opened_is_forgiven_and_no_other() {
        let status = Arc::new(Status::default());
        assert!(!status.forgive(), "there is nothing to forgive");
        status.begin().unwrap().ended(&outcome(OutcomeKind::Misconfigured, None));
        assert!(status.forgive());
        assert_eq!(status.availability(), Availability::Usable);

        // Also while one tries; what that one comes to counts as any other's.
        status.begin().unwrap().ended(&outcome(OutcomeKind::Misconfigured, None));
        paused_for(&status).await;
        let trying = status.begin().unwrap();
        assert!(status.forgive());
        trying.ended(&outcome(OutcomeKind::Unavailable, None));
        assert_eq!(status.availability(), Availability::Usable);

        // The service is away: that no reload mends.
        for _ in 0..4 {
            status.begin().unwrap().ended(&outcome(OutcomeKind::Unavailable, None));
        }
        assert!(!status.forgive());
        assert_eq!(status.describe().0, GatewayState::Down);
        paused_for(&status).await;
        status.begin().unwrap().ended(&outcome(OutcomeKind::Misconfigured, None));
        assert!(status.forgive());
    }
}
