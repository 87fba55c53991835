//! Receipts, whenever, wherever and in whichever form they come.

use super::{TEXT, TO, gateway, sent};
use gatepost_tests::{Host, Site, eventually, peers::smsc::Smsc, sent_with};
use serde_json::json;

#[test]
fn receipts_take_messages_to_their_last_state() {
    let smsc = Smsc::start();
    let more = "BINDS = 2";
    let site = Site::new(&gateway("one", &smsc, more));
    let host = Host::start(&site);
    smsc.until("bind_transceiver", 2);
    let mut count = 0;
    for form in ["text", "tlv"] {
        for when in ["after", "before"] {
            for over in ["same", "other"] {
                for (state, last) in
                    [("DELIVRD", "delivered"), ("UNDELIV", "undelivered"), ("EXPIRED", "undelivered")]
                {
                    smsc.set(&json!({ "receipt": when, "receipt_over": over, "receipt_form": form, "receipt_state": state }));
                    let message = json!({ "to": TO, "text": TEXT, "gateway": "one" });
                    let id = host.post("/v1/messages", &message).id();
                    let message = host.until_state(&id, last);
                    assert_eq!(message["attempts"].as_array().unwrap().len(), 1, "{message}");
                    let detail = message["receipts"][0]["detail"].as_str().unwrap().to_owned();
                    assert!(detail.contains(state) && !detail.contains("123456"), "{detail}");
                    count += 1;
                }
            }
        }
    }
    let answers = smsc.until("deliver_sm_resp", count);
    assert!(answers.iter().all(|answer| answer["command_status"] == 0), "{answers:?}");
}

#[test]
fn a_message_is_delivered_when_all_its_parts_are() {
    let smsc = Smsc::start();
    smsc.set(&json!({ "receipt": "after" }));
    let site = Site::new(&gateway("one", &smsc, ""));
    let host = Host::start(&site);
    let message = json!({ "to": TO, "text": "a".repeat(400), "gateway": "one" });
    let id = host.post("/v1/messages", &message).id();
    let message = host.until_state(&id, "delivered");
    assert_eq!(message["receipts"].as_array().unwrap().len(), 3, "{message}");
}

#[test]
fn what_is_still_on_its_way_stays_sent() {
    let smsc = Smsc::start();
    smsc.set(&json!({ "receipt": "after", "receipt_state": "ENROUTE" }));
    let site = Site::new(&gateway("one", &smsc, "REGISTERED_DELIVERY = \"all\""));
    let host = Host::start(&site);
    let answer = sent(&host, "one");
    assert_eq!(smsc.submits()[0]["registered_delivery"], 0x11);
    smsc.until("deliver_sm_resp", 1);
    let message = host.message(&answer.id());
    assert_eq!((&message["state"], &message["receipts"][0]["status"]), (&json!("sent"), &json!("pending")));
}

#[test]
fn receipts_come_after_a_restart_without_any_message() {
    let smsc = Smsc::start();
    let site = Site::new(&gateway("one", &smsc, ""));
    let host = Host::start(&site);
    let id = sent(&host, "one").id();
    assert!(host.terminate().success());
    smsc.until("unbind", 1);
    let host = Host::start(&site);
    smsc.until("bind_transceiver", 2);
    eventually("the SMSC knows of the bind", || host.log().contains("bound").then_some(()));
    smsc.order(
        &json!({ "deliver": { "esm_class": 4, "short_message": "id:1 stat:DELIVRD err:000 text:x" } }),
    );
    host.until_state(&id, "delivered");
}

#[test]
fn a_pair_gets_its_receipts_over_the_receiver() {
    let smsc = Smsc::start();
    smsc.set(&json!({ "receipt": "after", "receipt_over": "other" }));
    let site = Site::new(&gateway("pair", &smsc, "BIND = \"pair\""));
    let host = Host::start(&site);
    smsc.until("bind_receiver", 1);
    smsc.until("bind_transmitter", 1);
    let message = json!({ "to": TO, "text": TEXT, "gateway": "pair" });
    let id = host.post("/v1/messages", &message).id();
    host.until_state(&id, "delivered");
    let (submit, answer) = (&smsc.submits()[0], &smsc.until("deliver_sm_resp", 1)[0]);
    assert_ne!(submit["session"], answer["session"]);
}

#[test]
fn no_receipt_is_asked_for_where_none_is_wanted() {
    let smsc = Smsc::start();
    let site = Site::new(&gateway("one", &smsc, "REGISTERED_DELIVERY = \"none\""));
    let host = Host::start(&site);
    sent_with(&host, "one", TO, TEXT);
    assert_eq!(smsc.submits()[0]["registered_delivery"], 0);
}
