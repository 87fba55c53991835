//! Rates and times, out of what was counted during the last seconds.

use super::figures::{Buckets, Gateway, Sample};
use serde::Serialize;
use std::{
    collections::VecDeque,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// How far back rates and times look.
const SPAN: Duration = Duration::from_secs(10);

/// The last samples, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Window {
    samples: VecDeque<Sample>,
}

/// What there is to see of the host.
#[derive(Debug, Serialize)]
pub(super) struct View {
    pub(super) version: String,
    pub(super) up_seconds: f64,
    /// Whether the store could be written at last.
    pub(super) writable: bool,
    pub(super) accepted_per_second: Option<f64>,
    pub(super) sent_per_second: Option<f64>,
    pub(super) failed_per_second: Option<f64>,
    pub(super) queue_depth: u64,
    pub(super) queue_limit: u64,
    pub(super) in_flight: u64,
    pub(super) webhooks_waiting: u64,
    /// In the order of their names.
    pub(super) gateways: Vec<Row>,
}

/// A gateway. Rates are `null` until they are measured, times where no submit has ended.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) state: String,
    pub(super) queue_depth: u64,
    pub(super) oldest_seconds: f64,
    pub(super) in_flight: u64,
    pub(super) in_flight_limit: u64,
    pub(super) sent_per_second: Option<f64>,
    pub(super) failed_per_second: Option<f64>,
    pub(super) submit_p50_seconds: Option<f64>,
    pub(super) submit_p95_seconds: Option<f64>,
}

impl Window {
    pub(super) fn push(&mut self, sample: Sample) {
        // Another process has counted anew.
        if self.samples.back().is_some_and(|last| last.started.total_cmp(&sample.started).is_ne()) {
            self.samples.clear();
        }
        // One that is older than the span stays as its beginning.
        while self.samples.get(1).is_some_and(|second| sample.at - second.at >= SPAN) {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// `None` where there is no sample yet.
    pub(super) fn view(&self) -> Option<View> {
        let (first, last) = (self.samples.front()?, self.samples.back()?);
        let span = (last.at - first.at).as_secs_f64();
        let rate = |counted: &dyn Fn(&Sample) -> f64| {
            (span > 0.0).then(|| (counted(last) - counted(first)).max(0.0) / span)
        };
        let nothing = Gateway::default();
        let row = |(name, gateway): (&String, &Gateway)| {
            let before = first.gateways.get(name).unwrap_or(&nothing);
            let of =
                |counted: fn(&Gateway) -> f64| rate(&|sample| sample.gateways.get(name).map_or(0.0, counted));
            let lately = difference(&gateway.submits, &before.submits);
            let time = |share| quantile(&lately, share).or_else(|| quantile(&gateway.submits, share));
            Row {
                name: name.clone(),
                state: gateway.state.clone(),
                queue_depth: gateway.queued,
                oldest_seconds: gateway.oldest,
                in_flight: gateway.in_flight,
                in_flight_limit: gateway.in_flight_limit,
                sent_per_second: of(|gateway| gateway.sent),
                failed_per_second: of(|gateway| gateway.failed),
                submit_p50_seconds: time(0.5),
                submit_p95_seconds: time(0.95),
            }
        };
        let sum =
            |counted: fn(&Gateway) -> f64| rate(&|sample| sample.gateways.values().map(counted).sum::<f64>());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        Some(View {
            version: last.version.clone(),
            up_seconds: (now - last.started).max(0.0),
            writable: last.writable,
            accepted_per_second: rate(&|sample| sample.accepted),
            sent_per_second: sum(|gateway| gateway.sent),
            failed_per_second: sum(|gateway| gateway.failed),
            queue_depth: last.gateways.values().map(|gateway| gateway.queued).sum(),
            queue_limit: last.queue_limit,
            in_flight: last.gateways.values().map(|gateway| gateway.in_flight).sum(),
            webhooks_waiting: last.webhooks_waiting,
            gateways: last.gateways.iter().map(row).collect(),
        })
    }
}

fn difference(later: &Buckets, earlier: &Buckets) -> Buckets {
    let counted = |index: usize| earlier.get(index).map_or(0.0, |(_, count)| *count);
    later.iter().enumerate().map(|(index, (bound, count))| (*bound, count - counted(index))).collect()
}

/// As Prometheus has it: evenly spread within a bucket; what is beyond the last bound is taken for that bound.
fn quantile(buckets: &Buckets, share: f64) -> Option<f64> {
    let total = buckets.last().map(|(_, count)| *count).filter(|total| *total > 0.0)?;
    let rank = share * total;
    let (mut lower, mut below) = (0.0, 0.0);
    for (bound, count) in buckets {
        if *count >= rank {
            let within = if *count > below { (rank - below) / (count - below) } else { 1.0 };
            return Some(if bound.is_finite() { lower + (bound - lower) * within } else { lower });
        }
        (lower, below) = (*bound, *count);
    }
    Some(lower)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use tokio::time::Instant;

    fn sample(at: Instant, started: f64, sent: f64, submits: &[(f64, f64)]) -> Sample {
        let gateway = Gateway { sent, submits: submits.to_vec(), queued: 3, ..Gateway::default() };
        Sample {
            at,
            version: "0.1.0".into(),
            started,
            accepted: sent,
            queue_limit: 10,
            webhooks_waiting: 0,
            writable: true,
            gateways: BTreeMap::from([("a".to_owned(), gateway)]),
        }
    }

    #[tokio::test]
    async fn rates_and_times_are_those_of_the_last_seconds() {
        let (start, mut window) = (Instant::now(), Window::default());
        assert!(window.view().is_none());
        let second = |seconds| start + Duration::from_secs(seconds);
        // A slow submit long ago, quick ones since.
        window.push(sample(second(0), 1.0, 100.0, &[(0.1, 0.0), (1.0, 0.0), (f64::INFINITY, 0.0)]));
        let view = window.view().unwrap();
        assert_eq!((view.sent_per_second, view.gateways[0].submit_p50_seconds), (None, None));
        window.push(sample(second(2), 1.0, 100.0, &[(0.1, 0.0), (1.0, 1.0), (f64::INFINITY, 1.0)]));
        assert_eq!(window.view().unwrap().gateways[0].submit_p50_seconds, Some(0.55));
        for tick in 3..=20 {
            let sent = if tick > 15 { 100.0 } else { 0.0 };
            window.push(sample(
                second(tick),
                1.0,
                100.0 + sent,
                &[(0.1, sent), (1.0, sent + 1.0), (f64::INFINITY, sent + 1.0)],
            ));
        }
        let row = &window.view().unwrap().gateways[0];
        assert_eq!((row.sent_per_second, row.queue_depth), (Some(10.0), 3));
        assert_eq!((row.submit_p50_seconds, row.submit_p95_seconds), (Some(0.05), Some(0.095)));
        // A host that was restarted counts anew.
        window.push(sample(second(21), 2.0, 0.0, &[]));
        assert_eq!(window.view().unwrap().sent_per_second, None);
    }

    #[test]
    fn a_quantile_beyond_the_last_bound_is_that_bound() {
        assert_eq!(quantile(&vec![(60.0, 0.0), (f64::INFINITY, 4.0)], 0.5), Some(60.0));
        assert_eq!(quantile(&vec![(60.0, 0.0), (f64::INFINITY, 0.0)], 0.5), None);
        assert_eq!(quantile(&Vec::new(), 0.5), None);
    }
}
