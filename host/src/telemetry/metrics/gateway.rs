//! The figures of single gateways, and of single receivers of webhooks.

use super::families::{ByWord, Families};
use crate::telemetry::series::Series;
use prometheus::{Error, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// From a fast local service to one that answers just before a long time limit, in seconds.
const SUBMIT: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 60.0];

/// From acceptance until a provider took it: retries and waits come in, in seconds.
const DELIVERY: [f64; 13] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 600.0];

/// What a submission may come to.
pub(super) const OUTCOMES: [&str; 6] =
    ["accepted", "rejected", "unavailable", "throttled", "uncertain", "misconfigured"];
/// The states in which a message may end.
pub(super) const ENDS: [&str; 6] = ["sent", "delivered", "undelivered", "failed", "expired", "canceled"];
/// What a receipt may say.
pub(super) const STATUSES: [&str; 3] = ["pending", "delivered", "undelivered"];
/// Whether there was a message for it.
const MATCHING: [&str; 2] = ["matched", "unmatched"];
/// The states that a breaker may be in.
const BREAKER: [&str; 3] = ["closed", "open", "half-open"];
/// The states that a gateway may be in, as `/readyz` has them.
const STATES: [&str; 3] = ["up", "paused", "down"];

/// What a gateway looks like at the moment of a question.
#[derive(Clone, Debug, Default)]
pub struct GatewayFigures {
    /// Its name.
    pub name: String,
    /// How it does; `None` for one that is not in the configuration.
    pub running: Option<Running>,
    /// Messages in its queue.
    pub depth: u64,
    /// How old the oldest of them is; `None` where it can't be told.
    pub oldest: Option<Duration>,
    /// Submissions whose outcome is not yet on disk.
    pub in_flight: usize,
    /// What its provider counts and measures.
    pub provided: Vec<Series>,
}

/// How a gateway of the configuration does.
#[derive(Clone, Copy, Debug)]
pub struct Running {
    /// Its breaker: `closed`, `open` or `half-open`.
    pub breaker: &'static str,
    /// `up`, `paused` or `down`.
    pub state: &'static str,
    /// How many submissions may go on at once.
    pub max_in_flight: usize,
    /// A message older than this is not submitted, unless it says otherwise itself.
    pub valid_for: Duration,
}

/// The figures of one gateway, found once: nothing is searched for a message.
#[derive(Debug)]
pub struct GatewayMetrics {
    attempts: ByWord<6>,
    finished: ByWord<6>,
    submit_seconds: Histogram,
    delivery_seconds: Histogram,
    matched: ByWord<3>,
    unmatched: ByWord<3>,
    matched_later: IntCounter,
    inbound: IntCounter,
}

impl GatewayMetrics {
    /// A submission came to its outcome.
    pub fn attempt(&self, outcome: &str, took: Duration) {
        self.attempts.count(outcome, 1);
        self.submit_seconds.observe(took.as_secs_f64());
    }

    /// A message came to its end; `since_due` for one that a provider took.
    pub fn finished(&self, state: &str, since_due: Option<Duration>) {
        self.finished.count(state, 1);
        if let Some(since_due) = since_due {
            self.delivery_seconds.observe(since_due.as_secs_f64());
        }
    }

    /// A receipt is on disk, and there was a message for it or not.
    pub fn receipt(&self, status: &str, is_matched: bool) {
        if is_matched { self.matched.count(status, 1) } else { self.unmatched.count(status, 1) }
    }

    /// So many receipts that were unmatched turned out to belong to a message.
    pub fn matched_later(&self, receipts: u32) {
        self.matched_later.inc_by(receipts.into());
    }

    /// An inbound message came.
    pub fn inbound(&self) {
        self.inbound.inc();
    }
}

/// The families whose first label is a gateway.
pub(super) struct Gateways {
    known: Mutex<HashMap<String, Arc<GatewayMetrics>>>,
    attempts: IntCounterVec,
    finished: IntCounterVec,
    receipts: IntCounterVec,
    matched_later: IntCounterVec,
    inbound: IntCounterVec,
    submit_seconds: HistogramVec,
    delivery_seconds: HistogramVec,
    in_flight: IntGaugeVec,
    in_flight_limit: IntGaugeVec,
    queue_depth: IntGaugeVec,
    queue_oldest_seconds: GaugeVec,
    valid_for_seconds: GaugeVec,
    breaker_state: IntGaugeVec,
    state: IntGaugeVec,
}

