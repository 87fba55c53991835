//! Inbound messages: what a provider hands over reaches the application, and what can't be told at once waits on disk.

use crate::{TO, until_nothing_waits, waiting};
use gatepost_tests::{
    Host, Site, fixtures,
    peers::webhook_receiver::{SECRET, WebhookReceiver},
};
use serde_json::json;

/// A site with a provider that hands each text over as if somebody had sent it to 4711. The receiver's origin stands in no list: that it
/// is the address for inbound messages is enough.
fn site(receiver: Option<&WebhookReceiver>) -> Site {
    let inbound = receiver.map_or_else(String::new, |receiver| {
        let url = receiver.url("/inbound");
        format!("[webhooks]\nsecret = \"{SECRET}\"\n[inbound]\nurl = \"{url}\"\n")
    });
    let gateway = "[gateways.talking]\nprovider = \"courier\"\nparameters = { FILE = \"courier.txt\", MODE = \"inbound\" }\n";
    let site = Site::new(&(inbound + gateway));
    site.add_library(fixtures::courier(), "courier.so");
    site
}

/// Has the provider hand over an inbound message; it has acknowledged it then.
fn hand_over(host: &Host, text: &str) {
    let sent = host.send_and_wait("talking", TO, text);
    assert_eq!(sent.status, 200, "{sent:?}");
}

#[test]
fn an_inbound_message_reaches_the_application_whenever_that_is_there() {
    let mut receiver = WebhookReceiver::start();
    let site = site(Some(&receiver));
    let host = Host::start(&site);
    hand_over(&host, "STOP \u{1f6d1} \"now\"\n");
    let told = receiver.until_asked(1).remove(0);
    let at = told.body["data"]["received_at"].clone();
    let data = json!({
        "gateway": "talking", "from": TO, "to": "4711", "text": "STOP \u{1f6d1} \"now\"\n", "received_at": at,
    });
    assert_eq!(told.path, "/inbound");
    assert_eq!(told.body, json!({ "type": "message.inbound", "timestamp": at, "data": data }));

    receiver.go_down();
    for number in 0..3 {
        hand_over(&host, &format!("message {number}"));
    }
    host.kill();
    let host = Host::start(&site);
    assert_eq!(host.metric(&waiting(&receiver)), 3.0);
    receiver.come_back();
    // What was under way when the host died may come twice.
    let received = receiver.until_asked(4);
    let mut texts =
        received[1..].iter().map(|told| told.body["data"]["text"].as_str().unwrap()).collect::<Vec<_>>();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts, ["message 0", "message 1", "message 2"]);
    until_nothing_waits(&host, &receiver);
    // Nothing is left of what they said.
    assert_eq!(host.terminate().code(), Some(0));
    assert!(!gatepost_tests::database::contains(&site.data(), "message 1"));
}

#[test]
fn without_an_address_an_inbound_message_is_counted_and_dropped() {
    let site = site(None);
    let host = Host::start(&site);
    hand_over(&host, "the one and only text");
    assert_eq!(host.metric("gatepost_inbound_total{gateway=\"talking\"}"), 1.0);
    assert!(host.log().contains("an inbound message was dropped"), "{}", host.log());
    assert!(!host.log().contains("the one and only text"));
}
