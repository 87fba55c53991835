//! One gateway's trouble never delays another gateway.

use crate::gateway;
use gatepost_tests::{Host, Site, eventually, fixtures};
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn a_submit_that_hangs_is_cancelled_and_uncertain() {
    let hanging = gateway("hang", "hang")
        .replace("provider =", "submit_timeout = \"500ms\"\nretry = { attempts = 1 }\nprovider =");
    let site = Site::new(&hanging);
    site.add_library(fixtures::courier(), "courier.so");
    let host = Host::start(&site);
    let answer = host.send_and_wait("hang", "+491701234567", "hello");
    answer.problem(502);
    assert_eq!(answer.body["message"]["reason"], "uncertain", "{answer:?}");
    assert_eq!(host.terminate().code(), Some(0));
}

#[test]
fn a_provider_that_blocks_every_thread_of_its_own_delays_no_other() {
    let site = Site::new(&gateway("block", "block"));
    site.add_library(fixtures::courier(), "courier.so");
    let host = Host::start(&site);
    let blocked: Vec<_> = (0..32)
        .map(|_| {
            host.post("/v1/messages", &json!({ "to": "+491701234567", "text": "x", "gateway": "block" })).id()
        })
        .collect();
    eventually("the provider was handed messages", || {
        let taken = |id: &String| host.message(id)["state"] == "sending";
        blocked.iter().any(taken).then_some(())
    });
    let began = Instant::now();
    for number in 0..10 {
        let answer = host.send_and_wait("outbox", "+491701234567", &number.to_string());
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(site.outbox().lines().count(), 10);
    for id in &blocked {
        assert!(["queued", "sending"].contains(&host.message(id)["state"].as_str().unwrap()));
    }
}
