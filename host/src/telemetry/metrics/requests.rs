//! The figures of the API.

use super::families::Families;
use prometheus::{Error, HistogramVec, IntCounterVec, IntGauge};
use std::time::Duration;

/// From an answer out of memory to the longest wait for an outcome, in seconds.
const REQUEST: [f64; 12] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0];

/// The methods that the API knows: whoever asks must not be able to make up further ones.
const METHODS: [&str; 6] = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"];

/// What the API counts.
#[derive(Debug)]
pub struct Requests {
    /// Connections that are open.
    pub connections: IntGauge,
    /// Requests that are being answered.
    pub under_way: IntGauge,
    total: IntCounterVec,
    seconds: HistogramVec,
}

impl Requests {
    pub(super) fn new(families: &Families<'_>) -> Result<Self, Error> {
        Ok(Self {
            connections: families
                .gauge("gatepost_http_connections", "Connections to the API that are open.")?,
            under_way: families.gauge(
                "gatepost_http_requests_under_way",
                "Requests that are being answered, those that wait for an outcome among them.",
            )?,
            total: families.counters(
                "gatepost_http_requests_total",
                "Requests to the API, by the route that they took and the status of the answer.",
                &["method", "route", "status"],
            )?,
            seconds: families.histograms(
                "gatepost_http_request_seconds",
                "From the head of a request to the head of its answer, a wait for an outcome included.",
                &["method", "route"],
                &REQUEST,
            )?,
        })
    }

    /// A request was answered. `route` is one of the API's own, with its placeholders; `None`: there is none for this path.
    pub fn answered(&self, method: &str, route: Option<&str>, status: &str, took: Duration) {
        let method = METHODS.iter().copied().find(|known| *known == method).unwrap_or("other");
        let route = route.unwrap_or("none");
        self.total.with_label_values(&[method, route, status]).inc();
        self.seconds.with_label_values(&[method, route]).observe(took.as_secs_f64());
    }
}

/// One more of something, for as long as this is held.
#[derive(Debug)]
pub struct Held(IntGauge);

impl Held {
    /// Counts it.
    pub fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.dec();
    }
}
