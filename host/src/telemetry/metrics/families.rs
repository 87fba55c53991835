//! Families of figures, each made and registered in one line.

use prometheus::{
    Error, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, core::Collector,
};

/// Where new families go.
pub(super) struct Families<'r>(pub(super) &'r Registry);

impl Families<'_> {
    fn add<C: Collector + Clone + 'static>(&self, collector: Result<C, Error>) -> Result<C, Error> {
        let collector = collector?;
        self.0.register(Box::new(collector.clone()))?;
        Ok(collector)
    }

    pub(super) fn counter(&self, name: &str, help: &str) -> Result<IntCounter, Error> {
        self.add(IntCounter::new(name, help))
    }

    pub(super) fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, Error> {
        self.add(IntCounterVec::new(Opts::new(name, help), labels))
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, Error> {
        self.add(IntGauge::new(name, help))
    }

    pub(super) fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, Error> {
        self.add(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    /// Gauges of what is no whole number, or not known at every moment.
    pub(super) fn measures(&self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec, Error> {
        self.add(GaugeVec::new(Opts::new(name, help), labels))
    }

    pub(super) fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram, Error> {
        self.add(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec())))
    }

    pub(super) fn histograms(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<HistogramVec, Error> {
        self.add(HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels))
    }
}

/// A counter for each of a few words, found once: counting is one addition. All of them are there from the start, at zero, so that the
/// first event is an increase too.
#[derive(Clone, Debug)]
pub(super) struct ByWord<const N: usize>([(&'static str, IntCounter); N]);

impl<const N: usize> ByWord<N> {
    pub(super) fn new(words: [&'static str; N], counter: impl Fn(&str) -> IntCounter) -> Self {
        Self(words.map(|word| (word, counter(word))))
    }

    pub(super) fn count(&self, word: &str, by: u64) {
        let known = self.0.iter().find(|(known, _)| *known == word);
        debug_assert!(known.is_some(), "{word:?} is none of the words of this figure");
        if let Some((_, counter)) = known {
            counter.inc_by(by);
        }
    }
}
