//! Secrets, texts and phone numbers stand in no log and no answer, however much is logged and whatever a provider says.

use gatepost_tests::{Host, Site, fixtures, tree};
use serde_json::json;

const PHONE: &str = "+491709876543";
const TEXT: &str = "the code is 918273, keep it";
const PASSWORD: &str = "correct-horse-battery";
/// Its SHA-256 is in the configuration.
const KEY: &str = "abc";

#[test]
fn nothing_secret_is_logged_even_at_trace() {
    let gateway = |name: &str, mode: &str| {
        format!(
            "[gateways.{name}]\nprovider = \"courier\"\n[gateways.{name}.parameters]\n\
             FILE = \"courier.txt\"\nMODE = \"{mode}\"\nPASSWORD = \"{PASSWORD}\"\n"
        )
    };
    let site = Site::new(
        &[
            gateway("quiet", "deliver"),
            gateway("talkative", "talk"),
            gateway("panicking", "panic-in-submit"),
            gateway("dropping", "panic-in-drop"),
            "[gateways.echoing]\nprovider = \"script\"\n[gateways.echoing.parameters]\nSCRIPT = \"echoing\"\n".into(),
            "[[api_keys]]\nname = \"app\"\n\
             sha256 = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\n\
             scopes = [\"send\", \"read\"]\n"
                .into(),
        ]
        .concat(),
    );
    site.add_library(fixtures::courier(), "courier.so");
    site.add_script("echoing", "#!/bin/sh\necho \"cannot send '$(cat)' to $1\" >&2\nexit 1\n");
    let mut host = Host::start_with(&site, &tree::binary(), &["--log", "trace"]);

    let mut answers = Vec::new();
    for gateway in ["quiet", "talkative", "panicking", "dropping", "echoing", "outbox"] {
        let message = json!({ "to": PHONE, "text": TEXT, "gateway": gateway, "title": "title of 918273" });
        let request = host.client().post(host.url("/v1/messages?wait=30")).bearer_auth(KEY);
        let answer = gatepost_tests::client::send(request.json(&message)).unwrap();
        assert!([200, 502].contains(&answer.status), "{answer:?}");
        answers.push(answer.text);
    }
    // What can't be accepted is not repeated either.
    let refused =
        json!({ "to": PHONE, "text": TEXT, "gateway": "nowhere", "918273": TEXT, "valid_for": TEXT });
    let request = host.client().post(host.url("/v1/messages")).bearer_auth(KEY).json(&refused);
    let refused = gatepost_tests::client::send(request).unwrap();
    refused.problem(422);
    let request =
        host.client().post(host.url("/v1/messages")).bearer_auth("not-the-key-5566").json(&json!({}));
    gatepost_tests::client::send(request).unwrap().problem(401);

    host.ask_to_end();
    gatepost_tests::eventually("it ends", || (!host.is_running()).then_some(()));
    let log = host.log();
    for level in ["error", "warning", "information", "debugging", "trace"] {
        assert!(log.contains(&format!("{level} with ***")), "the provider's own event is missing: {level}");
    }
    for (what, secret) in [
        ("text", "918273"),
        ("text", TEXT),
        ("phone number", PHONE),
        ("phone number", &PHONE[1..]),
        ("password", PASSWORD),
        ("API key", &format!("Bearer {KEY}")),
        ("API key", "not-the-key-5566"),
    ] {
        let leak = log.lines().find(|line| line.contains(secret));
        assert!(leak.is_none(), "a {what} stands in the log: {}", leak.unwrap_or_default());
    }
    assert!(log.contains("+49170*****43"), "the masked number helps the operator");
    for answer in &answers {
        for secret in ["918273", PASSWORD] {
            assert!(!answer.contains(secret), "{secret} in {answer}");
        }
    }
    let detail = answers.iter().find(|answer| answer.contains("talkative")).unwrap();
    assert!(detail.contains("***"), "an echoed text is replaced: {detail}");
}
