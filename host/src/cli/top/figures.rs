//! What `/metrics` says at one time: Prometheus' text format.

use std::collections::BTreeMap;
use tokio::time::Instant;

/// The host at one time.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) at: Instant,
    pub(super) version: String,
    /// Seconds since 1970.
    pub(super) started: f64,
    pub(super) accepted: f64,
    pub(super) queue_limit: u64,
    pub(super) webhooks_waiting: u64,
    pub(super) writable: bool,
    pub(super) gateways: BTreeMap<String, Gateway>,
}

/// A gateway at one time.
#[derive(Clone, Debug, Default)]
pub(super) struct Gateway {
    pub(super) state: String,
    pub(super) queued: u64,
    pub(super) oldest: f64,
    pub(super) in_flight: u64,
    pub(super) in_flight_limit: u64,
    pub(super) sent: f64,
    /// Those that expired too.
    pub(super) failed: f64,
    pub(super) submits: Buckets,
}

/// How many submits took no longer than so many seconds: bounds and counts, both ascending.
pub(super) type Buckets = Vec<(f64, f64)>;

/// One line of the text.
struct Figure<'t> {
    name: &'t str,
    labels: Vec<(&'t str, String)>,
    value: f64,
}

impl Figure<'_> {
    fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| *label == name).map(|(_, value)| value.as_str())
    }
}

impl Sample {
    /// `None` where the text is not Gatepost's.
    pub(super) fn read(text: &str, at: Instant) -> Option<Self> {
        let mut sample = Self {
            at,
            version: String::new(),
            started: 0.0,
            accepted: 0.0,
            queue_limit: 0,
            webhooks_waiting: 0,
            writable: true,
            gateways: BTreeMap::new(),
        };
        for figure in text.lines().filter_map(figure) {
            sample.take(&figure);
        }
        Some(sample).filter(|sample| !sample.version.is_empty())
    }

    fn take(&mut self, figure: &Figure<'_>) {
        let value = figure.value;
        match figure.name {
            "gatepost_build_info" => self.version = figure.label("version").unwrap_or_default().to_owned(),
            "process_start_time_seconds" => self.started = value,
            "gatepost_messages_accepted_total" => self.accepted = value,
            "gatepost_queue_limit" => self.queue_limit = count(value),
            "gatepost_webhooks_waiting" => self.webhooks_waiting += count(value),
            "gatepost_store_writable" => self.writable = value > 0.0,
            _ => {
                if let Some(name) = figure.label("gateway") {
                    self.gateways.entry(name.to_owned()).or_default().take(figure);
                }
            }
        }
    }
}

impl Gateway {
    fn take(&mut self, figure: &Figure<'_>) {
        let value = figure.value;
        match (figure.name, figure.label("state")) {
            ("gatepost_gateway_state", Some(state)) if value > 0.0 => state.clone_into(&mut self.state),
            ("gatepost_queue_depth", _) => self.queued = count(value),
            ("gatepost_queue_oldest_seconds", _) => self.oldest = value,
            ("gatepost_in_flight", _) => self.in_flight = count(value),
            ("gatepost_in_flight_limit", _) => self.in_flight_limit = count(value),
            ("gatepost_messages_finished_total", Some("sent")) => self.sent += value,
            ("gatepost_messages_finished_total", Some("failed" | "expired")) => self.failed += value,
            ("gatepost_submit_seconds_bucket", _) => {
                if let Some(bound) = figure.label("le").and_then(|bound| bound.parse().ok()) {
                    self.submits.push((bound, value));
                }
            }
            _ => {}
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count; as casts are saturating"
)]
fn count(value: f64) -> u64 {
    value as u64
}

/// `name{label="value",…} value`; comments are none.
fn figure(line: &str) -> Option<Figure<'_>> {
    let end = line.find(['{', ' ']).filter(|_| !line.starts_with('#'))?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = Vec::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"")?;
            let (value, after) = quoted(after)?;
            labels.push((label, value));
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = rest.strip_prefix('}')?;
    }
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Figure { name, labels, value })
}

/// The value up to its closing quote, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut characters) = (String::new(), text.chars());
    loop {
        match characters.next()? {
            '"' => return Some((value, characters.as_str())),
            '\\' => match characters.next()? {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn figures_are_read_as_prometheus_writes_them() {
        let text = r#"# HELP gatepost_build_info 1
# TYPE gatepost_build_info gauge
gatepost_build_info{provider_api="1.0",version="0.1.0"} 1
process_start_time_seconds 1790000000
gatepost_messages_accepted_total 12
gatepost_webhooks_waiting{origin="http://a:1"} 2
gatepost_webhooks_waiting{origin="http://b:1"} 3
gatepost_gateway_state{gateway="a",state="down"} 0
gatepost_gateway_state{gateway="a",state="paused"} 1
gatepost_queue_depth{gateway="a"} 7
gatepost_queue_oldest_seconds{gateway="a"} 1.5
gatepost_messages_finished_total{gateway="a",state="sent"} 3
gatepost_messages_finished_total{gateway="a",state="failed"} 1
gatepost_messages_finished_total{gateway="a",state="expired"} 1
gatepost_submit_seconds_bucket{gateway="a",le="0.005"} 1
gatepost_submit_seconds_bucket{gateway="a",le="+Inf"} 3
gatepost_queue_depth{gateway="b\"\\\n"} 1
"#;
        let sample = Sample::read(text, Instant::now()).unwrap();
        assert_eq!((sample.version.as_str(), sample.accepted, sample.webhooks_waiting), ("0.1.0", 12.0, 5));
        let gateway = &sample.gateways["a"];
        assert_eq!((gateway.state.as_str(), gateway.queued, gateway.oldest), ("paused", 7, 1.5));
        assert_eq!((gateway.sent, gateway.failed), (3.0, 2.0));
        assert_eq!(gateway.submits, [(0.005, 1.0), (f64::INFINITY, 3.0)]);
        assert_eq!(sample.gateways["b\"\\\n"].queued, 1);
        assert!(Sample::read("<html>\nnode_load1 3\n", Instant::now()).is_none());
    }
}
