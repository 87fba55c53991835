//! Figures for Prometheus: what happened is counted where it happens, what is now is looked up when somebody asks.

use prometheus::{
    Encoder as _, Error, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec,
    IntGaugeVec, Opts, Registry, TextEncoder,
    core::{Collector, MetricVec, MetricVecBuilder},
    process_collector::ProcessCollector,
};
use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    time::Duration,
};

/// The form in which they are told.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// From a fast local service to one that answers just before its time limit, in seconds.
const SUBMIT: [f64; 12] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

/// From acceptance to the end: retries and waits come in, in seconds.
const DELIVERY: [f64; 12] = [0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 600.0, 3600.0];

/// A commit is an fsync, in seconds, and takes a group with it, in messages.
const COMMIT: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0];
const GROUP: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1024.0];

/// The states that a breaker may be in.
const BREAKER: [&str; 3] = ["closed", "open", "half-open"];

/// All figures of one host.
pub struct Metrics {
    registry: Registry,
    accepted: IntCounter,
    finished: IntCounterVec,
    attempts: IntCounterVec,
    receipts: IntCounterVec,
    receipts_matched_later: IntCounterVec,
    submit_seconds: HistogramVec,
    delivery_seconds: HistogramVec,
    commit_seconds: Histogram,
    commit_messages: Histogram,
    in_flight: IntGaugeVec,
    queue_depth: IntGaugeVec,
    queue_oldest_seconds: GaugeVec,
    breaker_state: IntGaugeVec,
    webhooks: IntCounterVec,
    webhooks_waiting: IntGaugeVec,
    inbound: IntCounterVec,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// What a gateway looks like at the moment of a question.
#[derive(Clone, Debug, Default)]
pub struct GatewayFigures {
    /// Its name.
    pub name: String,
    /// Its breaker: `closed`, `open` or `half-open`; `None` for one that is not in the configuration.
    pub breaker: Option<&'static str>,
    /// Messages in its queue.
    pub depth: u64,
    /// How old the oldest of them is.
    pub oldest: Option<Duration>,
    /// Submissions whose outcome is not yet on disk.
    pub in_flight: usize,
}

fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: Result<C, Error>,
) -> Result<C, Error> {
    let collector = collector?;
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

impl Metrics {
    /// All of them at zero.
    ///
    /// # Errors
    /// Two have the same name: a mistake in this file, which its test finds.
    pub fn new() -> Result<Self, Error> {
        let registry = Registry::new();
        let histogram = |name: &str, help: &str, buckets: &[f64]| {
            HistogramOpts::new(name, help).buckets(buckets.to_vec())
        };
        registry.register(Box::new(ProcessCollector::for_self()))?;
        Ok(Self {
            accepted: registered(
                &registry,
                IntCounter::new(
                    "gatepost_messages_accepted_total",
                    "Messages that were accepted and are on disk.",
                ),
            )?,
            finished: registered(
                &registry,
                IntCounterVec::new(
                    Opts::new(
                        "gatepost_messages_finished_total",
                        "Messages that came to their end, by the gateway that they went through last.",
                    ),
                    &["gateway", "state"],
                ),
            )?,
            attempts: registered(
                &registry,
                IntCounterVec::new(
                    Opts::new("gatepost_attempts_total", "Submissions to a gateway, by what they came to."),
                    &["gateway", "outcome"],
                ),
            )?,
            receipts: registered(
                &registry,
                IntCounterVec::new(
                    Opts::new(
                        "gatepost_receipts_total",
                        "Receipts, by what they say and whether there was a message for them when they came.",
                    ),
                    &["gateway", "status", "match"],
                ),
            )?,
            receipts_matched_later: registered(
                &registry,
                IntCounterVec::new(
                    Opts::new(
                        "gatepost_receipts_matched_later_total",
                        "Receipts that came before it was known to which message they belong, of those that were unmatched.",
                    ),
                    &["gateway"],
                ),
            )?,
            submit_seconds: registered(
                &registry,
                HistogramVec::new(
                    histogram(
                        "gatepost_submit_seconds",
                        "How long a provider took to take a message or not.",
                        &SUBMIT,
                    ),
                    &["gateway"],
                ),
            )?,
            delivery_seconds: registered(
                &registry,
                HistogramVec::new(
                    histogram(
                        "gatepost_delivery_seconds",
                        "From acceptance, or the time that a message was to be sent at, until a provider took it.",
                        &DELIVERY,
                    ),
                    &["gateway"],
                ),
            )?,
            commit_seconds: registered(
                &registry,
                Histogram::with_opts(histogram(
                    "gatepost_store_commit_seconds",
                    "How long a transaction took, fsync included.",
                    &COMMIT,
                )),
            )?,
            commit_messages: registered(
                &registry,
                Histogram::with_opts(histogram(
                    "gatepost_store_commit_messages",
                    "Messages that one transaction stored or changed.",
                    &GROUP,
                )),
            )?,
            in_flight: registered(
                &registry,
                IntGaugeVec::new(
                    Opts::new("gatepost_in_flight", "Submissions whose outcome is not yet on disk."),
                    &["gateway"],
                ),
            )?,
            queue_depth: registered(
                &registry,
                IntGaugeVec::new(
                    Opts::new(
                        "gatepost_queue_depth",
                        "Messages that are not finished, by the gateway that they wait for.",
                    ),
                    &["gateway"],
                ),
            )?,
            queue_oldest_seconds: registered(
                &registry,
                GaugeVec::new(
                    Opts::new(
                        "gatepost_queue_oldest_seconds",
                        "How old the oldest message in the queue is; 0 where none waits.",
                    ),
                    &["gateway"],
                ),
            )?,
            breaker_state: registered(
                &registry,
                IntGaugeVec::new(
                    Opts::new(
                        "gatepost_breaker_state",
                        "1 for the state that the gateway's circuit breaker is in.",
                    ),
                    &["gateway", "state"],
                ),
            )?,
            webhooks: registered(
                &registry,
                IntCounterVec::new(
                    Opts::new("gatepost_webhooks_total", "Tries to tell a receiver, by what they came to."),
                    &["origin", "outcome"],
                ),
            )?,
            webhooks_waiting: registered(
                &registry,
                IntGaugeVec::new(
                    Opts::new("gatepost_webhooks_waiting", "Webhooks that their receiver has not taken yet."),
                    &["origin"],
                ),
            )?,
            inbound: registered(
                &registry,
                IntCounterVec::new(
                    Opts::new(
                        "gatepost_inbound_total",
                        "Inbound messages, by the gateway that they came through.",
                    ),
                    &["gateway"],
                ),
            )?,
            registry,
        })
    }

    /// Webhooks came to `delivered`, `failed` (they are tried again) or `given_up`.
    pub fn webhooks(&self, origin: &str, outcome: &str, count: u64) {
        self.webhooks.with_label_values(&[origin, outcome]).inc_by(count);
    }

    /// How many webhooks wait for each origin now.
    pub fn webhooks_waiting(&self, waiting: &[(String, u64)]) {
        self.webhooks_waiting.reset();
        for (origin, count) in waiting {
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            self.webhooks_waiting.with_label_values(&[origin.as_str()]).set(count);
        }
    }

    /// An inbound message came.
    pub fn inbound(&self, gateway: &str) {
        self.inbound.with_label_values(&[gateway]).inc();
    }

    /// So many messages are on disk.
    pub fn accepted(&self, messages: u64) {
        self.accepted.inc_by(messages);
    }

    /// A message came to its end; `since_due` for one that a provider took.
    pub fn finished(&self, gateway: &str, state: &str, since_due: Option<Duration>) {
        self.finished.with_label_values(&[gateway, state]).inc();
        if let Some(since_due) = since_due {
            self.delivery_seconds.with_label_values(&[gateway]).observe(since_due.as_secs_f64());
        }
    }

    /// A submission came to its outcome.
    pub fn attempt(&self, gateway: &str, outcome: &str, took: Duration) {
        self.attempts.with_label_values(&[gateway, outcome]).inc();
        self.submit_seconds.with_label_values(&[gateway]).observe(took.as_secs_f64());
    }

    /// A receipt is on disk.
    pub fn receipt(&self, gateway: &str, status: &str, matching: &str) {
        self.receipts.with_label_values(&[gateway, status, matching]).inc();
    }

    /// So many receipts that were unmatched turned out to belong to a message.
    pub fn matched_later(&self, gateway: &str, receipts: u32) {
        self.receipts_matched_later.with_label_values(&[gateway]).inc_by(receipts.into());
    }

    /// A transaction of the store is on disk.
    pub fn commit(&self, messages: usize, took: Duration) {
        self.commit_seconds.observe(took.as_secs_f64());
        self.commit_messages.observe(messages as f64);
    }

    /// All of them, as Prometheus reads them.
    ///
    /// # Errors
    /// They can't be written down.
    pub fn render(&self, gateways: &[GatewayFigures]) -> Result<Vec<u8>, Error> {
        // Of a gateway that is gone, with nothing in its queue, nothing must stay as it was.
        self.queue_depth.reset();
        self.queue_oldest_seconds.reset();
        self.in_flight.reset();
        self.breaker_state.reset();
        let names = gateways.iter().map(|figures| figures.name.as_str()).collect::<BTreeSet<_>>();
        for counted in
            [&self.finished, &self.attempts, &self.receipts, &self.receipts_matched_later, &self.inbound]
        {
            forget_others(counted, &names);
        }
        forget_others(&self.submit_seconds, &names);
        forget_others(&self.delivery_seconds, &names);
        for figures in gateways {
            let name = figures.name.as_str();
            self.queue_depth.with_label_values(&[name]).set(i64::try_from(figures.depth).unwrap_or(i64::MAX));
            let oldest = figures.oldest.unwrap_or_default().as_secs_f64();
            self.queue_oldest_seconds.with_label_values(&[name]).set(oldest);
            let in_flight = i64::try_from(figures.in_flight).unwrap_or(i64::MAX);
            self.in_flight.with_label_values(&[name]).set(in_flight);
            if let Some(breaker) = figures.breaker {
                for state in BREAKER {
                    self.breaker_state.with_label_values(&[name, state]).set(i64::from(state == breaker));
                }
            }
        }
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

/// Leaves the figures of these gateways alone.
fn forget_others<T: MetricVecBuilder>(figures: &MetricVec<T>, gateways: &BTreeSet<&str>) {
    for family in figures.collect() {
        for metric in family.get_metric() {
            let labels = metric.get_label().iter().map(|label| (label.name(), label.value()));
            let labels = labels.collect::<HashMap<_, _>>();
            if labels.get("gateway").is_some_and(|name| !gateways.contains(name)) {
                // What is gone already needs no removing.
                figures.remove(&labels).unwrap_or_default();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_has_its_place_and_moves() {
        let metrics = Metrics::new().unwrap();
        metrics.accepted(1);
        metrics.attempt("one", "unavailable", Duration::from_millis(30));
        metrics.finished("one", "sent", Some(Duration::from_secs(2)));
        metrics.finished("one", "expired", None);
        metrics.receipt("one", "delivered", "unmatched");
        metrics.commit(7, Duration::from_millis(3));
        metrics.webhooks("https://app.example", "given_up", 4);
        metrics.webhooks_waiting(&[("https://gone.example".into(), 1)]);
        metrics.webhooks_waiting(&[("https://app.example".into(), 6)]);
        metrics.inbound("one");
        let gateway = |breaker| GatewayFigures {
            name: "one".into(),
            breaker: Some(breaker),
            depth: 5,
            oldest: Some(Duration::from_secs(9)),
            in_flight: 3,
        };
        metrics.render(&[gateway("closed")]).unwrap();
        let text = String::from_utf8(metrics.render(&[gateway("open")]).unwrap()).unwrap();
        for line in [
            "gatepost_messages_accepted_total 1",
            "gatepost_attempts_total{gateway=\"one\",outcome=\"unavailable\"} 1",
            "gatepost_messages_finished_total{gateway=\"one\",state=\"expired\"} 1",
            "gatepost_messages_finished_total{gateway=\"one\",state=\"sent\"} 1",
            "gatepost_receipts_total{gateway=\"one\",match=\"unmatched\",status=\"delivered\"} 1",
            "gatepost_submit_seconds_bucket{gateway=\"one\",le=\"0.05\"} 1",
            "gatepost_delivery_seconds_sum{gateway=\"one\"} 2",
            "gatepost_delivery_seconds_count{gateway=\"one\"} 1",
            "gatepost_store_commit_seconds_bucket{le=\"0.005\"} 1",
            "gatepost_store_commit_messages_sum 7",
            "gatepost_in_flight{gateway=\"one\"} 3",
            "gatepost_queue_depth{gateway=\"one\"} 5",
            "gatepost_queue_oldest_seconds{gateway=\"one\"} 9",
            "gatepost_webhooks_total{origin=\"https://app.example\",outcome=\"given_up\"} 4",
            "gatepost_webhooks_waiting{origin=\"https://app.example\"} 6",
            "gatepost_inbound_total{gateway=\"one\"} 1",
            "gatepost_breaker_state{gateway=\"one\",state=\"closed\"} 0",
            "gatepost_breaker_state{gateway=\"one\",state=\"open\"} 1",
            "gatepost_breaker_state{gateway=\"one\",state=\"half-open\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        assert!(!text.contains("gone.example"), "{text}");
        assert!(text.contains("\nprocess_resident_memory_bytes "), "{text}");
        // Of a gateway that is gone nothing is told.
        let text = String::from_utf8(metrics.render(&[]).unwrap()).unwrap();
        assert!(!text.contains("gateway=") && text.contains("origin="), "{text}");
    }
}
