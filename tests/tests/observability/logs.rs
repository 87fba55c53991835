//! The log as JSON: every line of it, also of trouble, with the same names for the same things.

use super::{TO, site};
use gatepost::telemetry::LogFormat;
use gatepost_tests::{
    Host, client, command, eventually, in_seconds, peers::webhook_receiver::WebhookReceiver, tree,
};
use serde_json::{Map, Value, json};
use std::{env, process::Command, thread};

/// Every line of the log; panics where one is no JSON object.
fn lines(log: &str) -> Vec<Map<String, Value>> {
    log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
}

#[test]
fn every_line_is_json_with_the_same_names_for_the_same_things() {
    let receiver = WebhookReceiver::start();
    let modes =
        ["talk", "panic-in-submit", "panic-in-drop", "receipt-later", "refuse-credentials", "ask-to-wait"];
    let echo =
        "[gateways.echoing]\nprovider = \"script\"\n[gateways.echoing.parameters]\nSCRIPT = \"echoing\"\n";
    let site = site(&receiver, &modes, echo);
    site.add_script("echoing", "#!/bin/sh\nprintf 'two\\nlines \"quoted\"\\n\\033[31m' >&2\nexit 1\n");
    let mut host = Host::start_with(&site, &tree::binary(), &["--log", "trace"]);
    for mode in modes.iter().chain(&["echoing", "outbox"]) {
        host.send_and_see(mode, TO, "a text\nof two lines");
    }
    host.get("/nowhere/\u{1f600}%0a\"");
    host.ask_to_end();
    eventually("the host ends", || (!host.is_running()).then_some(()));
    let log = host.log();
    let lines = lines(&log);
    assert!(lines.len() > 50, "{log}");
    for line in &lines {
        for name in ["timestamp", "level", "message", "target"] {
            let text = line.get(name).and_then(Value::as_str);
            assert!(text.is_some_and(|text| !text.is_empty()), "no {name}: {line:?}");
        }
        let time = line["timestamp"].as_str().unwrap();
        assert!(gatepost::message::Timestamp::from_rfc_3339(time).is_some(), "{time}");
        assert!(["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].contains(&line["level"].as_str().unwrap()));
        if line["target"] == "provider" {
            for name in ["provider", "gateway", "source"] {
                assert!(line[name].is_string(), "no {name}: {line:?}");
            }
        }
    }
    assert!(lines.iter().any(|line| line["target"] == "provider" && line["id"].is_string()), "{log}");
    // serde_json takes the last of two members with one name: there must be none.
    for line in log.lines() {
        for name in ["\"timestamp\":", "\"level\":", "\"message\":", "\"target\":"] {
            let outside = line.split("\\\"").collect::<String>();
            assert_eq!(outside.matches(name).count(), 1, "{line}");
        }
    }
}

/// Says to this test that it is the process that is to panic.
const PANICS: &str = "OBSERVABILITY_PANICS";

#[test]
fn a_panic_is_one_line_that_quotes_nothing() {
    if env::var_os(PANICS).is_some() {
        gatepost::telemetry::init("info", LogFormat::Json).unwrap();
        let text = String::from("canary \u{1f600}\nof two lines");
        let panicked = thread::Builder::new().name("unlucky".into()).spawn(move || panic!("{text}"));
        assert!(panicked.unwrap().join().is_err());
        return;
    }
    let mut myself = Command::new(env::current_exe().unwrap());
    let name = "logs::a_panic_is_one_line_that_quotes_nothing";
    let ended = command::run(myself.args(["--exact", name, "--nocapture"]).env(PANICS, "1"), "");
    assert_eq!(ended.code, Some(0), "{}", ended.output());
    assert!(!ended.output().contains("canary"), "{}", ended.output());
    let lines = lines(&ended.stderr);
    assert_eq!(lines.len(), 1, "{}", ended.stderr);
    assert_eq!((&lines[0]["level"], &lines[0]["thread"]), (&json!("ERROR"), &json!("unlucky")));
    assert!(lines[0]["place"].as_str().unwrap().contains("observability/logs.rs:"), "{lines:?}");
}

#[test]
fn each_message_that_is_over_has_one_line_at_info() {
    let receiver = WebhookReceiver::start();
    let site =
        site(&receiver, &["reject", "be-away"], "[routes.default]\ngateways = [\"be-away\", \"outbox\"]\n");
    let host = Host::start(&site);
    let send = |mut message: Value| {
        message["to"] = TO.into();
        message["text"] = "hello".into();
        let answer = host.post("/v1/messages", &message);
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.id()
    };
    let sent = send(json!({}));
    let failed = send(json!({ "gateway": "reject" }));
    let expired = send(json!({ "gateway": "be-away", "valid_for": "1s" }));
    let canceled = send(json!({ "gateway": "outbox", "send_at": in_seconds(600) }));
    let delete = host.client().delete(host.url(&format!("/v1/messages/{canceled}")));
    assert_eq!(client::send(delete).unwrap().status, 200);
    for (id, state, outcome, gateway) in [
        (&sent, "sent", "accepted", "outbox"),
        (&failed, "failed", "rejected", "reject"),
        (&expired, "expired", "expired", "be-away"),
        (&canceled, "canceled", "canceled", "outbox"),
    ] {
        let message = host.until_state(id, state);
        let log = lines(&host.log());
        let found = log
            .iter()
            .filter(|line| line["message"] == "message finished" && line.get("id") == Some(&json!(id)));
        let found = found.collect::<Vec<_>>();
        assert_eq!(found.len(), 1, "{state}: {found:?}");
        let line = found[0];
        assert_eq!(line["level"], "INFO");
        assert_eq!((&line["state"], &line["gateway"]), (&json!(state), &json!(gateway)), "{line:?}");
        assert_eq!(line["to"], "+49170*****67", "{line:?}");
        assert_eq!(line["attempts"], message["attempts"].as_array().unwrap().len(), "{line:?}");
        assert!(line["ms"].is_u64(), "{line:?}");
        let outcomes = [
            outcome,
            message["attempts"]
                .as_array()
                .unwrap()
                .last()
                .map_or("", |last| last["outcome"].as_str().unwrap()),
        ];
        assert!(outcomes.contains(&line["outcome"].as_str().unwrap()), "{line:?}");
    }
}
