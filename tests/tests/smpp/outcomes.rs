//! Each answer of the SMSC has its outcome, with name and code of the status.

use super::{TEXT, TO, gateway, gateway_with, sent};
use gatepost_tests::{
    Host, Site, eventually,
    peers::{free_port, smsc::Smsc},
    refused, sent_with,
};
use serde_json::json;
use std::time::Instant;

#[test]
fn each_status_has_its_outcome() {
    let smsc = Smsc::start();
    let site = Site::new(&gateway_with("one", &smsc, "retry = { attempts = 1 }", ""));
    let host = Host::start(&site);
    for (number, (status, outcome, name)) in [
        (0x0b, "rejected", "ESME_RINVDSTADR"),
        (0x0a, "rejected", "ESME_RINVSRCADR"),
        (0x43, "rejected", "ESME_RINVESMCLASS"),
        (0x08, "unavailable", "ESME_RSYSERR"),
        (0x45, "unavailable", "ESME_RSUBMITFAIL"),
        (0x4ff, "rejected", "unknown status"),
    ]
    .into_iter()
    .enumerate()
    {
        smsc.set(&json!({ "submit_status": status }));
        let (found, code, detail) = refused(&host, "one", TO, TEXT);
        assert_eq!((found.as_str(), code), (outcome, format!("0x{status:08x}")), "{detail}");
        assert!(detail.contains(name) && detail.contains(&format!("0x{status:08x}")), "{detail}");
        assert_eq!(smsc.submits().len(), number + 1);
    }
    smsc.set(&json!({ "submit_status": 0, "nack": true }));
    assert_eq!(refused(&host, "one", TO, TEXT).0, "rejected");
}

#[test]
fn a_bind_that_is_refused_is_misconfigured_and_tried_again() {
    let smsc = Smsc::start();
    smsc.set(&json!({ "bind_status": 0x0e }));
    let site = Site::new(&gateway_with("one", &smsc, "retry = { attempts = 1 }", ""));
    let host = Host::start(&site);
    let (outcome, code, detail) = refused(&host, "one", TO, TEXT);
    assert_eq!((outcome.as_str(), code.as_str()), ("misconfigured", "0x0000000e"), "{detail}");
    assert!(detail.contains("ESME_RINVPASWD") && !detail.contains("pass5521"), "{detail}");
    smsc.set(&json!({ "bind_status": 0 }));
    eventually("it binds after all", || host.log().contains("bound").then_some(()));
}

#[test]
fn nobody_there_is_unavailable() {
    let smsc = Smsc::start();
    let nowhere = gateway("one", &smsc, "").replace(&smsc.port.to_string(), &free_port().to_string());
    let site = Site::new(&nowhere);
    let host = Host::start(&site);
    let (outcome, _, detail) = refused(&host, "one", TO, TEXT);
    assert_eq!(outcome, "unavailable", "{detail}");
    assert!(detail.contains("connecting to the SMSC"), "{detail}");
}

#[test]
fn no_answer_is_uncertain() {
    let smsc = Smsc::start();
    smsc.set(&json!({ "silent": true }));
    let site = Site::new(&gateway("one", &smsc, "RESPONSE_TIMEOUT = 1"));
    let host = Host::start(&site);
    let (outcome, _, detail) = refused(&host, "one", TO, TEXT);
    assert_eq!(outcome, "uncertain", "{detail}");
    assert!(detail.contains("did not answer within 1 s"), "{detail}");
    assert_eq!(smsc.submits().len(), 1);
}

#[test]
fn parts_that_are_throttled_are_sent_again() {
    let smsc = Smsc::start();
    smsc.set(&json!({ "throttle": 3 }));
    let site = Site::new(&gateway("one", &smsc, ""));
    let host = Host::start(&site);
    let answer = sent_with(&host, "one", TO, &"a".repeat(400));
    assert_eq!(answer.body["attempts"].as_array().unwrap().len(), 1, "{answer:?}");
    assert_eq!((smsc.events("throttled").len(), smsc.submits().len()), (3, 6));
    // No longer than there is time for.
    smsc.set(&json!({ "throttle": 1_000_000 }));
    let site = Site::new(&gateway("one", &smsc, "RESPONSE_TIMEOUT = 1"));
    let host = Host::start(&site);
    let (outcome, code, detail) = refused(&host, "one", TO, TEXT);
    assert_eq!((outcome.as_str(), code.as_str()), ("throttled", "0x00000058"), "{detail}");
}

