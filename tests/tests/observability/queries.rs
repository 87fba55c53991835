//! Every expression of the dashboard and of the rules asks for figures that the real binary tells, and finds something in a real
//! Prometheus.

use super::{MODES, TO, everything_happens, site};
use gatepost_tests::{
    Host, eventually,
    figures::{Family, figures},
    peers::{
        prometheus::{Prometheus, rules},
        webhook_receiver::WebhookReceiver,
    },
    tree,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

/// What Prometheus adds to every figure, and what it has of its own.
const ADDED: [&str; 3] = ["instance", "job", "le"];
const ITS_OWN: [&str; 1] = ["up"];

fn dashboard() -> Value {
    let file = tree::tree().join("share/gatepost/grafana/gatepost.json");
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

/// The dashboard's expressions, each with its panel's title.
fn panels() -> Vec<(String, String)> {
    let dashboard = dashboard();
    let mut found = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let title = panel["title"].as_str().unwrap().to_owned();
            found.push((title, target["expr"].as_str().unwrap().to_owned()));
        }
    }
    found
}

/// The rules' expressions, as Prometheus itself reads them out of the file.
fn alerts(prometheus: &Prometheus) -> Vec<(String, String)> {
    let groups = eventually("Prometheus has evaluated the rules", || {
        let groups = prometheus.ask("rules", &[])?["groups"].as_array()?.clone();
        let rules = groups.first()?["rules"].as_array()?;
        rules.iter().all(|rule| rule["health"] == "ok").then(|| groups.clone())
    });
    let rules = groups[0]["rules"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rules.iter().map(|rule| (text(&rule["name"]), text(&rule["query"]))).collect()
}

/// Names of figures and of labels that an expression speaks of.
fn words(expression: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut names, mut labels) = (BTreeSet::new(), BTreeSet::new());
    let mut rest = expression;
    while let Some(next) = rest.chars().next() {
        if next == '"' {
            // What a label is compared with.
            rest = &rest[1 + rest[1..].find('"').unwrap() + 1..];
            continue;
        }
        let length =
            rest.find(|one: char| !(one.is_ascii_alphanumeric() || one == '_')).unwrap_or(rest.len());
        if length == 0 {
            rest = &rest[next.len_utf8()..];
            continue;
        }
        let (word, after) = rest.split_at(length);
        if after.starts_with(['=', '!']) && !after.starts_with("==") && !after.starts_with("!= ") {
            labels.insert(word.to_owned());
        } else if ["by", "on", "ignoring", "group_left", "without"].contains(&word) {
            let list = after.trim_start().strip_prefix('(').and_then(|list| list.split(')').next()).unwrap();
            labels.extend(list.split(',').map(|label| label.trim().to_owned()));
            rest = &after[after.find(')').unwrap()..];
            continue;
        } else if word.starts_with("gatepost_") || word.starts_with("process_") || ITS_OWN.contains(&word) {
            names.insert(word.to_owned());
        }
        rest = after;
    }
    (names, labels)
}

/// The family that a name belongs to, a histogram's parts too.
fn family<'f>(name: &str, families: &'f BTreeMap<String, Family>) -> Option<&'f Family> {
    let parts = ["_bucket", "_sum", "_count"].iter().filter_map(|part| name.strip_suffix(part));
    let histogram = parts.filter_map(|name| families.get(name)).find(|family| family.kind == "histogram");
    histogram.or_else(|| families.get(name).filter(|family| family.kind != "histogram"))
}

#[test]
fn the_words_of_an_expression_are_found() {
    let (names, labels) = words(
        "sum by (a, le) (rate(gatepost_x_bucket{b=~\"c|gatepost_no\", d!=\"e\"}[5m])) > on (f) 0.5 * up == 0",
    );
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["gatepost_x_bucket", "up"]);
    assert_eq!(labels.into_iter().collect::<Vec<_>>(), ["a", "b", "d", "f", "le"]);
}

