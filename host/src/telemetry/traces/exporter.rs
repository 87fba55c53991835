//! The task that takes spans to the collector.

use super::{Counts, Traces, WAITING};
use opentelemetry_otlp::{
    ExporterBuildError, RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::{
    Resource,
    trace::{SpanData, SpanExporter as _},
};
use reqwest::redirect::Policy;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{
    sync::mpsc::{self, Receiver},
    task::JoinHandle,
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;

/// Spans in one request, and how long the first of them waits for others.
const BATCH: usize = 512;
const EVERY: Duration = Duration::from_secs(2);

/// One request, its answer included.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Tries of one batch, and the pause before the second; it doubles. Meanwhile others wait, and once too many do they are dropped.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// Traces can't be sent at all.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// The variables of the environment that OpenTelemetry defines, or the address, are wrong.
    #[error(
        "no exporter of traces can be built: {0}; correct `otlp` under [telemetry], or the environment's OTEL_EXPORTER_OTLP_…"
    )]
    Exporter(ExporterBuildError),
    /// There is no client.
    #[error(
        "no client for traces can be built: {0}; install the system's root certificates (Debian: ca-certificates)"
    )]
    Client(reqwest::Error),
}

/// The running export.
#[derive(Debug)]
pub struct Exporting {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Traces {
    /// Begins to send traces to the collector at `otlp`. Needs a tokio runtime.
    ///
    /// # Errors
    /// They can't be sent.
    pub fn to(otlp: &str) -> Result<(Self, Exporting), TracesError> {
        let mut client = reqwest::Client::builder()
            .user_agent(concat!("gatepost/", env!("CARGO_PKG_VERSION")))
            .timeout(TIMEOUT)
            .no_proxy()
            .redirect(Policy::none());
        if otlp.starts_with("http:") {
            // A machine without root certificates can do without them.
            client = client.tls_certs_only([]);
        }
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client.build().map_err(TracesError::Client)?)
            .with_endpoint(format!("{}/v1/traces", otlp.trim_end_matches('/')))
            // Its own would put a thread of the runtime to sleep.
            .with_retry_policy(RetryPolicy::disabled())
            .build()
            .map_err(TracesError::Exporter)?;
        exporter.set_resource(&resource());
        let (waiting, spans) = mpsc::channel(WAITING);
        let traces = Self { waiting: Some(waiting), counts: Arc::default() };
        let stop = CancellationToken::new();
        let export = Export { exporter, counts: Arc::clone(&traces.counts), failing: false };
        let task = tokio::spawn(export.run(spans, stop.clone()));
        Ok((traces, Exporting { task, stop }))
    }
}

impl Exporting {
    /// Sends what waits, for so long at most; the rest is lost.
    pub async fn end(mut self, within: Duration) {
        self.stop.cancel();
        if tokio::time::timeout(within, &mut self.task).await.is_err() {
            self.task.abort();
            tracing::warn!("no collector took the last spans of traces in time");
        }
    }
}

/// `service.name` is `gatepost` unless the environment's `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` has another.
fn resource() -> Resource {
    let builder = Resource::builder()
        .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    let named = Resource::builder().build().get(&"service.name".into()).map(|name| name.to_string());
    if named.is_none_or(|name| name.starts_with("unknown_service")) {
        return builder.with_service_name("gatepost").build();
    }
    builder.build()
}

struct Export {
    exporter: SpanExporter,
    counts: Arc<Counts>,
    /// Whether the last batch failed: one line in the log for each change.
    failing: bool,
}

impl Export {
    async fn run(mut self, mut spans: Receiver<SpanData>, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(BATCH);
        while !stop.is_cancelled() {
            let room = BATCH - batch.len();
            tokio::select! {
                count = spans.recv_many(&mut batch, room) => match count {
                    // Nobody is left who could tell anything.
                    0 => break,
                    _ if batch.len() < BATCH => continue,
                    _ => {}
                },
                _ = ticks.tick() => {}
                () = stop.cancelled() => {}
            }
            self.export(&mut batch, &stop).await;
        }
        while spans.try_recv().map(|span| batch.push(span)).is_ok() {
            if batch.len() == BATCH {
                self.export(&mut batch, &stop).await;
            }
        }
        self.export(&mut batch, &stop).await;
    }

    async fn export(&mut self, batch: &mut Vec<SpanData>, stop: &CancellationToken) {
        if batch.is_empty() {
            return;
        }
        let (count, mut pause) = (batch.len() as u64, PAUSE);
        for tries in 1..=TRIES {
            let spans = if tries == TRIES { std::mem::take(batch) } else { batch.clone() };
            match self.exporter.export(spans).await {
                Ok(()) => {
                    batch.clear();
                    self.counts.exported.fetch_add(count, Ordering::Relaxed);
                    if std::mem::take(&mut self.failing) {
                        tracing::info!("the collector takes traces again");
                    }
                    return;
                }
                Err(error) if !self.failing => {
                    self.failing = true;
                    tracing::warn!(%error, "the collector does not take traces; they are tried again, then dropped");
                }
                Err(_) => {}
            }
            if tries < TRIES && !stop.is_cancelled() {
                tokio::select! {
                    () = tokio::time::sleep(pause) => pause *= 2,
                    () = stop.cancelled() => {}
                }
            }
        }
        self.counts.failed.fetch_add(count, Ordering::Relaxed);
    }
}
