//! Webhooks, through the real host, to a receiver that verifies them with the library that applications use.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod addresses;
mod contents;
mod inbound;
mod secrecy;
mod tls;
mod trouble;

use gatepost_tests::{
    Host, Site, eventually,
    peers::webhook_receiver::{SECRET, WebhookReceiver},
};
use serde_json::json;

const TO: &str = "+491701234567";

/// A site whose webhooks may go to these receivers.
fn site(receivers: &[&WebhookReceiver], more: &str) -> Site {
    let allow = receivers.iter().map(|receiver| receiver.origin()).collect::<Vec<_>>();
    Site::new(&format!("[webhooks]\nallow = {allow:?}\nsecret = \"{SECRET}\"\n{more}"))
}

/// Has one message accepted that is to be told at `url`; its id.
fn accepted(host: &Host, url: &str) -> String {
    let message =
        json!({ "to": TO, "text": "Your code is 123456", "gateway": "outbox", "callback_url": url });
    let answer = host.post("/v1/messages", &message);
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.id()
}

/// Has one message sent that is to be told at `url`; its id.
fn sent(host: &Host, url: &str) -> String {
    let id = accepted(host, url);
    host.until_state(&id, "sent");
    id
}

/// The figure of webhooks that this receiver has not taken yet.
fn waiting(receiver: &WebhookReceiver) -> String {
    format!("gatepost_webhooks_waiting{{origin=\"{}\"}}", receiver.origin())
}

fn until_nothing_waits(host: &Host, receiver: &WebhookReceiver) {
    eventually("no webhook waits", || (host.metric(&waiting(receiver)) == 0.0).then_some(()));
}

/// How many webhooks came to this with the receiver.
fn count(host: &Host, receiver: &WebhookReceiver, outcome: &str) -> f64 {
    let origin = receiver.origin();
    host.metric(&format!("gatepost_webhooks_total{{origin=\"{origin}\",outcome=\"{outcome}\"}}"))
}

/// The id of the webhook that tells of this change.
fn change(id: &str, state: &str) -> String {
    format!("msg_{id}_{state}")
}

fn all_sent(ids: &[String]) -> Vec<String> {
    ids.iter().map(|id| change(id, "sent")).collect()
}