#[test]
fn every_expression_asks_for_what_is_told_and_finds_it() {
    let receiver = WebhookReceiver::start();
    let site = site(&receiver, &MODES, "");
    let host = Host::start(&site);
    let prometheus = Prometheus::reading(&host);
    // Before and after, or there would be no rate.
    everything_happens(&host, &receiver);
    prometheus.until_found("gatepost_inbound_total == 1");
    for _ in 0..3 {
        everything_happens(&host, &receiver);
    }
    prometheus.until_found("gatepost_inbound_total == 4");

    let families = figures(&host);
    let alerts = alerts(&prometheus);
    assert!(alerts.len() > 10 && panels().len() > 30, "all of them are read");
    assert!(fs::read_to_string(rules()).unwrap().contains(&alerts[0].0));
    for (title, expression) in panels().iter().chain(&alerts) {
        let (names, labels) = words(expression);
        assert!(!names.is_empty(), "{title}: {expression}");
        let mut known = ADDED.map(str::to_owned).into_iter().collect::<BTreeSet<_>>();
        for name in names.iter().filter(|name| !ITS_OWN.contains(&name.as_str())) {
            let family = family(name, &families);
            let family = family.unwrap_or_else(|| panic!("{title}: there is no {name}: {expression}"));
            known.extend(family.labels.iter().cloned());
        }
        let unknown = labels.difference(&known).collect::<Vec<_>>();
        assert!(unknown.is_empty(), "{title}: no figure there has the labels {unknown:?}: {expression}");
    }

    for (title, expression) in panels() {
        let expression =
            expression.replace("$instance", ".*").replace("$gateway", ".*").replace("$__rate_interval", "1m");
        assert!(!expression.contains('$'), "{title}: {expression}");
        let found = prometheus.until_found(&expression);
        // Of a gateway through which nothing went there is no quantile; of another there is.
        assert!(found.iter().any(|sample| sample["value"][1] != "NaN"), "{title}: {expression}: {found:?}");
    }
}

/// On a host that gives reason for them, and not before.
#[test]
fn alerts_are_raised_by_what_a_host_tells() {
    let receiver = WebhookReceiver::start();
    let site = site(&receiver, &["refuse-credentials"], "");
    let host = Host::start(&site);
    let prometheus = Prometheus::reading(&host);
    prometheus.until_found("count_over_time(gatepost_attempts_total{outcome=\"misconfigured\"}[1m]) > 2");
    alerts(&prometheus);
    // That this machine's disk is full is no matter of the host's.
    let raised = || prometheus.ask("query", &[("query", "ALERTS{alertname!=\"GatepostDiskNearlyFull\"}")]);
    let quiet = eventually("Prometheus says which alerts there are", raised);
    assert_eq!(quiet["result"].as_array().unwrap().len(), 0, "{quiet}");
    host.send_and_see("refuse-credentials", TO, "hello");
    for (alert, state) in [("GatepostMisconfigured", "firing"), ("GatepostGatewayDown", "pending")] {
        let found = prometheus.until_found(&format!("ALERTS{{alertname=\"{alert}\"}}"));
        assert_eq!(found[0]["metric"]["alertstate"], state, "{found:?}");
        assert_eq!(found[0]["metric"]["gateway"], "refuse-credentials", "{found:?}");
    }
}

#[test]
fn the_dashboard_is_imported_without_an_edit() {
    let dashboard = dashboard();
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let named = |name: &str| variables.iter().find(|variable| variable["name"] == name).unwrap();
    assert_eq!(named("datasource")["type"], "datasource");
    assert_eq!(named("datasource")["query"], "prometheus");
    for name in ["instance", "gateway"] {
        assert_eq!(named(name)["datasource"]["uid"], "${datasource}");
        assert_eq!(named(name)["includeAll"], true);
    }
    // What a dashboard that was exported for sharing asks for, and what only its own Grafana knows.
    assert!(dashboard.get("__inputs").is_none() && dashboard.get("id").is_none(), "{dashboard}");
    let panels = dashboard["panels"].as_array().unwrap();
    let ids = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect::<BTreeSet<_>>();
    assert_eq!(ids.len(), panels.len(), "each panel has an id of its own");
    let mut taken = BTreeSet::new();
    for panel in panels {
        let place = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        for x in place("x")..place("x") + place("w") {
            assert!(x < 24, "{panel}");
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "two panels at {x}, {y}: {panel}");
            }
        }
        if panel["type"] != "row" {
            assert_eq!(panel["datasource"]["uid"], "${datasource}");
            assert!(panel["description"].as_str().is_some_and(|words| !words.is_empty()), "{panel}");
        }
    }
}
