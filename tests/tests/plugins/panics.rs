//! Providers that panic: the message gets its outcome, the host and the other messages notice nothing.

use crate::{delivered, gateway};
use gatepost_tests::{Host, Site, fixtures};
use serde_json::json;

const TO: &str = "+491701234567";

fn site_with(modes: &[&str]) -> Site {
    let once =
        |mode: &&str| gateway(mode, mode).replace("provider =", "retry = { attempts = 1 }\nprovider =");
    let gateways: String = modes.iter().map(once).collect();
    let site = Site::new(&gateways);
    site.add_library(fixtures::courier(), "courier.so");
    site
}

#[test]
fn a_panic_in_submit_is_uncertain_and_the_host_goes_on() {
    let modes = ["panic-in-submit", "panic-after-await", "panic-with-payload"];
    let site = site_with(&modes);
    let mut host = Host::start(&site);
    for mode in modes {
        let answer = host.send_and_wait(mode, TO, "hello there");
        answer.problem(502);
        let message = &answer.body["message"];
        assert_eq!(message["state"], "failed", "{mode}: {answer:?}");
        assert_eq!(message["reason"], "uncertain", "{mode}");
        assert_eq!(message["attempts"][0]["outcome"], "uncertain", "{mode}");
        let detail = message["attempts"][0]["detail"].as_str().unwrap();
        assert!(detail.contains("panicked"), "{mode}: {detail}");
        assert!(!answer.text.contains("hello there"), "{mode}: {answer:?}");
        assert_eq!(host.send_and_wait("outbox", TO, mode).status, 200);
    }
    assert_eq!(site.outbox().lines().count(), modes.len());
    assert!(host.is_running());
    let log = host.log();
    let logged = log.lines().filter(|line| line.contains("panicked") && line.contains("\"courier\"")).count();
    assert!(logged >= modes.len(), "it is logged with the provider's name:\n{log}");
    assert_eq!(host.terminate().code(), Some(0));
}

#[test]
fn a_panic_while_it_logs_costs_the_message_nothing() {
    let site = site_with(&["panic-in-log"]);
    let host = Host::start(&site);
    let answer = host.send_and_wait("panic-in-log", TO, "hello");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(delivered(&site, "panic-in-log"), format!("{TO}\thello\n"));
    assert_eq!(host.terminate().code(), Some(0));
}

#[test]
fn a_panic_in_drop_does_not_spoil_the_end() {
    let site = site_with(&["panic-in-drop"]);
    let host = Host::start(&site);
    assert_eq!(host.send_and_wait("panic-in-drop", TO, "hello").status, 200);
    assert_eq!(delivered(&site, "panic-in-drop"), format!("{TO}\thello\n"));
    assert_eq!(host.terminate().code(), Some(0));
}

#[test]
fn a_panic_in_create_takes_its_own_gateway_down_and_no_other() {
    let site = site_with(&["panic-in-create", "deliver"]);
    let host = Host::start(&site);
    let ready = host.get("/readyz").body;
    assert_eq!(ready["gateways"]["panic-in-create"], "down", "{ready}");
    assert_eq!(ready["gateways"]["outbox"], "up", "{ready}");

    // Its messages wait for a better plugin.
    let message = json!({ "to": TO, "text": "hello there", "gateway": "panic-in-create" });
    let answer = host.post("/v1/messages", &message);
    assert_eq!((answer.status, &answer.body["state"]), (202, &"queued".into()), "{answer:?}");

    // Another gateway of the same library, and one of another.
    assert_eq!(host.send_and_wait("deliver", TO, "hello").status, 200);
    assert_eq!(host.send_and_wait("outbox", TO, "hello").status, 200);
    let log = host.log();
    let says = |line: &&str| {
        line.contains("panicked") && line.contains("panic-in-create") && line.contains("courier")
    };
    assert!(log.lines().any(|line| says(&line)), "{log}");
    assert_eq!(host.terminate().code(), Some(0));
}
