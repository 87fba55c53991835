//! The rate of an API key.

use gatepost_tests::{Answer, Host, Site, client, site::api_key};
use serde_json::json;
use std::{
    thread,
    time::{Duration, Instant},
};

fn post(host: &Host, key: &str) -> Answer {
    let body = json!({ "to": "+491701234567", "text": "hello", "gateway": "outbox" });
    client::send(host.client().post(host.url("/v1/messages")).bearer_auth(key).json(&body)).unwrap()
}

fn batch(host: &Host, key: &str, count: usize) -> Answer {
    let message = json!({ "to": "+491701234567", "text": "hello", "gateway": "outbox" });
    let body = json!({ "messages": vec![message; count] });
    client::send(host.client().post(host.url("/v1/messages/batch")).bearer_auth(key).json(&body)).unwrap()
}

fn too_many(answer: &Answer) -> u64 {
    answer.problem(429);
    assert_eq!(answer.body["type"], "urn:gatepost:problem:too-many-requests", "{answer:?}");
    answer.headers["retry-after"].to_str().unwrap().parse().unwrap()
}

#[test]
fn a_key_gets_its_rate_and_the_others_theirs() {
    let keys = [api_key("slow", &["send"], "rate = \"30/min\""), api_key("free", &["send"], "")];
    let site = Site::new(&keys.concat());
    let host = Host::start(&site);
    let began = Instant::now();
    assert_eq!(post(&host, "slow").status, 202, "the first of an idle key");
    let after = too_many(&post(&host, "slow"));
    assert!((1..=2).contains(&after), "{after}");
    // Whatever it asks for counts, and a key that is not known counts for nobody.
    let list = host.client().get(host.url("/v1/messages")).bearer_auth("slow");
    too_many(&client::send(list).unwrap());
    post(&host, "slower").problem(401);
    for _ in 0..20 {
        assert_eq!(post(&host, "free").status, 202);
    }
    // What the answer says holds: neither a moment less nor more.
    thread::sleep(Duration::from_secs(after));
    assert_eq!(post(&host, "slow").status, 202, "after {:?}", began.elapsed());
    too_many(&post(&host, "slow"));
    assert_eq!(host.metric("gatepost_messages_accepted_total"), 22.0, "what is refused is not stored");
}

#[test]
fn a_batch_counts_its_messages() {
    let site = Site::new(&api_key("app", &["send"], "rate = \"600/min\""));
    let host = Host::start(&site);
    // It could never be taken, and says so: who came again would come for ever.
    let large = batch(&host, "app", 11);
    large.problem(422);
    assert_eq!(large.body["errors"][0]["pointer"], "/messages", "{large:?}");
    let detail = large.body["errors"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("11 messages") && detail.contains("at most 10 at once"), "{large:?}");
    assert!(!large.headers.contains_key("retry-after"), "{large:?}");
    // What is refused counts nothing.
    let taken = batch(&host, "app", 10);
    assert_eq!(taken.status, 202, "{taken:?}");
    assert_eq!(taken.body["messages"].as_array().unwrap().len(), 10);
    let after = too_many(&batch(&host, "app", 10));
    for _ in 0..20 {
        too_many(&batch(&host, "app", 10));
    }
    thread::sleep(Duration::from_secs(after));
    assert_eq!(batch(&host, "app", 10).status, 202, "it may come again when it was told to");
    assert_eq!(host.metric("gatepost_messages_accepted_total"), 20.0);
}
