//! Figures that come from elsewhere, as families of Prometheus' model.

use gatepost_provider_api::figure::Reading;
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use std::collections::{BTreeMap, HashSet};

/// One figure with its labels. Whoever makes it has checked that name and labels may be shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The whole name.
    pub name: String,
    /// One sentence.
    pub help: String,
    /// The labels, each once.
    pub labels: Vec<(String, String)>,
    /// What it stands at.
    pub reading: Reading,
}

/// The families of these series, by name. The first of a name says its kind and its help: those of another kind, and those whose labels were
/// there before, are left out.
pub(super) fn families<'s>(series: impl Iterator<Item = &'s Series>) -> Vec<MetricFamily> {
    let mut families = BTreeMap::<&str, (MetricFamily, HashSet<Vec<(String, String)>>)>::new();
    for Series { name, help, labels, reading } in series {
        let Some((kind, metric)) = metric(reading) else { continue };
        let mut labels = labels.clone();
        labels.sort();
        let (family, known) = families.entry(name).or_insert_with(|| {
            let mut family = MetricFamily::default();
            family.set_name(name.clone());
            family.set_help(help.clone());
            family.set_field_type(kind);
            (family, HashSet::new())
        });
        if family.get_field_type() == kind && known.insert(labels.clone()) {
            family.mut_metric().push(labelled(metric, labels));
        }
    }
    families.into_values().map(|(family, _)| family).collect()
}

/// `None`: a kind that this host does not know.
fn metric(reading: &Reading) -> Option<(MetricType, Metric)> {
    let mut metric = Metric::default();
    let kind = match reading {
        Reading::Counter(value) => {
            let mut counter = Counter::default();
            counter.set_value(*value);
            metric.set_counter(counter);
            MetricType::COUNTER
        }
        Reading::Gauge(value) => {
            let mut gauge = Gauge::default();
            gauge.set_value(*value);
            metric.set_gauge(gauge);
            MetricType::GAUGE
        }
        Reading::Histogram(measured) => {
            let mut histogram = Histogram::default();
            histogram.set_sample_count(measured.count);
            histogram.set_sample_sum(measured.sum);
            let bucket = |(bound, count): &(f64, u64)| {
                let mut bucket = Bucket::default();
                bucket.set_upper_bound(*bound);
                bucket.set_cumulative_count(*count);
                bucket
            };
            histogram.set_bucket(measured.buckets.iter().map(bucket).collect());
            metric.set_histogram(histogram);
            MetricType::HISTOGRAM
        }
        _ => return None,
    };
    Some((kind, metric))
}

fn labelled(mut metric: Metric, labels: Vec<(String, String)>) -> Metric {
    let pair = |(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name(name);
        pair.set_value(value);
        pair
    };
    metric.set_label(labels.into_iter().map(pair).collect());
    metric
}
