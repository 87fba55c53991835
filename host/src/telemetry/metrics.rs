//! Figures for Prometheus: what happened is counted where it happens, what is now is looked up when somebody asks. `docs/metrics.md`
//! lists all of them; a test holds the two together.

mod families;
mod gateway;
mod requests;

use super::{log_lines, series, traces::Traces};
use crate::message::Timestamp;
use families::{ByWord, Families};
use gatepost_provider_api::abi::{API_MAJOR, API_MINOR};
pub use gateway::{GatewayFigures, GatewayMetrics, OriginMetrics, Running};
use gateway::{Gateways, WEBHOOKS};
use prometheus::{
    Encoder as _, Error, GaugeVec, Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry,
    TextEncoder, process_collector::ProcessCollector,
};
pub use requests::{Held, Requests};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// The form in which they are told.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A commit is an fsync, in seconds, and takes a group with it, in messages.
const COMMIT: [f64; 12] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0];
const GROUP: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1024.0];

/// Why a request to send was refused.
const REFUSALS: [&str; 6] = ["invalid", "forbidden", "overloaded", "key_reused", "store", "stopping"];
/// Why the store did not do what it was asked.
const STORE_ERRORS: [&str; 4] = ["busy", "full", "unwritable", "damaged"];

/// All figures of one host.
pub struct Metrics {
    /// Where what happens is traced.
    pub traces: Traces,
    /// Those of the API.
    pub requests: Requests,
    registry: Registry,
    /// Two who ask at once would take each other's figures away.
    rendering: Mutex<()>,
    gateways: Gateways,
    accepted: IntCounter,
    refused: ByWord<6>,
    replayed: IntCounter,
    queue_limit: IntGauge,
    commit_seconds: Histogram,
    commit_messages: Histogram,
    store_errors: ByWord<4>,
    store_writable: IntGauge,
    store_bytes: GaugeVec,
    store_free_bytes: GaugeVec,
    certificate_expiry: IntGauge,
    webhooks: IntCounterVec,
    webhooks_waiting: IntGaugeVec,
    log_lines: IntCounterVec,
    spans: IntCounterVec,
}

/// What a host looks like at the moment of a question.
#[derive(Debug, Default)]
pub struct Moment {
    /// Its gateways, those that only have a queue left among them.
    pub gateways: Vec<GatewayFigures>,
    /// How many webhooks wait for each origin.
    pub webhooks_waiting: Vec<(String, u64)>,
    /// Bytes that the store takes, and that are free beside it; `None`: it is on no disk, or can't tell.
    pub store_bytes: Option<(u64, u64)>,
}

impl Metrics {
    /// All of them at zero; nothing is traced.
    ///
    /// # Errors
    /// Two have the same name: a mistake in this file, which its test finds.
    pub fn new() -> Result<Self, Error> {
        let registry = Registry::new();
        let families = Families(&registry);
        registry.register(Box::new(ProcessCollector::for_self()))?;
        let build = families.gauges(
            "gatepost_build_info",
            "1; the version of this host and of the provider API that it speaks.",
            &["version", "provider_api"],
        )?;
        let provider_api = format!("{API_MAJOR}.{API_MINOR}");
        build.with_label_values(&[env!("CARGO_PKG_VERSION"), &provider_api]).set(1);
        let refused = families.counters(
            "gatepost_send_refused_total",
            "Requests to send, batches too, that were refused after their key was found good, by why.",
            &["reason"],
        )?;
        let store_errors = families.counters(
            "gatepost_store_errors_total",
            "What the store was asked and did not do, by why.",
            &["error"],
        )?;
        let metrics = Self {
            traces: Traces::default(),
            requests: Requests::new(&families)?,
            rendering: Mutex::default(),
            gateways: Gateways::new(&families)?,
            accepted: families.counter(
                "gatepost_messages_accepted_total",
                "Messages that were accepted and are on disk.",
            )?,
            refused: ByWord::new(REFUSALS, |reason| refused.with_label_values(&[reason])),
            replayed: families.counter(
                "gatepost_idempotent_replays_total",
                "Requests to send that were answered with what the same Idempotency-Key had brought before.",
            )?,
            queue_limit: families.gauge(
                "gatepost_queue_limit",
                "How many messages may be unfinished, over all queues: max_queued.",
            )?,
            commit_seconds: families.histogram(
                "gatepost_store_commit_seconds",
                "How long a transaction took, fsync included.",
                &COMMIT,
            )?,
            commit_messages: families.histogram(
                "gatepost_store_commit_messages",
                "Messages that one transaction stored or changed.",
                &GROUP,
            )?,
            store_errors: ByWord::new(STORE_ERRORS, |error| store_errors.with_label_values(&[error])),
            store_writable: families.gauge(
                "gatepost_store_writable",
                "1, or 0 if the last transaction could not be written.",
            )?,
            store_bytes: families.measures("gatepost_store_bytes", "Bytes that the store takes on disk.", &[])?,
            store_free_bytes: families.measures(
                "gatepost_store_free_bytes",
                "Bytes that are free on the disk under the store.",
                &[],
            )?,
            certificate_expiry: families.gauge(
                "gatepost_tls_certificate_expiry_timestamp_seconds",
                "When the certificate ends that the API is served with, since unix epoch; 0 without TLS.",
            )?,
            webhooks: families.counters(
                "gatepost_webhooks_total",
                "Tries to tell a receiver, by what they came to.",
                &["origin", "outcome"],
            )?,
            webhooks_waiting: families.gauges(
                "gatepost_webhooks_waiting",
                "Webhooks that their receiver has not taken yet.",
                &["origin"],
            )?,
            log_lines: families.counters(
                "gatepost_log_lines_total",
                "Lines that this process has logged, by level.",
                &["level"],
            )?,
            spans: families.counters(
                "gatepost_spans_total",
                "Spans of traces: exported, dropped since too many waited, or failed since no collector took them.",
                &["result"],
            )?,
            registry,
        };
        metrics.store_writable.set(1);
        Ok(metrics)
    }

