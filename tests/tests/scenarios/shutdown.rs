//! SIGTERM: what is under way is finished, what waits stays, and the exit code is 0.

use gatepost_tests::{Host, Site, eventually};
use serde_json::json;
use std::{fs, process::Command, thread};

#[test]
fn sigterm_finishes_what_is_under_way_and_keeps_the_rest() {
    let site = Site::new(
        r#"
[gateways.gated]
provider = "script"
max_in_flight = 1
[gateways.gated.parameters]
SCRIPT = "gated"
"#,
    );
    // Says that it was started, then does not come back until the gate is opened.
    site.add_script("gated", "#!/bin/sh\necho \"$1\" >> ../started\nread -r _ < ../gate\ncat >> ../gated\n");
    let gate = site.path().join("gate");
    assert!(Command::new("mkfifo").arg(&gate).status().unwrap().success());

    let host = Host::start(&site);
    let send = |to: &str, text: &str| {
        let answer = host.post("/v1/messages", &json!({ "to": to, "text": text, "gateway": "gated" }));
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.id()
    };
    let first = send("1", "first");
    let started = || fs::read_to_string(site.path().join("started")).unwrap_or_default();
    eventually("the script runs", || (started() == "1\n").then_some(()));
    let second = send("2", "second");

    assert_eq!(host.get(&format!("/v1/messages/{second}")).body["state"], "queued");
    host.ask_to_end();
    // What it takes before the signal reaches it, it keeps.
    let mut kept = String::new();
    eventually("it takes nothing new", || {
        let request = host.client().post(host.url("/v1/messages"));
        let answer = request.json(&json!({ "to": "3", "text": "third", "gateway": "gated" })).send();
        let taken = answer.is_ok_and(|answer| answer.status() == 202);
        if taken {
            kept.push_str("third");
        }
        (!taken).then_some(())
    });
    // Opening it for writing waits for the script, so it is the first one that goes on.
    let opener = thread::spawn({
        let gate = gate.clone();
        move || drop(fs::OpenOptions::new().write(true).open(gate))
    });
    assert_eq!(host.ended().code(), Some(0));
    opener.join().unwrap();
    assert_eq!(fs::read_to_string(site.path().join("gated")).unwrap(), "first");
    assert_eq!(started(), "1\n", "nothing new was begun");

    fs::remove_file(&gate).unwrap();
    fs::write(&gate, "").unwrap();
    let host = Host::start(&site);
    assert_eq!(host.message(&first)["state"], "sent");
    host.until_state(&second, "sent");
    eventually("what was kept is delivered", || {
        let gated = fs::read_to_string(site.path().join("gated")).unwrap();
        (gated == format!("firstsecond{kept}")).then_some(())
    });
    assert_eq!(host.terminate().code(), Some(0));
}

#[test]
fn sigterm_ends_an_idle_host_with_0() {
    let site = Site::new("");
    assert_eq!(Host::start(&site).terminate().code(), Some(0));
}

#[test]
fn a_second_host_on_the_same_data_is_refused() {
    let site = Site::new("");
    let host = Host::start(&site);
    let second = gatepost_tests::gatepost(&["serve", "--config", site.config().to_str().unwrap()]);
    assert!(second.code.is_some_and(|code| code != 0), "{second:?}");
    assert!(second.output().contains("data"), "it names the folder: {second:?}");
    assert_eq!(host.send_and_wait("outbox", "+491701234567", "hello").status, 200);
}
