//! Links that break, hang, or speak nonsense.

use super::{TEXT, TO, gateway, gateway_with, sent};
use gatepost_tests::{
    Host, Site, eventually,
    peers::{
        certificates::{Authority, self_signed},
        smsc::Smsc,
    },
    random::Random,
    refused,
    site::api_key,
};
use serde_json::json;
use std::{
    env,
    net::Ipv6Addr,
    thread,
    time::{Duration, Instant},
};

#[test]
fn binds_are_made_at_the_start_and_left_at_the_end() {
    let smsc = Smsc::start();
    let site = Site::new(&gateway("one", &smsc, "BINDS = 3\nBIND = \"transmitter\""));
    let host = Host::start(&site);
    smsc.until("bind_transmitter", 3);
    assert!(smsc.submits().is_empty());
    assert!(host.terminate().success());
    assert_eq!(smsc.until("unbind", 3).len(), 3);
}

/// A gateway that waits for its first message with a link that is not there would be found out by that message.
#[test]
fn a_link_that_is_not_there_shows_before_a_message_has_to() {
    let mut smsc = Smsc::start();
    smsc.kill();
    let site = Site::new(&gateway("one", &smsc, "BINDS = 2"));
    let host = Host::start(&site);
    let until = |state: &str, why: &str| {
        eventually(&format!("the gateway is {state}"), || {
            let ready = host.get("/readyz");
            assert_eq!(ready.status, 200, "the host is ready all the same: {ready:?}");
            let shown = host.get("/v1/gateways/one");
            let is_told = shown.body["why"].as_str().unwrap_or_default().contains(why);
            let counted =
                host.metric(&format!("gatepost_gateway_state{{gateway=\"one\",state=\"{state}\"}}"));
            let states = [&ready.body["gateways"]["one"], &shown.body["state"]];
            (states.iter().all(|found| *found == state) && is_told && counted == 1.0).then_some(())
        });
    };
    until("down", "no bind: connecting to the SMSC");
    smsc.start_again();
    until("up", "");
    smsc.set(&json!({ "bind_status": 13 }));
    smsc.order(&json!({ "cut": true }));
    until("down", "no bind: ");
    smsc.set(&json!({ "bind_status": 0 }));
    until("up", "");
    assert!(smsc.submits().is_empty(), "no message had to find out");
    sent(&host, "one");
}

#[test]
fn a_reload_cuts_no_bind_of_a_gateway_that_it_does_not_change() {
    let (kept, changed) = (Smsc::start(), Smsc::start());
    let site = Site::new(
        &(gateway("kept", &kept, "") + &gateway("changed", &changed, "") + &api_key("root", &["admin"], "")),
    );
    let host = Host::start(&site).with_key("root");
    kept.until("bind_transceiver", 1);
    changed.until("bind_transceiver", 1);
    let links = || (kept.events("bind_transceiver").len(), kept.events("closed").len());
    let before = links();
    let other = site
        .configuration()
        .replace(&gateway("changed", &changed, ""), &gateway("changed", &changed, "SERVICE_TYPE = \"CMT\""));
    site.configure(&other);
    assert_eq!(host.reload().body["gateways"]["changed"], json!(["changed"]));
    // The new bind, and the end of the old one.
    changed.until("bind_transceiver", 2);
    changed.until("unbind", 1);
    sent(&host, "kept");
    sent(&host, "changed");
    assert_eq!(links(), before);
    assert_eq!(changed.submits()[0]["service_type"], "CMT");
    assert!(host.terminate().success());
    assert_eq!(changed.events("unbind").len(), 2);
}

