//! What a webhook says.

use super::{TO, all_sent, change, count, sent, site, until_nothing_waits};
use gatepost_tests::{Host, fixtures, peers::webhook_receiver::WebhookReceiver};
use serde_json::json;

#[test]
fn an_application_hears_that_its_message_was_sent() {
    let receiver = WebhookReceiver::start();
    let site = site(&[&receiver], "");
    let host = Host::start(&site);
    let id = sent(&host, &receiver.url("/hook?of=app"));
    let taken = receiver.until_taken(&all_sent(std::slice::from_ref(&id)));
    let message = host.message(&id);
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].path, "/hook?of=app");
    let body = json!({ "type": "message.sent", "timestamp": message["updated_at"], "data": message });
    assert_eq!(taken[0].body, body, "the message as the API shows it");
    for (name, value) in [
        ("content-type", "application/json"),
        ("user-agent", concat!("gatepost/", env!("CARGO_PKG_VERSION"))),
        ("webhook-id", &change(&id, "sent")),
    ] {
        assert_eq!(taken[0].headers[name], value, "{name}");
    }
    assert!(!taken[0].body.to_string().contains("Your code"), "a text is in no webhook");
    until_nothing_waits(&host, &receiver);
    assert_eq!(count(&host, &receiver, "delivered"), 1.0);
}

#[test]
fn an_application_hears_of_failures_and_expiries_and_of_nothing_that_it_did_itself() {
    let receiver = WebhookReceiver::start();
    let gateway = |name: &str, more: &str| {
        format!(
            "[gateways.{name}]\nprovider = \"script\"\n{more}[gateways.{name}.parameters]\nSCRIPT = \"{name}\"\n"
        )
    };
    let gateways = [gateway("refusing", ""), gateway("failing", "retry = { first = \"1m\" }\n")].concat();
    let site = site(&[&receiver], &gateways);
    site.add_script("refusing", "#!/bin/sh\nexit 1\n");
    site.add_script("failing", "#!/bin/sh\nexit 75\n");
    let host = Host::start(&site);
    let send = |gateway: &str, member: &str, value: &str| {
        let callback = receiver.url("/hook");
        let mut message = json!({ "to": TO, "text": "hello", "gateway": gateway, "callback_url": callback });
        message[member] = value.into();
        let answer = host.post("/v1/messages", &message);
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.id()
    };
    let canceled = send("outbox", "send_at", &gatepost_tests::in_seconds(3600));
    let deleted = host.client().delete(host.url(&format!("/v1/messages/{canceled}"))).send().unwrap();
    assert_eq!(deleted.status(), 200);
    let (failed, expired) = (send("refusing", "tag", "x"), send("failing", "valid_for", "1s"));
    let taken = receiver.until_taken(&[change(&failed, "failed"), change(&expired, "expired")]);
    for (id, state) in [(failed, "failed"), (expired, "expired")] {
        let told = taken.iter().find(|received| received.id == change(&id, state)).unwrap();
        assert_eq!(told.body["type"], format!("message.{state}"));
        assert_eq!(told.body["data"], host.message(&id));
        assert_eq!(told.body["data"]["state"], state);
    }
    assert_eq!(taken.len(), 2, "neither the cancellation nor the rounds in between are told: {taken:?}");
}

/// A receipt that comes while the receiver is away: it is told what it missed in the order in which it came to be, also across a kill.
#[test]
fn what_receipts_say_is_told_after_the_message_was_sent() {
    let mut receiver = WebhookReceiver::start();
    let gateway = "[gateways.talking]\nprovider = \"courier\"\nparameters = { FILE = \"courier.txt\", MODE = \"receipt-later\" }\n";
    let site = site(&[&receiver], gateway);
    site.add_library(fixtures::courier(), "courier.so");
    let host = Host::start(&site);
    receiver.go_down();
    let callback = receiver.url("/hook");
    let message = json!({ "to": TO, "text": "hello", "gateway": "talking", "callback_url": callback });
    let ids = [(); 20].map(|()| host.post("/v1/messages", &message).id());
    for id in &ids {
        host.until_state(id, "undelivered");
    }
    host.kill();
    let host = Host::start(&site);
    receiver.come_back();
    let told = |state: &'static str| ids.iter().map(move |id| change(id, state));
    let taken = receiver.until_taken(&told("sent").chain(told("undelivered")).collect::<Vec<_>>());
    for id in &ids {
        let place = |state| taken.iter().position(|received| received.id == change(id, state)).unwrap();
        assert!(place("sent") < place("undelivered"));
        let undelivered = &taken[place("undelivered")].body["data"];
        assert_eq!(
            (&taken[place("sent")].body["data"]["state"], undelivered),
            (&json!("sent"), &host.message(id))
        );
        assert_eq!(undelivered["receipts"][0]["code"], "13");
    }
}
