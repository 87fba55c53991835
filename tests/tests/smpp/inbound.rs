//! Messages that somebody sent to one of the SMSC's numbers.

use super::gateway;
use gatepost_tests::{
    Host, Site, eventually,
    peers::{
        smsc::Smsc,
        webhook_receiver::{SECRET, WebhookReceiver},
    },
};
use serde_json::{Value, json};

fn hand_over(smsc: &Smsc, message: &Value) {
    let mut deliver = json!({ "source_addr": "49170", "destination_addr": "4711" });
    deliver.as_object_mut().unwrap().extend(message.as_object().unwrap().clone());
    smsc.order(&json!({ "deliver": deliver }));
}

#[test]
fn texts_reach_the_application_whole_and_are_acknowledged_then() {
    let (smsc, receiver) = (Smsc::start(), WebhookReceiver::start());
    let url = receiver.url("/inbound");
    let webhooks = format!("[webhooks]\nsecret = \"{SECRET}\"\n[inbound]\nurl = \"{url}\"\n");
    let site = Site::new(&(webhooks + &gateway("one", &smsc, "")));
    let host = Host::start(&site);
    eventually("it is bound", || host.log().contains("bound").then_some(()));
    let texts = ["STOP [now] €", "стоп 🛑", "first, second, third", "one two"];
    hand_over(&smsc, &json!({ "short_message": texts[0], "data_coding": 0 }));
    hand_over(&smsc, &json!({ "short_message": texts[1], "data_coding": 8 }));
    for (number, part) in [(3, "third"), (1, "first, "), (2, "second, ")] {
        hand_over(&smsc, &json!({ "short_message": part, "udh": format!("0500030703{number:02x}") }));
    }
    for (number, part) in [(2, "two"), (1, "one ")] {
        let sar = json!({ "short_message": part, "sar_msg_ref_num": 300, "sar_total_segments": 2, "sar_segment_seqnum": number });
        hand_over(&smsc, &sar);
    }
    let answers = smsc.until("deliver_sm_resp", 7);
    assert!(answers.iter().all(|answer| answer["command_status"] == 0), "{answers:?}");
    let told = receiver.until_asked(4);
    let mut found = told.iter().map(|told| told.body["data"]["text"].as_str().unwrap()).collect::<Vec<_>>();
    let mut wanted = texts;
    found.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(found, wanted);
    assert!(
        told.iter().all(|told| told.body["data"]["from"] == "49170" && told.body["data"]["to"] == "4711")
    );
}
