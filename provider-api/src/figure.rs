//! What a provider counts and measures, for the host's `/metrics`.

use serde::{Deserialize, Serialize};

/// One figure of a provider, as it stood when the host asked.
///
/// On `/metrics` it is `gatepost_provider_PROVIDER_NAME`, then the unit, and `_total` behind a counter; the host adds the label `gateway`,
/// and takes secrets and message texts out of the other labels. It leaves out what can't be shown: see each field. Of one gateway it
/// shows 2,000 figures at most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Figure {
    /// What it is: `[a-z][a-z0-9_]*`, at most 64 characters, without the unit and without `total`, `bucket`, `count` or `sum` at its end.
    pub name: String,
    /// One sentence for people; the first 200 characters are shown.
    pub help: String,
    /// Its unit, a plural such as `seconds` or `bytes`; empty for a number of things.
    #[serde(default)]
    pub unit: String,
    /// At most 8 of them: names as `name` is, but not `gateway`, `le` and `quantile`; of the values the first 100 characters are shown. Each
    /// combination of values is a series that Prometheus keeps, so they must be few: never an id or a number of a phone.
    #[serde(default)]
    pub labels: Vec<(String, String)>,
    /// What it stands at.
    pub reading: Reading,
}

/// What a figure stands at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reading {
    /// How often something has happened since the provider was created.
    Counter(f64),
    /// How much there is of something now.
    Gauge(f64),
    /// How large something was, each time it happened.
    Histogram(Histogram),
}

/// How large something was, each time it happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Histogram {
    /// Upper bounds, at most 20, rising, each with how many were no larger than it, those below the former bound included.
    pub buckets: Vec<(f64, u64)>,
    /// How many there were, larger ones included.
    pub count: u64,
    /// All of them together.
    pub sum: f64,
}

impl Histogram {
    /// An empty one with these upper bounds, which rise.
    pub fn new(bounds: &[f64]) -> Self {
        Self { buckets: bounds.iter().map(|bound| (*bound, 0)).collect(), ..Self::default() }
    }

    /// Takes one more into account.
    pub fn observe(&mut self, value: f64) {
        for (bound, count) in self.buckets.iter_mut().rev() {
            if value > *bound {
                break;
            }
            *count += 1;
        }
        self.count += 1;
        self.sum += value;
    }
}

impl Figure {
    /// A counter.
    pub fn counter(name: &str, help: &str, value: u64) -> Self {
        Self::new(name, help, Reading::Counter(value as f64))
    }

    /// A gauge.
    pub fn gauge(name: &str, help: &str, value: f64) -> Self {
        Self::new(name, help, Reading::Gauge(value))
    }

    /// A histogram.
    pub fn histogram(name: &str, help: &str, value: Histogram) -> Self {
        Self::new(name, help, Reading::Histogram(value))
    }

    fn new(name: &str, help: &str, reading: Reading) -> Self {
        Self { name: name.into(), help: help.into(), unit: String::new(), labels: Vec::new(), reading }
    }

    /// What it is called on `/metrics`.
    pub fn full_name(&self, provider: &str) -> String {
        let unit = if self.unit.is_empty() { String::new() } else { format!("_{}", self.unit) };
        let ending = if matches!(self.reading, Reading::Counter(_)) { "_total" } else { "" };
        format!("gatepost_provider_{}_{}{unit}{ending}", provider.replace('-', "_"), self.name)
    }

    /// With a unit.
    #[must_use]
    pub fn unit(self, unit: &str) -> Self {
        Self { unit: unit.into(), ..self }
    }

    /// With one more label.
    #[must_use]
    pub fn label(mut self, name: &str, value: impl Into<String>) -> Self {
        self.labels.push((name.into(), value.into()));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_observed_falls_into_every_bucket_that_is_large_enough() {
        let mut histogram = Histogram::new(&[0.1, 1.0]);
        for value in [0.1, 0.5, 7.0] {
            histogram.observe(value);
        }
        assert_eq!(histogram.buckets, [(0.1, 1), (1.0, 2)]);
        assert_eq!((histogram.count, histogram.sum), (3, 7.6));
    }

    #[test]
    fn a_figure_survives_the_way_across() {
        let figure = Figure::gauge("size", "How large.", 2.5).unit("bytes").label("part", "one");
        let json = serde_json::to_string(&figure).unwrap();
        assert_eq!(serde_json::from_str::<Figure>(&json).unwrap(), figure);
    }
}