#[test]
fn a_full_queue_of_the_smsc_is_throttled() {
    let smsc = Smsc::start();
    smsc.set(&json!({ "submit_status": 0x14 }));
    let site = Site::new(&gateway("one", &smsc, "RESPONSE_TIMEOUT = 3"));
    let host = Host::start(&site);
    let (outcome, code, detail) = refused(&host, "one", TO, TEXT);
    assert_eq!((outcome.as_str(), code.as_str()), ("throttled", "0x00000014"), "{detail}");
    assert!(detail.contains("ESME_RMSGQFUL"), "{detail}");
    assert!(smsc.submits().len() > 1, "while there is time, it is sent again");
}

#[test]
fn the_time_for_an_answer_begins_when_the_part_is_written() {
    let smsc = Smsc::start();
    // Both answers together take longer than one may.
    smsc.set(&json!({ "delay": 700 }));
    let site = Site::new(&gateway("one", &smsc, "WINDOW = 1\nRESPONSE_TIMEOUT = 1"));
    let host = Host::start(&site);
    let began = Instant::now();
    let answer = sent_with(&host, "one", TO, &"a".repeat(200));
    assert!(began.elapsed().as_secs_f64() > 1.4, "{:?}", began.elapsed());
    assert_eq!(answer.body["provider_ids"].as_array().unwrap().len(), 2, "{answer:?}");
}

#[test]
fn the_pace_becomes_that_of_the_smsc() {
    let smsc = Smsc::start();
    smsc.set(&json!({ "tps": 20 }));
    let site = Site::new(&gateway_with("one", &smsc, "max_in_flight = 50", "RESPONSE_TIMEOUT = 30"));
    let host = Host::start(&site);
    let messages = (0..60).map(|n| json!({ "to": TO, "text": format!("{n}"), "gateway": "one" }));
    let answer = host.post("/v1/messages/batch", &json!({ "messages": messages.collect::<Vec<_>>() }));
    assert_eq!(answer.status, 202, "{answer:?}");
    eventually("all are taken", || (smsc.events("accepted").len() == 60).then_some(()));
    let wasted = smsc.events("throttled").len();
    assert!(wasted < 60, "it learns: {wasted} of {} were too many", smsc.submits().len());
}

#[test]
fn tps_counts_parts() {
    let smsc = Smsc::start();
    let site = Site::new(&gateway("one", &smsc, "TPS = 5"));
    let host = Host::start(&site);
    sent(&host, "one");
    let began = Instant::now();
    sent_with(&host, "one", TO, &"a".repeat(153 * 10));
    assert!(began.elapsed().as_secs_f64() > 1.7, "{:?}", began.elapsed());
    assert_eq!(smsc.submits().len(), 11);
}

#[test]
fn some_parts_refused_is_rejected_with_what_went_out() {
    let smsc = Smsc::start();
    // The window lets the second part wait until the first is answered.
    let site = Site::new(&gateway("one", &smsc, "WINDOW = 1"));
    let host = Host::start(&site);
    smsc.set(&json!({ "delay": 300 }));
    let message = json!({ "to": TO, "text": "a".repeat(300), "gateway": "one" });
    let id = host.post("/v1/messages", &message).id();
    smsc.until("submit_sm", 2);
    smsc.set(&json!({ "submit_status": 0x0b }));
    let message = host.until_state(&id, "failed");
    let (outcome, code, detail) = gatepost_tests::outcome::first_attempt(&message);
    assert_eq!((outcome.as_str(), code.as_str()), ("rejected", "0x0000000b"), "{detail}");
    assert!(detail.contains("1 of 2 parts went out"), "{detail}");
}
