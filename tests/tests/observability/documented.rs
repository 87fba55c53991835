//! `docs/metrics.md` and the real binary: each has every figure that the other has.

use super::{MODES, everything_happens, site};
use gatepost_tests::{
    Host,
    figures::{Family, figures},
    peers::webhook_receiver::WebhookReceiver,
    tree,
};
use std::{collections::BTreeSet, fs};

/// The unit that a name ends with, as Prometheus has them.
fn unit(name: &str) -> &'static str {
    let name = name.strip_suffix("_total").unwrap_or(name);
    match name.rsplit('_').next() {
        Some("seconds") => "seconds",
        Some("bytes") => "bytes",
        _ => "",
    }
}

/// A figure's row in the table.
fn row(family: &Family) -> String {
    let Family { name, kind, help, labels, .. } = family;
    let labels = labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
    format!("| `{name}` | {kind} | {labels} | {} | {help} |", unit(name))
}

#[test]
fn every_figure_is_documented_and_every_documented_figure_is_there() {
    let receiver = WebhookReceiver::start();
    let site = site(&receiver, &MODES, "");
    let host = Host::start(&site);
    everything_happens(&host, &receiver);
    let there = figures(&host).values().map(row).collect::<BTreeSet<_>>();
    let page = fs::read_to_string(tree::workspace().join("docs/metrics.md")).unwrap();
    let rows =
        page.lines().filter(|line| line.starts_with("| `gatepost_") || line.starts_with("| `process_"));
    let documented = rows.map(str::to_owned);
    let documented = documented.collect::<BTreeSet<_>>();
    let missing = there.difference(&documented).cloned().collect::<Vec<_>>();
    let gone = documented.difference(&there).cloned().collect::<Vec<_>>();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "docs/metrics.md lacks:\n{}\nand has what is not there:\n{}",
        missing.join("\n"),
        gone.join("\n")
    );
}
