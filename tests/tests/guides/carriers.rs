//! `docs/kannel-jasmin.md`: what a sendsms URL becomes is delivered to an SMSC, and its delivery report comes back.

use crate::well;
use gatepost_tests::{
    Host, Site, eventually,
    guide::Guide,
    peers::{
        smsc::Smsc,
        webhook_receiver::{SECRET, WebhookReceiver},
    },
};
use serde_json::{Value, json};
use std::fs;

#[test]
fn a_message_of_the_shop_is_delivered_and_reported() {
    let guide = Guide::read("kannel-jasmin.md");
    let (key, hash) = guide.api_key();
    let (smsc, receiver) = (Smsc::start(), WebhookReceiver::start());
    smsc.set(&json!({ "receipt": "after" }));
    let reports = "http://127.0.0.1:9000";
    let definition = guide
        .block("toml", "[gateways.carrier]")
        .with("smsc.example.com", "127.0.0.1")
        .with("2775", &smsc.port.to_string())
        .with("HASH", &hash)
        .with(reports, &receiver.origin());
    let site = Site::new(definition.text());
    fs::write(site.path().join("smsc-password"), "pass5521").unwrap();
    fs::write(site.path().join("webhook-secret"), SECRET).unwrap();
    let host = Host::start(&site).with_key(&key);
    let send = guide
        .block("sh", "curl")
        .with("http://127.0.0.1:8025", &host.url(""))
        .with(reports, &receiver.origin());
    let answer: Value = serde_json::from_str(&well(&site, send.text(), &[("KEY", &key)])).unwrap();
    host.until_state(answer["id"].as_str().unwrap(), "delivered");

    assert_eq!(smsc.events("bind_transceiver")[0]["system_type"], "VMA");
    let submits = smsc.submits();
    let submit = &submits[0];
    let said = (&submit["source_addr"], &submit["destination_addr"], &submit["short_message"]);
    assert_eq!(said, (&json!("ACME"), &json!("+491701234567"), &json!("Hello")));
    let reported =
        eventually("both reports have come", || Some(receiver.taken()).filter(|taken| taken.len() == 2));
    let kinds: Vec<_> =
        reported.iter().map(|report| (report.path.as_str(), report.body["type"].clone())).collect();
    assert_eq!(kinds, [("/dlr", json!("message.sent")), ("/dlr", json!("message.delivered"))]);
}
