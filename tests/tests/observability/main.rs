//! What those on call see of a host: figures, dashboard, alerts, traces and logs, each read by the program that reads it in earnest.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod documented;
mod figures;
mod logs;
mod queries;
mod rules;
mod traces;

use gatepost_tests::{
    Host, Site, fixtures,
    peers::webhook_receiver::{SECRET, WebhookReceiver},
};
use serde_json::{Value, json};

const TO: &str = "+491701234567";

/// A gateway of the test provider that behaves as `mode` says.
fn courier(mode: &str, more: &str) -> String {
    format!(
        "[gateways.{mode}]\nprovider = \"courier\"\n{more}[gateways.{mode}.parameters]\nFILE = \"{mode}.txt\"\nMODE = \"{mode}\"\n"
    )
}

/// A site with a gateway for each of these modes, whose webhooks go to `receiver`.
fn site(receiver: &WebhookReceiver, modes: &[&str], more: &str) -> Site {
    let gateways = modes.iter().map(|mode| courier(mode, "")).collect::<String>();
    let origin = receiver.origin();
    let site =
        Site::new(&format!("[webhooks]\nallow = [\"{origin}\"]\nsecret = \"{SECRET}\"\n{gateways}{more}"));
    site.add_library(fixtures::courier(), "courier.so");
    site
}

/// A message that is told to `receiver`.
fn told(receiver: &WebhookReceiver, gateway: &str) -> Value {
    json!({ "to": TO, "text": "hello", "gateway": gateway, "callback_url": receiver.url("/hook") })
}

/// Has everything happen that a host counts: sent, told, replayed, refused, receipts before and after, an inbound message.
fn everything_happens(host: &Host, receiver: &WebhookReceiver) {
    let send = |gateway: &str, state: &str| {
        let answer = host.post("/v1/messages", &told(receiver, gateway));
        assert_eq!(answer.status, 202, "{gateway}: {answer:?}");
        host.until_state(&answer.id(), state);
        answer.id()
    };
    let sent = send("outbox", "sent");
    send("receipt-first", "delivered");
    let later = send("receipt-later", "undelivered");
    send("inbound", "sent");
    let once = || {
        let request = host.client().post(host.url("/v1/messages")).header("idempotency-key", "order-1");
        gatepost_tests::client::send(request.json(&told(receiver, "outbox"))).unwrap()
    };
    assert_eq!(once().id(), once().id());
    host.post("/v1/messages", &json!({ "to": TO })).problem(422);
    receiver.until_taken(&[format!("msg_{sent}_sent"), format!("msg_{later}_undelivered")]);
}

/// The providers' behaviour that [`everything_happens`] needs.
const MODES: [&str; 3] = ["receipt-first", "receipt-later", "inbound"];