impl Gateways {
    pub(super) fn new(families: &Families<'_>) -> Result<Self, Error> {
        Ok(Self {
            known: Mutex::default(),
            attempts: families.counters(
                "gatepost_attempts_total",
                "Submissions to a gateway, by what they came to.",
                &["gateway", "outcome"],
            )?,
            finished: families.counters(
                "gatepost_messages_finished_total",
                "Messages that came to this state, by the gateway that they went through last; one that is sent may be delivered later.",
                &["gateway", "state"],
            )?,
            receipts: families.counters(
                "gatepost_receipts_total",
                "Receipts, by what they say and whether there was a message for them when they came.",
                &["gateway", "status", "match"],
            )?,
            matched_later: families.counters(
                "gatepost_receipts_matched_later_total",
                "Receipts that came before it was known to which message they belong, of those that were unmatched.",
                &["gateway"],
            )?,
            inbound: families.counters(
                "gatepost_inbound_total",
                "Inbound messages, by the gateway that they came through.",
                &["gateway"],
            )?,
            submit_seconds: families.histograms(
                "gatepost_submit_seconds",
                "How long a provider took to take a message or not.",
                &["gateway"],
                &SUBMIT,
            )?,
            delivery_seconds: families.histograms(
                "gatepost_delivery_seconds",
                "From acceptance, or the time that a message was to be sent at, until a provider took it.",
                &["gateway"],
                &DELIVERY,
            )?,
            in_flight: families.gauges(
                "gatepost_in_flight",
                "Submissions whose outcome is not yet on disk.",
                &["gateway"],
            )?,
            in_flight_limit: families.gauges(
                "gatepost_in_flight_limit",
                "How many submissions may go on at once: max_in_flight.",
                &["gateway"],
            )?,
            queue_depth: families.gauges(
                "gatepost_queue_depth",
                "Messages that are not finished, by the gateway that they wait for.",
                &["gateway"],
            )?,
            queue_oldest_seconds: families.measures(
                "gatepost_queue_oldest_seconds",
                "How long the oldest message in the queue has waited since its acceptance or its send_at; 0 where none waits.",
                &["gateway"],
            )?,
            valid_for_seconds: families.measures(
                "gatepost_valid_for_seconds",
                "How old a message may get that says nothing else itself: valid_for.",
                &["gateway"],
            )?,
            breaker_state: families.gauges(
                "gatepost_breaker_state",
                "1 for the state that the gateway's circuit breaker is in.",
                &["gateway", "state"],
            )?,
            state: families.gauges(
                "gatepost_gateway_state",
                "1 for the state that the gateway is in: paused means that its service asked to slow down.",
                &["gateway", "state"],
            )?,
        })
    }

    /// The figures of a gateway, all at zero where it is new.
    pub(super) fn of(&self, name: &str) -> Arc<GatewayMetrics> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gateway) = known.get(name) {
            return Arc::clone(gateway);
        }
        let receipts = |matching: &'static str| {
            ByWord::new(STATUSES, move |status| self.receipts.with_label_values(&[name, status, matching]))
        };
        let gateway = Arc::new(GatewayMetrics {
            attempts: ByWord::new(OUTCOMES, |outcome| self.attempts.with_label_values(&[name, outcome])),
            finished: ByWord::new(ENDS, |state| self.finished.with_label_values(&[name, state])),
            submit_seconds: self.submit_seconds.with_label_values(&[name]),
            delivery_seconds: self.delivery_seconds.with_label_values(&[name]),
            matched: receipts(MATCHING[0]),
            unmatched: receipts(MATCHING[1]),
            matched_later: self.matched_later.with_label_values(&[name]),
            inbound: self.inbound.with_label_values(&[name]),
        });
        known.insert(name.to_owned(), Arc::clone(&gateway));
        gateway
    }

    /// Brings up to date what is looked up when somebody asks. Of a gateway that is gone nothing is told, once nothing waits for it and
    /// nobody counts for it any more: an alert would never end, and names that come and go would add up.
    pub(super) fn update(&self, gateways: &[GatewayFigures]) {
        let families =
            [&self.in_flight, &self.in_flight_limit, &self.queue_depth, &self.breaker_state, &self.state];
        families.iter().for_each(|family| family.reset());
        self.queue_oldest_seconds.reset();
        self.valid_for_seconds.reset();
        for figures in gateways {
            let name = figures.name.as_str();
            self.queue_depth.with_label_values(&[name]).set(i64::try_from(figures.depth).unwrap_or(i64::MAX));
            if let Some(oldest) = figures.oldest {
                self.queue_oldest_seconds.with_label_values(&[name]).set(oldest.as_secs_f64());
            }
            let in_flight = i64::try_from(figures.in_flight).unwrap_or(i64::MAX);
            self.in_flight.with_label_values(&[name]).set(in_flight);
            let Some(running) = figures.running else { continue };
            let limit = i64::try_from(running.max_in_flight).unwrap_or(i64::MAX);
            self.in_flight_limit.with_label_values(&[name]).set(limit);
            self.valid_for_seconds.with_label_values(&[name]).set(running.valid_for.as_secs_f64());
            one_of(&self.breaker_state, name, &BREAKER, running.breaker);
            one_of(&self.state, name, &STATES, running.state);
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|name, gateway| {
            let is_told = gateways.iter().any(|figures| figures.name == *name);
            let stays = is_told || Arc::strong_count(gateway) > 1;
            if !stays {
                self.forget(name);
            }
            stays
        });
    }

    /// All of it is there, else nobody would know the gateway.
    fn forget(&self, name: &str) {
        for outcome in OUTCOMES {
            self.attempts.remove_label_values(&[name, outcome]).unwrap_or_default();
        }
        for state in ENDS {
            self.finished.remove_label_values(&[name, state]).unwrap_or_default();
        }
        for status in STATUSES {
            for matching in MATCHING {
                self.receipts.remove_label_values(&[name, status, matching]).unwrap_or_default();
            }
        }
        for family in [&self.matched_later, &self.inbound] {
            family.remove_label_values(&[name]).unwrap_or_default();
        }
        for family in [&self.submit_seconds, &self.delivery_seconds] {
            family.remove_label_values(&[name]).unwrap_or_default();
        }
    }
}

/// 1 for the one of `words` that holds, 0 for the others.
fn one_of(family: &IntGaugeVec, name: &str, words: &[&str], holds: &str) {
    for word in words {
        family.with_label_values(&[name, word]).set(i64::from(*word == holds));
    }
}

/// What came of tries to tell a receiver: taken, to be tried again, or over.
pub(super) const WEBHOOKS: [&str; 3] = ["delivered", "failed", "given_up"];

/// The figures of one receiver of webhooks.
#[derive(Clone, Debug)]
pub struct OriginMetrics(pub(super) ByWord<3>);

impl OriginMetrics {
    /// So many tries came to `delivered`, `failed` (they are tried again) or `given_up`.
    pub fn webhooks(&self, outcome: &str, count: u64) {
        self.0.count(outcome, count);
    }
}
