//! Canaries in the secret, the address, the number and the text: none of them in the log, however much is logged.

use super::site;
use gatepost_tests::{
    Host, client, eventually,
    peers::webhook_receiver::{SECRET, WebhookReceiver},
    tree,
};
use serde_json::json;

const PHONE: &str = "+491709998877";
const TEXT: &str = "canary-text says 48151623";

#[test]
fn neither_the_secret_nor_an_address_is_logged_even_at_trace() {
    let mut receiver = WebhookReceiver::start();
    let site = site(&[&receiver], "");
    let mut host = Host::start_with(&site, &tree::binary(), &["--log", "trace"]);
    let url = receiver.url("/canary-path/x?token=canary-query");
    let send = |callback: &str| {
        let message = json!({ "to": PHONE, "text": TEXT, "gateway": "outbox", "callback_url": callback });
        client::send(host.client().post(host.url("/v1/messages")).json(&message)).unwrap()
    };
    let origin = receiver.origin();
    for mode in ["ok", "fail", "redirect", "gone", "missing", "throttle"] {
        receiver.say(mode);
        let before = receiver.received().len();
        assert_eq!(send(&url).status, 202);
        receiver.until_asked(before + 1);
    }
    let refused = send("https://elsewhere.example/canary-path?token=canary-query");
    refused.problem(422);
    let with_password = send(&origin.replace("http://", "http://me:canary-query@"));
    with_password.problem(422);
    receiver.go_down();
    for _ in 0..6 {
        assert_eq!(send(&url).status, 202);
    }
    eventually("the log speaks of the receiver", || host.log().contains("left alone").then_some(()));
    host.ask_to_end();
    eventually("it ends", || (!host.is_running()).then_some(()));
    let log = host.log();
    assert!(log.contains(&origin) && log.contains("webhook taken"), "the log says what it does: {log}");
    for canary in [
        "canary-path",
        "canary-query",
        SECRET,
        &SECRET["whsec_".len()..],
        "canary-text",
        "48151623",
        PHONE,
        &PHONE[1..],
    ] {
        let leak = log.lines().find(|line| line.contains(canary));
        assert!(leak.is_none(), "{canary} in the log: {leak:?}");
        for answer in [&refused, &with_password] {
            assert!(!answer.text.contains(canary), "{canary} in an answer: {answer:?}");
        }
    }
}
