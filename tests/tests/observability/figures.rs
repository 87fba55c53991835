//! Each figure moves when that happens which it tells of.

use super::{MODES, TO, courier, everything_happens, site, told};
use gatepost_tests::{
    Host, database, eventually,
    figures::{Family, figures},
    in_seconds,
    peers::webhook_receiver::WebhookReceiver,
};
use serde_json::json;
use std::{collections::BTreeMap, net::TcpStream, thread};

/// What does not move while all is well; tests of their own move them.
const OF_TROUBLE: [&str; 2] = ["gatepost_store_errors_total", "gatepost_spans_total"];

#[test]
fn everything_that_is_counted_is_counted_up_by_what_happens() {
    let receiver = WebhookReceiver::start();
    let site = site(&receiver, &MODES, "");
    let host = Host::start(&site);
    let before = figures(&host);
    everything_happens(&host, &receiver);
    let after = figures(&host);
    let total = |figures: &BTreeMap<String, Family>, name: &str| figures.get(name).map_or(0.0, Family::total);
    for family in after.values().filter(|family| family.kind != "gauge") {
        let name = family.name.as_str();
        let grown = total(&after, name) - total(&before, name);
        if name.starts_with("gatepost_") && !OF_TROUBLE.contains(&name) {
            assert!(grown > 0.0, "{name} did not move: {family:?}");
        }
    }
    for (figure, count) in [
        ("gatepost_messages_accepted_total", 5.0),
        ("gatepost_idempotent_replays_total", 1.0),
        ("gatepost_send_refused_total{reason=\"invalid\"}", 1.0),
        ("gatepost_receipts_total{gateway=\"receipt-first\",match=\"unmatched\",status=\"delivered\"}", 1.0),
        ("gatepost_receipts_matched_later_total{gateway=\"receipt-first\"}", 1.0),
        ("gatepost_messages_finished_total{gateway=\"receipt-first\",state=\"delivered\"}", 1.0),
        ("gatepost_inbound_total{gateway=\"inbound\"}", 1.0),
        ("gatepost_http_requests_total{method=\"POST\",route=\"/v1/messages\",status=\"422\"}", 1.0),
        ("gatepost_attempts_total{gateway=\"receipt-later\",outcome=\"accepted\"}", 1.0),
        ("gatepost_attempts_total{gateway=\"receipt-later\",outcome=\"uncertain\"}", 0.0),
    ] {
        assert_eq!(host.metric(figure), count, "{figure}");
    }
}

