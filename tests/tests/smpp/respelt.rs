//! Receipts whose ids come back in another spelling: they take their own message to its last state, and no other.

use super::{TEXT, TO, gateway, sent};
use gatepost_tests::{
    Host, Site, eventually,
    peers::{collector::Collector, smsc::Smsc},
};
use serde_json::{Value, json};

/// Every third number can't be reached.
fn number(n: usize) -> (String, &'static str) {
    (format!("+49170{n:06}"), if n.is_multiple_of(3) { "undelivered" } else { "delivered" })
}

/// Many at once: each message ends as its own receipt says.
fn each_ends_as_its_own_receipt_says(host: &Host, smsc: &Smsc, how: &Value) {
    let numbers = (0..30).map(number);
    let lost = numbers.clone().filter(|(_, state)| *state == "undelivered");
    let states = lost.map(|(to, _)| (to, json!("UNDELIV"))).collect::<serde_json::Map<_, _>>();
    smsc.set(how);
    smsc.set(&json!({ "receipt_states": states }));
    let message = |(to, _)| json!({ "to": to, "text": "a".repeat(170), "gateway": "one" });
    let messages = numbers.clone().map(message).collect::<Vec<_>>();
    let answer = host.post("/v1/messages/batch", &json!({ "messages": messages }));
    assert_eq!(answer.status, 202, "{answer:?}");
    for (accepted, (to, state)) in answer.body["messages"].as_array().unwrap().iter().zip(numbers) {
        let message = host.until_state(accepted["id"].as_str().unwrap(), state);
        assert_eq!(message["to"], to, "{how}");
        assert_eq!(message["attempts"].as_array().unwrap().len(), 1, "{message}");
    }
}

#[test]
fn ids_that_come_back_in_the_other_base_are_matched() {
    for (ids, receipt_ids, first_id) in [
        ("number", "hex", 12_345_678),
        ("hex", "decimal", 12_345_678),
        ("number", "HEX", 4_000_000_000_u64),
        ("hex", "DECIMAL", 4_000_000_000),
        // One message's hexadecimal id is another one's decimal id.
        ("number", "hex", 1),
    ] {
        let smsc = Smsc::start();
        let site = Site::new(&gateway("one", &smsc, ""));
        let host = Host::start(&site);
        let how = json!({ "ids": ids, "receipt_ids": receipt_ids, "first_id": first_id, "receipt": "after" });
        each_ends_as_its_own_receipt_says(&host, &smsc, &how);
        // Before the answer, over another link than that, and in the other form.
        each_ends_as_its_own_receipt_says(
            &host,
            &smsc,
            &json!({ "receipt": "before", "receipt_form": "tlv" }),
        );
        let answers = smsc.until("deliver_sm_resp", 120);
        assert!(answers.iter().all(|answer| answer["command_status"] == 0), "{answers:?}");
        assert_eq!(host.get("/v1/receipts").body["receipts"], json!([]), "{how}");
    }
}

#[test]
fn one_message_alone_is_enough_whichever_its_id() {
    for (ids, receipt_ids, first_id) in
        [("number", "hex", 100), ("hex", "decimal", 100), ("number", "hex", 26)]
    {
        let smsc = Smsc::start();
        smsc.set(
            &json!({ "ids": ids, "receipt_ids": receipt_ids, "first_id": first_id, "receipt": "before" }),
        );
        let site = Site::new(&gateway("one", &smsc, ""));
        let host = Host::start(&site);
        let id = host.post("/v1/messages", &json!({ "to": TO, "text": TEXT, "gateway": "one" })).id();
        let message = host.until_state(&id, "delivered");
        // The part keeps the id that it was given.
        assert_eq!(message["receipts"][0]["provider_id"], message["provider_ids"][0], "{message}");
    }
}

#[test]
fn a_receipt_that_is_matched_later_is_part_of_the_trace() {
    let (smsc, collector) = (Smsc::start(), Collector::start());
    smsc.set(&json!({ "receipt_ids": "hex", "first_id": 12_345_678, "receipt": "after" }));
    let telemetry = format!("[telemetry]\notlp = \"{}\"\n", collector.otlp());
    let site = Site::new(&(telemetry + &gateway("one", &smsc, "")));
    let host = Host::start(&site);
    let id = host.post("/v1/messages", &json!({ "to": TO, "text": TEXT, "gateway": "one" })).id();
    host.until_state(&id, "delivered");
    let receipt = eventually("the receipt is traced", || {
        collector.trace(&id).into_iter().find(|span| span["name"] == "receipt")
    });
    let attributes = &receipt["attributes"];
    assert_eq!(
        (&attributes["gatepost.gateway"], &attributes["gatepost.state"]),
        (&json!("one"), &json!("delivered"))
    );
}

#[test]
fn a_service_that_does_both_is_understood() {
    let smsc = Smsc::start();
    smsc.set(&json!({ "first_id": 12_345_678, "receipt": "after" }));
    let site = Site::new(&gateway("one", &smsc, ""));
    let host = Host::start(&site);
    for receipt_ids in ["hex", "same", "hex", "HEX", "same"] {
        smsc.set(&json!({ "receipt_ids": receipt_ids }));
        let id = host.post("/v1/messages", &json!({ "to": TO, "text": TEXT, "gateway": "one" })).id();
        host.until_state(&id, "delivered");
    }
}

#[test]
fn the_receipt_of_a_part_whose_id_nobody_knows_is_nobody_elses() {
    let smsc = Smsc::start();
    smsc.set(&json!({ "first_id": 16 }));
    let site = Site::new(&gateway("one", &smsc, "RESPONSE_TIMEOUT = 1"));
    let host = Host::start(&site);
    let id = sent(&host, "one").id();
    // The SMSC takes it as its 10, and does not say so.
    smsc.set(&json!({ "silent": true }));
    assert_eq!(gatepost_tests::refused(&host, "one", TO, TEXT).0, "uncertain");
    let deliver = |receipt: &str| {
        smsc.order(&json!({ "deliver": { "esm_class": 4, "short_message": receipt } }));
    };
    deliver("id:10 stat:UNDELIV err:001 text:");
    smsc.until("deliver_sm_resp", 1);
    deliver("id:16 stat:DELIVRD err:000 text:");
    let message = host.until_state(&id, "delivered");
    assert_eq!(message["receipts"].as_array().unwrap().len(), 1, "{message}");
    let left = host.get("/v1/receipts").body;
    assert_eq!(left["receipts"][0]["provider_id"], "10", "{left}");
}

#[test]
fn what_waits_to_be_decided_survives_the_end_of_the_host() {
    let smsc = Smsc::start();
    smsc.set(&json!({ "first_id": 12_345_678 }));
    let site = Site::new(&gateway("one", &smsc, "RESPONSE_TIMEOUT = 20"));
    let host = Host::start(&site);
    let id = sent(&host, "one").id();
    // As long as another is under way, nothing is decided.
    smsc.set(&json!({ "silent": true }));
    host.post("/v1/messages", &json!({ "to": TO, "text": TEXT, "gateway": "one" }));
    smsc.until("submit_sm", 2);
    smsc.order(
        &json!({ "deliver": { "esm_class": 4, "short_message": "id:bc614e stat:DELIVRD err:000 text:" } }),
    );
    smsc.until("deliver_sm_resp", 1);
    assert_eq!(host.message(&id)["state"], "sent");
    host.kill();
    smsc.set(&json!({ "silent": false }));
    let host = Host::start(&site);
    host.until_state(&id, "delivered");
    eventually("the other is sent", || (smsc.events("accepted").len() == 2).then_some(()));
}
