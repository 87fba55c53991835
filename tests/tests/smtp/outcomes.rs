//! Each answer has its outcome, and the server's own code and words.

use super::{TEXT, TO, gateway, refused, sent, server};
use gatepost_tests::{
    Host, Site,
    peers::{free_port, smtp::SmtpServer},
};
use serde_json::json;

#[test]
fn each_answer_has_its_outcome_and_keeps_its_words() {
    let peer = SmtpServer::start();
    let expected = [
        ("unknown", "rejected", "550", "no such user"),
        ("spam", "rejected", "554", "looks like spam"),
        ("full", "unavailable", "452", "disk full"),
        ("closing", "unavailable", "421", "shutting down"),
        ("cut-at-rcpt", "unavailable", "", "RCPT"),
        ("cut", "uncertain", "", "sending the mail"),
    ];
    let gateways = expected.map(|(name, ..)| gateway(name, "peer", &format!("a@{name}.test"), ""));
    let misplaced = server("misplaced", peer.port, "").replace("@sender.test", "@refused.test");
    let site = Site::new(
        &([server("peer", peer.port, ""), misplaced, gateway("sender", "misplaced", "a@sms.test", "")]
            .concat()
            + &gateways.concat()),
    );
    let host = Host::start(&site);
    for (name, outcome, code, words) in expected {
        let (found, found_code, detail) = refused(&host, name, TO, TEXT);
        assert_eq!((found.as_str(), found_code.as_str()), (outcome, code), "{name}: {detail}");
        assert!(detail.contains(words), "{name}: {detail}");
        assert!(!detail.contains("123456"), "{name}: {detail}");
    }
    let (outcome, code, detail) = refused(&host, "sender", TO, TEXT);
    assert_eq!((outcome.as_str(), code.as_str()), ("misconfigured", "550"), "{detail}");
    assert!(detail.contains("sender not allowed"), "{detail}");
    assert_eq!((peer.arrived().len(), peer.events("cut").len()), (0, 1));
}

#[test]
fn a_greylisted_mail_is_tried_again_and_arrives() {
    let peer = SmtpServer::start();
    let patient = gateway("patient", "peer", "{phone}@greylist.test", "REGEXP = '/[+]//'")
        .replace("attempts = 1", "attempts = 5, first = \"100ms\", max = \"200ms\"");
    let site = Site::new(&(server("peer", peer.port, "") + &patient));
    let host = Host::start(&site);
    let answer = sent(&host, "patient");
    let attempts = answer.body["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 2, "{answer:?}");
    assert_eq!((&attempts[0]["outcome"], &attempts[0]["code"]), (&json!("unavailable"), &json!("451")));
    assert_eq!(attempts[1]["outcome"], "accepted");
    let arrived = peer.only();
    assert_eq!(arrived["recipients"], json!(["491701234567@greylist.test"]));
    assert_eq!(peer.events("hello").len(), 1, "the connection is good for the second try");
}

#[test]
fn one_recipient_refused_does_not_harm_the_next_mail() {
    let peer = SmtpServer::start();
    let site = Site::new(&(server("peer", peer.port, "") + &gateway("any", "peer", "{phone}", "")));
    let host = Host::start(&site);
    for round in 1..=3 {
        assert_eq!(refused(&host, "any", "a@unknown.test", TEXT).0, "rejected");
        super::sent_with(&host, "any", "b@sms.test", TEXT);
        assert_eq!(refused(&host, "any", "a@spam.test", TEXT).0, "rejected");
        super::sent_with(&host, "any", "c@sms.test", TEXT);
        assert_eq!(peer.arrived().len(), 2 * round);
    }
    assert_eq!(peer.events("hello").len(), 1, "and needs no connection of its own");
}

#[test]
fn nobody_there_is_unavailable() {
    let nobody = server("nobody", free_port(), "");
    let nameless = server("nameless", 25, "").replace("127.0.0.1", "no-such-host.invalid");
    let no_tls = server("no-tls", free_port(), "tls = \"tls\"");
    let gateways = ["nobody", "nameless", "no-tls"].map(|name| gateway(name, name, "a@sms.test", ""));
    let site = Site::new(&(nobody + &nameless + &no_tls + &gateways.concat()));
    let host = Host::start(&site);
    for name in ["nobody", "nameless", "no-tls"] {
        let (outcome, _, detail) = refused(&host, name, TO, TEXT);
        assert_eq!(outcome, "unavailable", "{name}: {detail}");
        assert!(detail.contains("connecting"), "{name}: {detail}");
    }
}
