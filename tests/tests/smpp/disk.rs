//! A disk that is full: what can't be stored is not acknowledged, and taken when the SMSC sends it again.

use super::{TEXT, TO, gateway, sent};
use gatepost_tests::{
    Host, Site, eventually,
    peers::{
        disk::Disk,
        smsc::Smsc,
        webhook_receiver::{SECRET, WebhookReceiver},
    },
};
use serde_json::{Value, json};

/// ESME_RX_T_APPN, a temporary error: the SMSC is to send it again.
const COME_AGAIN: u64 = 0x64;

fn receipt(id: &str) -> Value {
    json!({ "esm_class": 4, "short_message": format!("id:{id} stat:DELIVRD err:000 text:") })
}

/// Hands it to the host; the status of the answer.
fn answer(smsc: &Smsc, deliver: &Value) -> u64 {
    let before = smsc.events("deliver_sm_resp").len();
    smsc.order(&json!({ "deliver": deliver }));
    let answers = smsc.until("deliver_sm_resp", before + 1);
    answers[before]["command_status"].as_u64().unwrap()
}

/// Fills the disk, and what the store has of it with receipts for nobody.
fn fill(disk: &Disk, smsc: &Smsc) {
    disk.fill_up_to(0);
    let mut count = 0;
    eventually("nothing can be stored", || {
        count += 1;
        (answer(smsc, &receipt(&format!("nobodys-{count}"))) != 0).then_some(())
    });
}

/// Makes room, and waits until the host has seen that.
fn make_room(disk: &Disk, host: &Host) {
    disk.make_room();
    eventually("it is ready again", || (host.get("/readyz").status == 200).then_some(()));
}

/// How many receipts were left over, but for nobody's; they would be the latest, on the first page.
fn left_over(host: &Host) -> usize {
    let left = host.get("/v1/receipts").body;
    let ids = left["receipts"].as_array().unwrap().iter().map(|receipt| receipt["provider_id"].as_str());
    ids.filter(|id| !id.unwrap().starts_with("nobodys-")).count()
}

#[test]
fn what_a_full_disk_can_not_take_is_asked_for_again_and_is_not_lost() {
    let (smsc, receiver) = (Smsc::start(), WebhookReceiver::start());
    let url = receiver.url("/inbound");
    let webhooks = format!("[webhooks]\nsecret = \"{SECRET}\"\n[inbound]\nurl = \"{url}\"\n");
    let site = Site::new(&(webhooks + &gateway("one", &smsc, "")));
    let Some(disk) = Disk::under_store_of(&site, "receipts on a full disk") else { return };
    let host = Host::start(&site);
    let id = sent(&host, "one").id();
    fill(&disk, &smsc);

    let addresses = json!({ "source_addr": "49170", "destination_addr": "4711" });
    let inbound = |more: Value| {
        let mut inbound = addresses.clone();
        inbound.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        inbound
    };
    let text = inbound(json!({ "short_message": "STOP everything" }));
    let first = inbound(json!({ "short_message": "one ", "udh": "050003070201" }));
    let second = inbound(json!({ "short_message": "two", "udh": "050003070202" }));
    // The first of two parts waits for the other: an SMSC may not send that before.
    assert_eq!(answer(&smsc, &first), 0);
    for refused in [&receipt("1"), &text, &second] {
        assert_eq!(answer(&smsc, refused), COME_AGAIN, "{refused}");
    }
    let message = host.message(&id);
    assert_eq!((&message["state"], &message["receipts"]), (&json!("sent"), &json!([])), "{message}");
    let log = host.log();
    assert!(log.contains("the SMSC is to repeat what it sent"), "{log}");
    assert!(!log.contains("STOP everything"), "no text is logged");

    make_room(&disk, &host);
    for again in [&receipt("1"), &text, &second] {
        assert_eq!(answer(&smsc, again), 0, "{again}");
    }
    let message = host.until_state(&id, "delivered");
    assert_eq!(message["receipts"].as_array().unwrap().len(), 1, "{message}");
    let states = message["events"].as_array().unwrap().iter().map(|event| event["state"].as_str().unwrap());
    assert_eq!(states.collect::<Vec<_>>(), ["queued", "sending", "sent", "delivered"]);
    assert_eq!(left_over(&host), 0);
    let told = receiver.until_asked(2);
    let mut texts = told.iter().map(|told| told.body["data"]["text"].as_str().unwrap()).collect::<Vec<_>>();
    texts.sort_unstable();
    assert_eq!(texts, ["STOP everything", "one two"]);
    assert_eq!(smsc.events("bind_transceiver").len(), 1, "the bind was kept all the time");
}

#[test]
fn an_outcome_that_a_full_disk_can_not_take_is_not_submitted_again() {
    let smsc = Smsc::start();
    smsc.set(&json!({ "hold": true, "receipt": "after" }));
    let site = Site::new(&gateway("one", &smsc, "RESPONSE_TIMEOUT = 120"));
    let Some(disk) = Disk::under_store_of(&site, "an outcome on a full disk") else { return };
    let host = Host::start(&site);
    let id = host.post("/v1/messages", &json!({ "to": TO, "text": TEXT, "gateway": "one" })).id();
    smsc.until("submit_sm", 1);
    fill(&disk, &smsc);
    let before = smsc.events("deliver_sm_resp").len();
    // It is taken and delivered while neither can be written down.
    smsc.order(&json!({ "release": true }));
    let answers = smsc.until("deliver_sm_resp", before + 1);
    assert_eq!(answers[before]["command_status"], COME_AGAIN);
    assert_eq!(host.message(&id)["state"], "sending");

    make_room(&disk, &host);
    host.until_state(&id, "sent");
    assert_eq!(answer(&smsc, &receipt("1")), 0);
    let message = host.until_state(&id, "delivered");
    assert_eq!(message["attempts"].as_array().unwrap().len(), 1, "{message}");
    assert_eq!((smsc.submits().len(), left_over(&host)), (1, 0));
}
