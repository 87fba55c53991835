//! A message goes the whole way: from a POST to what the script got.

use gatepost_tests::{Host, Site, database, eventually, eventually::eventually_within};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::{fs, os::unix::fs::PermissionsExt as _, time::Duration};

const TO: &str = "+491701234567";

#[test]
fn a_message_reaches_the_outbox_and_the_answer_says_sent() {
    let site = Site::new("");
    let host = Host::start(&site);
    let message = json!({ "to": TO, "text": "Your code is 918273", "gateway": "outbox", "tag": "login" });
    let answer = host.post("/v1/messages?wait=10", &message);

    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.content_type, "application/json");
    let sent = &answer.body;
    assert_eq!(sent["state"], "sent");
    assert_eq!(sent["to"], TO);
    assert_eq!(sent["gateway"], "outbox");
    assert_eq!(sent["route"], Value::Null);
    assert_eq!(sent["tag"], "login");
    assert_eq!(sent["priority"], "high", "the default for a wait");
    assert_eq!(sent["parts"], 1);
    assert_eq!(sent["provider_ids"], json!([sent["id"]]), "the script prints the id that it was given");
    assert_eq!(states(sent), ["queued", "sending", "sent"]);
    assert_eq!(sent["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(sent["attempts"][0]["gateway"], "outbox");
    assert_eq!(sent["attempts"][0]["outcome"], "accepted");
    for time in
        [&sent["created_at"], &sent["updated_at"], &sent["expires_at"], &sent["attempts"][0]["ended_at"]]
    {
        let time = time.as_str().unwrap();
        assert!(time.len() == "2026-01-01T12:00:00.000Z".len() && time.ends_with('Z'), "{time}");
    }
    assert!(!answer.text.contains("918273"), "a text is in no answer: {answer:?}");

    assert_eq!(delivered(&site), [(TO.to_owned(), "Your code is 918273".to_owned())]);
    assert_eq!(host.message(&answer.id()), *sent);
}

#[test]
fn the_prefer_header_waits_like_the_query() {
    let site = Site::new("");
    let host = Host::start(&site);
    let message = json!({ "to": TO, "text": "hello", "gateway": "outbox" });
    let request = host.client().post(host.url("/v1/messages")).header("prefer", "wait=10").json(&message);
    let answer = gatepost_tests::client::send(request).unwrap();
    assert_eq!((answer.status, &answer.body["state"]), (200, &json!("sent")));
}

#[test]
fn without_a_wait_the_answer_is_where_to_look() {
    let site = Site::new("");
    let host = Host::start(&site);
    let answer = host.post("/v1/messages", &json!({ "to": TO, "text": "hello", "gateway": "outbox" }));
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(answer.body["priority"], "normal");
    let location = answer.headers["location"].to_str().unwrap().to_owned();
    assert!(location.ends_with(&format!("/v1/messages/{}", answer.id())), "{location}");
    host.until_state(&answer.id(), "sent");
    assert_eq!(delivered(&site), [(TO.to_owned(), "hello".to_owned())]);
}

#[test]
fn a_text_arrives_byte_for_byte() {
    let site = Site::new(
        r#"
[gateways.raw]
provider = "script"
[gateways.raw.parameters]
SCRIPT = "raw"
"#,
    );
    site.add_script("raw", "#!/bin/sh\ncat > \"../raw-$1\"\n");
    let host = Host::start(&site);
    let texts =
        ["{phone} {otp} $(id) `id` \\n %s", "zwei\nZeilen\n\n", "\u{1f600} \u{4f60}\u{597d} \u{e9}", " "];
    for (number, text) in texts.iter().enumerate() {
        let to = format!("+4917012345{number}");
        assert_eq!(host.send_and_wait("raw", &to, text).body["state"], "sent");
        assert_eq!(fs::read_to_string(site.path().join(format!("raw-{to}"))).unwrap(), *text);
    }
}

#[test]
fn a_script_that_refuses_makes_the_message_fail_with_its_words() {
    let site = Site::new(
        r#"
[gateways.strict]
provider = "script"
[gateways.strict.parameters]
SCRIPT = "strict"
[gateways.away]
provider = "script"
retry = { attempts = 1 }
[gateways.away.parameters]
SCRIPT = "away"
"#,
    );
    site.add_script("strict", "#!/bin/sh\necho 'the number is barred' >&2\nexit 3\n");
    site.add_script("away", "#!/bin/sh\nexit 75\n");
    let host = Host::start(&site);

    let answer = host.send_and_wait("strict", TO, "hello");
    answer.problem(502);
    let message = &answer.body["message"];
    assert_eq!(message["state"], "failed");
    assert_eq!(message["reason"], "rejected");
    assert_eq!(message["attempts"][0]["code"], "3");
    assert!(message["attempts"][0]["detail"].as_str().unwrap().contains("the number is barred"));
    assert_eq!(states(message), ["queued", "sending", "failed"]);

    let answer = host.send_and_wait("away", TO, "hello");
    answer.problem(502);
    assert_eq!(answer.body["message"]["reason"], "unavailable");
}

#[test]
fn a_finished_messages_text_leaves_the_store_within_a_minute() {
    let site = Site::new("");
    let host = Host::start(&site);
    assert_eq!(host.send_and_wait("outbox", TO, "a text that is soon forgotten").status, 200);
    assert_eq!(fs::metadata(site.data()).unwrap().permissions().mode() & 0o777, 0o700);
    let limit = Duration::from_secs(75);
    eventually_within(limit, "the text is erased", || {
        (!database::contains(&site.data(), "a text that is soon forgotten")).then_some(())
    });
    assert!(database::contains(&site.data(), TO), "looked for it in the wrong place");
}

#[test]
fn what_was_queued_is_delivered_after_a_restart() {
    let gated = r#"
[gateways.gated]
provider = "script"
max_in_flight = 1
[gateways.gated.parameters]
SCRIPT = "gated"
"#;
    let site = Site::new(gated);
    // Says which process it is, then does not go on until the gate is opened.
    site.add_script(
        "gated",
        "#!/bin/sh\ntext=$(cat)\necho $$ >> ../started\nread -r _ < ../gate\nprintf '%s\\n' \"$text\" >> ../gated\n",
    );
    let status = std::process::Command::new("mkfifo").arg(site.path().join("gate")).status().unwrap();
    assert!(status.success());
    let host = Host::start(&site);
    let send = |text: &str| {
        let answer = host.post("/v1/messages", &json!({ "to": TO, "text": text, "gateway": "gated" }));
        assert_eq!(answer.status, 202);
        answer.id()
    };
    let ids = [send("one"), send("two"), send("three")];
    let script = eventually("the first script runs", || {
        fs::read_to_string(site.path().join("started")).ok()?.lines().next()?.parse().ok()
    });
    host.kill();
    // Whether the script outlived the host is not what this is about; it must not outlive the test.
    kill_process(Pid::from_raw(script).unwrap(), Signal::KILL).ok();

    fs::remove_file(site.path().join("gate")).unwrap();
    fs::write(site.path().join("gate"), "").unwrap();
    let host = Host::start(&site);
    for id in &ids {
        host.until_state(id, "sent");
    }
    let got = fs::read_to_string(site.path().join("gated")).unwrap();
    for text in ["one", "two", "three"] {
        assert!(got.lines().any(|line| line == text), "{text} is missing in {got:?}");
    }
}

fn states(message: &Value) -> Vec<&str> {
    message["events"].as_array().unwrap().iter().map(|event| event["state"].as_str().unwrap()).collect()
}

/// Recipient and text of each record in the outbox.
fn delivered(site: &Site) -> Vec<(String, String)> {
    let outbox = site.outbox();
    let fields =
        outbox.lines().map(|line| line.splitn(3, '\t').skip(1).map(str::to_owned).collect::<Vec<_>>());
    fields.map(|fields| (fields[0].clone(), fields[1].clone())).collect()
}