#[test]
fn what_is_now_is_told_as_it_is() {
    let mut receiver = WebhookReceiver::start();
    let modes = ["hang", "refuse-credentials", "ask-to-wait"];
    let site = site(&receiver, &modes, "");
    site.configure(&site.configuration().replace("path = \"data\"", "path = \"data\"\nmax_queued = 500"));
    let host = Host::start(&site);
    receiver.go_down();
    assert_eq!(host.post("/v1/messages?wait=30", &told(&receiver, "outbox")).status, 200);
    for gateway in ["refuse-credentials", "ask-to-wait"] {
        host.send_and_see(gateway, TO, "hello");
    }
    let scheduled = json!({ "to": TO, "text": "x", "gateway": "outbox", "send_at": in_seconds(600) });
    assert_eq!(host.post("/v1/messages", &scheduled).status, 202);
    let (client, url) = (host.client().clone(), host.url("/v1/messages?wait=2"));
    let waiting = thread::spawn(move || {
        let message = json!({ "to": TO, "text": "x", "gateway": "hang" });
        gatepost_tests::client::send(client.post(url).json(&message)).unwrap().status
    });
    let silent = TcpStream::connect(host.address).unwrap();
    for (figure, is) in [
        ("gatepost_in_flight{gateway=\"hang\"}", 1.0),
        ("gatepost_http_requests_under_way", 2.0),
        ("gatepost_gateway_state{gateway=\"refuse-credentials\",state=\"down\"}", 1.0),
        ("gatepost_breaker_state{gateway=\"refuse-credentials\",state=\"open\"}", 1.0),
        ("gatepost_gateway_state{gateway=\"ask-to-wait\",state=\"paused\"}", 1.0),
        ("gatepost_gateway_state{gateway=\"outbox\",state=\"up\"}", 1.0),
        ("gatepost_queue_depth{gateway=\"outbox\"}", 1.0),
        // It is to be sent later: it does not wait yet.
        ("gatepost_queue_oldest_seconds{gateway=\"outbox\"}", 0.0),
        ("gatepost_queue_limit", 500.0),
        ("gatepost_in_flight_limit{gateway=\"hang\"}", 64.0),
        ("gatepost_valid_for_seconds{gateway=\"hang\"}", 600.0),
        ("gatepost_store_writable", 1.0),
        (&format!("gatepost_webhooks_waiting{{origin=\"{}\"}}", receiver.origin()), 1.0),
    ] {
        eventually(&format!("{figure} is {is}"), || (host.metric(figure) == is).then_some(()));
    }
    let more_than = |figure: &str, least: f64| assert!(host.metric(figure) > least, "{figure}");
    more_than("gatepost_store_bytes", 4096.0);
    more_than("gatepost_store_free_bytes", 0.0);
    more_than("gatepost_http_connections", 1.0);
    more_than("process_start_time_seconds", 1.7e9);
    more_than("process_resident_memory_bytes", 1e6);
    let build = "gatepost_build_info{provider_api=\"1.1\",version=\"";
    assert!(host.get("/metrics").text.contains(&format!("{build}{}\"}} 1", env!("CARGO_PKG_VERSION"))));
    eventually("the oldest grows older", || {
        (host.metric("gatepost_queue_oldest_seconds{gateway=\"hang\"}") > 0.0).then_some(())
    });
    assert_eq!(waiting.join().unwrap(), 202);
    let connections = host.metric("gatepost_http_connections");
    drop(silent);
    eventually("the connection is closed", || {
        (host.metric("gatepost_http_connections") == connections - 1.0).then_some(())
    });
}

/// Nobody can make up labels: what is not known is counted under one word.
#[test]
fn whoever_asks_for_what_is_not_there_makes_no_new_figures() {
    let receiver = WebhookReceiver::start();
    let site = site(&receiver, &[], "");
    let host = Host::start(&site);
    for number in 0..20 {
        assert_eq!(host.get(&format!("/nowhere/{number}")).status, 404);
        assert_eq!(host.get(&format!("/v1/messages/{number}")).status, 404);
        let method = format!("METHOD{number}").parse().unwrap();
        let request = host.client().request(method, host.url("/v1/messages"));
        assert_eq!(gatepost_tests::client::send(request).unwrap().status, 405);
    }
    for (labels, count) in [
        ("method=\"GET\",route=\"none\",status=\"404\"", 20.0),
        ("method=\"GET\",route=\"/v1/messages/{id}\",status=\"404\"", 20.0),
        ("method=\"other\",route=\"/v1/messages\",status=\"405\"", 20.0),
    ] {
        assert_eq!(host.metric(&format!("gatepost_http_requests_total{{{labels}}}")), count, "{labels}");
    }
    let text = host.get("/metrics").text;
    assert!(!text.contains("METHOD") && !text.contains("nowhere"), "{text}");
}

/// A store in trouble is when the figures are needed most.
#[test]
fn a_damaged_store_is_counted_and_the_figures_are_told_all_the_same() {
    let receiver = WebhookReceiver::start();
    let site = site(&receiver, &[], &courier("hang", ""));
    let host = Host::start(&site);
    let id = host.post("/v1/messages", &told(&receiver, "hang")).id();
    database::damage(&site.data(), "message");
    assert_eq!(host.get(&format!("/v1/messages/{id}")).status, 503);
    assert!(host.metric("gatepost_store_errors_total{error=\"damaged\"}") > 0.0);
    assert_eq!(host.metric("gatepost_queue_depth{gateway=\"hang\"}"), 1.0);
    assert!(host.metric("gatepost_log_lines_total{level=\"error\"}") > 0.0);
}