#[test]
fn parts_that_are_unanswered_when_the_link_breaks_are_uncertain() {
    let smsc = Smsc::start();
    smsc.set(&json!({ "silent": true }));
    let site =
        Site::new(&gateway_with("one", &smsc, "max_in_flight = 20\nretry = { attempts = 1 }", "WINDOW = 5"));
    let host = Host::start(&site);
    let send = |n: u32| {
        host.post("/v1/messages", &json!({ "to": TO, "text": format!("{n}"), "gateway": "one" })).id()
    };
    let ids = (0..8).map(send).collect::<Vec<_>>();
    smsc.until("submit_sm", 5);
    smsc.set(&json!({ "silent": false }));
    smsc.order(&json!({ "cut": true }));
    let outcomes = ids.iter().map(|id| {
        eventually("it is tried", || {
            let message = host.message(id);
            let outcome = message["attempts"][0]["outcome"].as_str()?;
            Some(outcome.to_owned())
        })
    });
    let outcomes = outcomes.collect::<Vec<_>>();
    // What was in the window may have been taken; what waited for it goes over the next bind.
    let count = |wanted: &str| outcomes.iter().filter(|outcome| *outcome == wanted).count();
    assert_eq!((count("uncertain"), count("accepted")), (5, 3), "{outcomes:?}");
    assert_eq!(smsc.submits().len(), 8);
}

#[test]
fn a_link_that_does_not_answer_is_given_up() {
    let smsc = Smsc::start();
    let site = Site::new(&gateway("one", &smsc, "ENQUIRE_LINK = 0.3\nRESPONSE_TIMEOUT = 1"));
    let host = Host::start(&site);
    smsc.until("enquire_link", 3);
    assert_eq!(smsc.events("bind_transceiver").len(), 1, "answers keep it");
    smsc.set(&json!({ "deaf": true }));
    let deaf = Instant::now();
    smsc.until("bind_transceiver", 2);
    // The next enquiry, the time for its answer, and the pause before the bind.
    assert!((0.9..5.0).contains(&deaf.elapsed().as_secs_f64()), "{:?}", deaf.elapsed());
    smsc.set(&json!({ "deaf": false }));
    assert!(host.log().contains("has not answered enquire_link"), "{}", host.log());
    sent(&host, "one");
}

#[test]
fn an_smsc_that_asks_is_answered_and_nonsense_is_borne() {
    let smsc = Smsc::start();
    let site = Site::new(&gateway("one", &smsc, ""));
    let host = Host::start(&site);
    smsc.until("bind_transceiver", 1);
    eventually("it is bound", || host.log().contains("bound").then_some(()));
    // enquire_link; a command that nobody knows; a deliver_sm without sense; a late answer; alert_notification; generic_nack.
    smsc.order(&json!({ "raw": "00000010000000150000000000000007" }));
    smsc.until("enquire_link_resp", 1);
    smsc.order(&json!({ "raw": "00000012000003330000000000000008ffff" }));
    let nack = &smsc.until("generic_nack", 1)[0];
    assert_eq!((&nack["sequence_number"], &nack["command_status"]), (&json!(8), &json!(3)));
    smsc.order(&json!({ "raw": "000000140000000500000000000000090102ffff" }));
    let refusal = &smsc.until("deliver_sm_resp", 1)[0];
    assert_eq!((&refusal["sequence_number"], &refusal["command_status"]), (&json!(9), &json!(0x66)));
    smsc.order(&json!({ "raw": "00000012800000040000000000003fff3100" }));
    smsc.order(&json!({ "raw": "00000010000001020000000000000009" }));
    smsc.order(&json!({ "raw": "00000010800000000000000300003fff" }));
    sent(&host, "one");
    assert_eq!(smsc.events("bind_transceiver").len(), 1);
    // Where the next PDU begins nobody knows.
    smsc.order(&json!({ "raw": "ffffffff000000000000000000000000" }));
    smsc.until("bind_transceiver", 2);
    eventually("it is bound again", || Some(()).filter(|()| host.log().matches("bound").count() >= 2));
    sent(&host, "one");
    smsc.order(&json!({ "unbind": true }));
    smsc.until("unbind_resp", 1);
    smsc.until("bind_transceiver", 3);
    sent(&host, "one");
}

