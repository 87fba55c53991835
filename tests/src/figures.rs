//! The figures of `/metrics`, as Prometheus's own client for Python reads them.

use crate::{Host, command, peers::python::python, tree};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One family of figures.
#[derive(Debug)]
pub struct Family {
    /// Its name, with the ending `_total` of a counter.
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: String,
    /// What it says.
    pub help: String,
    /// Its labels, that of a histogram's buckets left out.
    pub labels: BTreeSet<String>,
    /// Each sample by its name and labels.
    pub samples: BTreeMap<(String, BTreeMap<String, String>), f64>,
}

impl Family {
    /// All that it has counted: of a histogram, how many observations.
    pub fn total(&self) -> f64 {
        let counts = |name: &str| self.kind != "histogram" || name.ends_with("_count");
        self.samples.iter().filter(|((name, _), _)| counts(name)).map(|(_, value)| value).sum()
    }
}

/// Everything that the host tells, by name.
pub fn figures(host: &Host) -> BTreeMap<String, Family> {
    let text = host.get("/metrics").text;
    let mut reader = python();
    reader.arg(tree::workspace().join("tests/peers/metrics_as_json.py"));
    let read = command::run(&mut reader, &text);
    assert_eq!(read.code, Some(0), "{}\n{text}", read.stderr);
    let families = serde_json::from_str::<Vec<Value>>(&read.stdout).unwrap();
    let families = families.iter().map(family).map(|family| (family.name.clone(), family));
    families.collect()
}

fn family(family: &Value) -> Family {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let sample = |sample: &Value| {
        let labels = sample["labels"].as_object().unwrap();
        let labels = labels.iter().map(|(name, value)| (name.clone(), text(value)));
        ((text(&sample["name"]), labels.collect()), sample["value"].as_f64().unwrap())
    };
    let samples: BTreeMap<_, _> = family["samples"].as_array().unwrap().iter().map(sample).collect();
    let labels = samples.keys().flat_map(|(_, labels): &(String, BTreeMap<_, _>)| labels.keys().cloned());
    Family {
        name: text(&family["name"]),
        kind: text(&family["type"]),
        help: text(&family["help"]),
        labels: labels.filter(|label| label != "le").collect(),
        samples,
    }
}
