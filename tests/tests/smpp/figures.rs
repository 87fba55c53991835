//! What is counted of each bind, on `/metrics`.

use super::{TEXT, TO, gateway, gateway_with, sent};
use gatepost_tests::{Host, Site, client, eventually, peers::smsc::Smsc, refused};
use serde_json::json;

/// Every value of this name, without the name: labels and value.
fn values(host: &Host, name: &str) -> Vec<String> {
    let text = client::new().get(host.url("/metrics")).send().unwrap().text().unwrap();
    let start = format!("gatepost_provider_smpp_{name}{{gateway=\"one\",");
    // The labels stand in the order of their names, `gateway` behind `bind`.
    let text = text.replace("{bind=\"1\",gateway=\"one\",", "{gateway=\"one\",bind=\"1\",");
    text.lines().filter_map(|line| line.strip_prefix(&start)).map(str::to_owned).collect()
}

/// The first bind's value.
fn value(host: &Host, name: &str, labels: &str) -> f64 {
    let start = format!("bind=\"1\",kind=\"transceiver\"{labels}}} ");
    let all = values(host, name);
    let found = all.iter().find_map(|line| line.strip_prefix(&start));
    found.unwrap_or_else(|| panic!("{name} {labels}: {all:?}")).parse().unwrap()
}

fn is(host: &Host, name: &str, labels: &str, wanted: f64) {
    eventually(&format!("{name}{labels} is {wanted}"), || {
        (value(host, name, labels) == wanted).then_some(())
    });
}

#[test]
fn each_figure_of_a_bind_moves() {
    let mut smsc = Smsc::start();
    smsc.set(&json!({ "statuses": { "+4915199999": 0x0b }, "delay": 30 }));
    let site = Site::new(&gateway_with(
        "one",
        &smsc,
        "retry = { attempts = 1 }",
        "WINDOW = 2\nRESPONSE_TIMEOUT = 1\nENQUIRE_LINK = 0.2",
    ));
    let host = Host::start(&site);
    is(&host, "bind_state", ",state=\"bound\"", 1.0);
    is(&host, "bind_state", ",state=\"unbound\"", 0.0);
    assert_eq!(value(&host, "submits_total", ""), 0.0);
    sent(&host, "one");
    refused(&host, "one", "+4915199999", TEXT);
    assert_eq!(value(&host, "submits_total", ""), 2.0);
    assert_eq!(value(&host, "responses_total", ",status=\"ESME_ROK\""), 1.0);
    assert_eq!(value(&host, "responses_total", ",status=\"ESME_RINVDSTADR\""), 1.0);
    assert_eq!(value(&host, "round_trip_seconds_count", ""), 2.0);
    let took = value(&host, "round_trip_seconds_sum", "");
    assert!((0.06..2.0).contains(&took), "{took}");
    assert_eq!(value(&host, "round_trip_seconds_bucket", ",le=\"0.025\""), 0.0);
    eventually("enquire_links are answered", || {
        (value(&host, "enquire_link_seconds_count", "") >= 2.0).then_some(())
    });
    // A window that is full, until nobody waits any more.
    smsc.set(&json!({ "silent": true }));
    for _ in 0..3 {
        host.post("/v1/messages", &json!({ "to": TO, "text": TEXT, "gateway": "one" }));
    }
    is(&host, "window_used", "", 2.0);
    is(&host, "unanswered_total", "", 2.0);
    assert_eq!(value(&host, "rebinds_total", ""), 0.0);
    smsc.kill();
    is(&host, "bind_state", ",state=\"bound\"", 0.0);
    is(&host, "window_used", "", 0.0);
    smsc.start_again();
    is(&host, "rebinds_total", "", 1.0);
    is(&host, "bind_state", ",state=\"bound\"", 1.0);
}

#[test]
fn binds_are_told_apart_and_receivers_send_nothing() {
    let smsc = Smsc::start();
    let site = Site::new(&gateway("one", &smsc, "BIND = \"pair\"\nBINDS = 2"));
    let host = Host::start(&site);
    smsc.until("bind_receiver", 2);
    let kinds = ["transmitter", "receiver", "transmitter", "receiver"];
    eventually("all are bound", || {
        let bound = values_of_all(&host, "bind_state", "state=\"bound\"} 1");
        let expected = (1..).zip(kinds).map(|(n, kind)| (n.to_string(), kind.to_owned())).collect::<Vec<_>>();
        (bound == expected).then_some(())
    });
    let senders = values_of_all(&host, "window_used", "");
    assert_eq!(senders, [("1".to_owned(), "transmitter".to_owned()), ("3".into(), "transmitter".into())]);
}

/// Number and kind of the binds that have a value of this name whose line ends so.
fn values_of_all(host: &Host, name: &str, ending: &str) -> Vec<(String, String)> {
    let text = client::new().get(host.url("/metrics")).send().unwrap().text().unwrap();
    let start = format!("gatepost_provider_smpp_{name}{{");
    let lines = text.lines().filter(|line| line.starts_with(&start) && line.ends_with(ending));
    let label = |line: &str, name: &str| {
        line.split_once(&format!("{name}=\"")).unwrap().1.split('"').next().unwrap().to_owned()
    };
    lines.map(|line| (label(line, "bind"), label(line, "kind"))).collect()
}