#[test]
fn tls_is_spoken_with_whom_the_ca_knows() {
    let folder = tempfile::TempDir::new().unwrap();
    let authority = Authority::new(folder.path());
    let local = std::net::Ipv4Addr::LOCALHOST.into();
    let known = Smsc::speaking(Some(authority.server("127.0.0.1")), local);
    let stranger = Smsc::speaking(Some(self_signed(folder.path(), "127.0.0.1")), local);
    let more = format!("TLS = true\nCA_FILE = \"{}\"", authority.certificate().display());
    let site = Site::new(&(gateway("known", &known, &more) + &gateway("stranger", &stranger, &more)));
    let host = Host::start(&site);
    sent(&host, "known");
    assert_eq!(known.submits()[0]["short_message"], TEXT);
    let (outcome, _, detail) = refused(&host, "stranger", TO, TEXT);
    assert_eq!(outcome, "unavailable", "{detail}");
    assert!(detail.contains("TLS") && stranger.events("bind_transceiver").is_empty(), "{detail}");
}

#[test]
fn ipv6_is_spoken() {
    let smsc = Smsc::speaking(None, Ipv6Addr::LOCALHOST.into());
    let site = Site::new(&gateway("one", &smsc, "SMSC_HOST = \"[::1]\""));
    let host = Host::start(&site);
    sent(&host, "one");
}

/// How often the link is cut.
fn cuts() -> u32 {
    env::var("GATEPOST_LINK_CUTS").map_or(5, |cuts| cuts.parse().unwrap())
}

#[test]
fn no_message_is_lost_or_stuck_however_often_the_link_is_cut() {
    let smsc = Smsc::start();
    smsc.set(&json!({ "delay": 20 }));
    let keys = |rule: &str| {
        format!(
            "max_in_flight = 30\non_uncertain = \"{rule}\"\nretry = {{ attempts = 100, first = \"100ms\", max = \"300ms\" }}"
        )
    };
    let site = Site::new(
        &["retry", "fail"]
            .map(|rule| gateway_with(rule, &smsc, &keys(rule), "BINDS = 2\nRESPONSE_TIMEOUT = 5"))
            .concat(),
    );
    let host = Host::start(&site);
    let mut random = Random::seeded();
    let mut ids = Vec::new();
    for round in 0..cuts() {
        let message = |rule: &str, n: u32| json!({ "to": format!("+{round}{n:03}{}", rule.len()), "text": TEXT, "gateway": rule });
        let messages = ["retry", "fail"].into_iter().flat_map(|rule| (0..40).map(move |n| message(rule, n)));
        let answer = host.post("/v1/messages/batch", &json!({ "messages": messages.collect::<Vec<_>>() }));
        assert_eq!(answer.status, 202, "{answer:?}");
        ids.extend(
            answer.body["messages"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["id"].as_str().unwrap().to_owned()),
        );
        // At any moment of the work on it.
        thread::sleep(Duration::from_millis(random.below(400)));
        smsc.order(&json!({ "cut": true }));
    }
    let submits = smsc.submits();
    let mut failed = 0;
    for id in &ids {
        let message = eventually("it is over", || {
            Some(host.message(id))
                .filter(|message| ["sent", "failed"].contains(&message["state"].as_str().unwrap()))
        });
        let attempts = message["attempts"].as_array().unwrap();
        if message["state"] == "failed" {
            failed += 1;
            assert_eq!(
                (&message["gateway"], &attempts.last().unwrap()["outcome"]),
                (&json!("fail"), &json!("uncertain")),
                "{message}"
            );
        }
    }
    let accepted = smsc.events("accepted");
    let mut reached = accepted.iter().map(|one| one["destination_addr"].to_string()).collect::<Vec<_>>();
    reached.sort();
    reached.dedup();
    assert!(
        reached.len() + failed >= ids.len(),
        "{} of {} reached, {failed} failed",
        reached.len(),
        ids.len()
    );
    println!("{} messages, {} cuts, {failed} uncertain, {} submits so far", ids.len(), cuts(), submits.len());
}