    /// The same, with what happens traced.
    #[must_use]
    pub fn tracing(self, traces: Traces) -> Self {
        Self { traces, ..self }
    }

    /// The figures of a gateway, to be kept by whoever counts much.
    pub fn gateway(&self, name: &str) -> Arc<GatewayMetrics> {
        self.gateways.of(name)
    }

    /// The figures of a receiver of webhooks, to be kept.
    pub fn origin(&self, origin: &str) -> OriginMetrics {
        OriginMetrics(ByWord::new(WEBHOOKS, |outcome| self.webhooks.with_label_values(&[origin, outcome])))
    }

    /// So many messages are on disk.
    pub fn accepted(&self, messages: u64) {
        self.accepted.inc_by(messages);
    }

    /// A request to send was refused.
    pub fn refused(&self, reason: &str) {
        self.refused.count(reason, 1);
    }

    /// A request to send was answered with what it had brought before.
    pub fn replayed(&self) {
        self.replayed.inc();
    }

    /// How many messages may be unfinished.
    pub fn queue_limit(&self, messages: u64) {
        self.queue_limit.set(i64::try_from(messages).unwrap_or(i64::MAX));
    }

    /// The API is served with a certificate that ends then.
    pub fn certificate(&self, valid_until: Timestamp) {
        self.certificate_expiry.set(valid_until.as_millis() / 1000);
    }

    /// A transaction of the store is on disk.
    pub fn commit(&self, messages: usize, took: Duration) {
        self.commit_seconds.observe(took.as_secs_f64());
        self.commit_messages.observe(messages as f64);
        self.store_writable.set(1);
    }

    /// A transaction could not be written.
    pub fn unwritable(&self) {
        self.store_writable.set(0);
    }

    /// The store did not do what it was asked: `busy`, `full`, `unwritable` or `damaged`.
    pub fn store_error(&self, error: &str) {
        self.store_errors.count(error, 1);
    }

    /// All of them, as Prometheus reads them.
    ///
    /// # Errors
    /// They can't be written down.
    pub fn render(&self, moment: &Moment) -> Result<Vec<u8>, Error> {
        let _one_at_a_time = self.rendering.lock().unwrap_or_else(PoisonError::into_inner);
        self.gateways.update(&moment.gateways);
        self.webhooks_waiting.reset();
        for (origin, count) in &moment.webhooks_waiting {
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            self.webhooks_waiting.with_label_values(&[origin.as_str()]).set(count);
        }
        self.store_bytes.reset();
        self.store_free_bytes.reset();
        if let Some((used, free)) = moment.store_bytes {
            self.store_bytes.with_label_values::<&str>(&[]).set(used as f64);
            self.store_free_bytes.with_label_values::<&str>(&[]).set(free as f64);
        }
        counted_elsewhere(&self.log_lines, log_lines::counts());
        counted_elsewhere(&self.spans, self.traces.counts());
        let (mut text, mut all) = (Vec::new(), self.registry.gather());
        all.extend(series::families(moment.gateways.iter().flat_map(|figures| &figures.provided)));
        TextEncoder::new().encode(&all, &mut text)?;
        Ok(text)
    }
}

/// Takes over what is counted where no registry is.
fn counted_elsewhere<const N: usize>(family: &IntCounterVec, counts: [(&str, u64); N]) {
    family.reset();
    for (word, count) in counts {
        family.with_label_values(&[word]).inc_by(count);
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
