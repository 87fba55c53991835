//! What a reload changes: gateways, keys, secrets, receivers of webhooks.

use crate::{ADMIN, admin, courier, delivered, start};
use gatepost_tests::{
    Host, Site, client, eventually, fixtures, peers::certificates::Authority, site::api_key,
};
use serde_json::{Value, json};
use std::fs;

fn post_as(host: &Host, key: &str, more: Value) -> u16 {
    let mut message = json!({ "to": "+491701234567", "text": "hello", "gateway": "outbox" });
    message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client::send(host.client().post(host.url("/v1/messages")).bearer_auth(key).json(&message)).unwrap().status
}

/// The host, spoken to by whoever names a key.
fn start_for_all(site: &Site) -> Host {
    Host::start(site)
}

fn reload_as(host: &Host, key: &str) -> gatepost_tests::Answer {
    client::send(host.client().post(host.url("/v1/reload")).bearer_auth(key)).unwrap()
}

#[test]
fn a_key_that_is_taken_away_stops_working_at_once() {
    let key = |name| api_key(name, &["send"], "");
    let site = Site::new(&(key("old") + &admin()));
    let host = start_for_all(&site);
    assert_eq!((post_as(&host, "old", json!({})), post_as(&host, "new", json!({}))), (202, 401));
    reload_as(&host, "old").problem(403);
    site.configure(&site.configuration().replace(&key("old"), &key("new")));
    let answer = reload_as(&host, ADMIN);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(
        answer.body,
        json!({ "gateways": { "added": [], "changed": [], "removed": [], "kept": 1 }, "warnings": [] })
    );
    assert_eq!((post_as(&host, "old", json!({})), post_as(&host, "new", json!({}))), (401, 202));
    // Also the one that reloads.
    site.configure(&site.configuration().replace(&admin(), ""));
    assert_eq!(reload_as(&host, ADMIN).status, 200);
    reload_as(&host, ADMIN).problem(401);
}

#[test]
fn without_a_key_nobody_reloads_through_the_api() {
    let site = Site::new("");
    let host = Host::start(&site);
    site.configure("[server]\nlisten = 1\n");
    host.reload().problem(403);
    assert!(!host.log().contains("is refused"), "{}", host.log());
}

#[test]
fn a_secret_in_a_file_is_read_again() {
    let gateway = "[gateways.third]\nprovider = \"courier\"\nparameters = { FILE = { file = \"where\" } }\n";
    let site = Site::new(&(gateway.to_owned() + &admin()));
    site.add_library(fixtures::courier(), "courier.so");
    fs::write(site.path().join("where"), "one.txt\n").unwrap();
    let host = start(&site);
    assert_eq!(host.send_and_wait("third", "1", "first").status, 200);
    fs::write(site.path().join("where"), "two.txt\n").unwrap();
    assert_eq!(host.send_and_wait("third", "1", "second").status, 200);
    assert_eq!(host.reload().body["gateways"]["changed"], json!(["third"]));
    assert_eq!(host.send_and_wait("third", "1", "third").status, 200);
    assert_eq!(delivered(&site, "one"), "1\tfirst\n1\tsecond\n");
    assert_eq!(delivered(&site, "two"), "1\tthird\n");
    // Without it nothing could be sent any more: the last one that was there counts.
    fs::remove_file(site.path().join("where")).unwrap();
    host.reload().problem(422);
    assert_eq!(host.send_and_wait("third", "1", "fourth").status, 200);
    assert_eq!(delivered(&site, "two"), "1\tthird\n1\tfourth\n");
}

#[test]
fn a_file_that_a_provider_read_at_its_start_is_read_again_once_it_was_written() {
    let gateway = "[gateways.web]\nprovider = \"http\"\nparameters = { URL = \"https://127.0.0.1:9/\", CA_FILE = \"ca.pem\" }\n";
    let site = Site::new(&(gateway.to_owned() + &admin()));
    let write = || Authority::new(site.path());
    write();
    let host = start(&site);
    assert_eq!(host.reload().body["gateways"]["kept"], 2);
    write();
    assert_eq!(host.reload().body["gateways"]["changed"], json!(["web"]));
    assert_eq!(host.reload().body["gateways"]["kept"], 2);
    fs::write(site.path().join("ca.pem"), "garbage").unwrap();
    host.reload().problem(422);
}

#[test]
fn a_gateway_comes_goes_and_comes_back() {
    let site = Site::new(&admin());
    site.add_library(fixtures::courier(), "courier.so");
    let host = start(&site);
    let message = json!({ "to": "1", "text": "early", "gateway": "third" });
    assert_eq!(host.post("/v1/messages", &message).problem(422), ["/gateway"]);
    site.add_gateways("third.toml", &courier("third", "be-away", ""));
    assert_eq!(host.reload().body["gateways"]["added"], json!(["third"]));
    let id = host.send_and_see("third", "1", "patient")["id"].as_str().unwrap().to_owned();
    fs::remove_file(site.path().join("gateways.d/third.toml")).unwrap();
    assert_eq!(host.reload().body["gateways"]["removed"], json!(["third"]));
    assert_eq!(host.get("/readyz").body["gateways"], json!({ "outbox": "up" }));
    assert_eq!(host.post("/v1/messages", &message).problem(422), ["/gateway"]);
    // It is nobody else's.
    assert_eq!(host.metric("gatepost_queue_depth{gateway=\"third\"}") as u64, 1);
    site.add_gateways("third.toml", &courier("third", "deliver", ""));
    assert_eq!(host.reload().body["gateways"]["added"], json!(["third"]));
    host.until_state(&id, "sent");
    assert_eq!(delivered(&site, "third"), "1\tpatient\n");
}

#[test]
fn what_is_in_flight_ends_on_the_definition_that_it_began_with() {
    let hanging = courier("third", "hang", "submit_timeout = \"3s\"\non_uncertain = \"fail\"");
    let site = Site::new(&(hanging.clone() + &admin()));
    site.add_library(fixtures::courier(), "courier.so");
    let host = start(&site);
    let message = json!({ "to": "1", "text": "hangs", "gateway": "third" });
    let id = host.post("/v1/messages", &message).id();
    host.until_state(&id, "sending");
    site.configure(&site.configuration().replace(&hanging, &courier("third", "deliver", "")));
    assert_eq!(host.reload().body["gateways"]["changed"], json!(["third"]));
    assert_eq!(host.send_and_wait("third", "1", "passes").status, 200);
    assert_eq!(host.message(&id)["state"], "sending");
    let failed = host.until_state(&id, "failed");
    assert_eq!((&failed["reason"], failed["attempts"].as_array().unwrap().len()), (&json!("uncertain"), 1));
    assert_eq!(delivered(&site, "third"), "1\tpasses\n");
}

#[test]
fn a_breaker_that_misconfigured_opened_closes_though_nothing_else_changed() {
    let site = Site::new(&(courier("third", "refuse-credentials", "") + &admin()));
    site.add_library(fixtures::courier(), "courier.so");
    let host = start(&site);
    let id = host.send_and_see("third", "1", "patient")["id"].as_str().unwrap().to_owned();
    let open = || host.metric("gatepost_breaker_state{gateway=\"third\",state=\"open\"}");
    assert!(open() > 0.0);
    let answer = host.reload();
    assert_eq!(answer.body["gateways"]["kept"], 2, "{answer:?}");
    // By itself it would be tried again after 10 s.
    let attempts = eventually("the message is tried again", || {
        let message = host.message(&id);
        Some(message["attempts"].as_array().unwrap().clone()).filter(|attempts| attempts.len() > 1)
    });
    let started = |number: usize| attempts[number]["started_at"].as_str().unwrap().to_owned();
    let time = |text: String| gatepost::message::Timestamp::from_rfc_3339(&text).unwrap();
    let pause = time(started(1)).since(time(started(0)));
    assert!(pause.as_secs() < 10, "{pause:?}");
    // Mended, it is closed for good.
    site.configure(&site.configuration().replace("refuse-credentials", "deliver"));
    assert_eq!(host.reload().body["gateways"]["changed"], json!(["third"]));
    host.until_state(&id, "sent");
}

#[test]
fn receivers_of_webhooks_change_too() {
    let webhooks = |allow: &str| {
        let secret = format!("whsec_{}", "A".repeat(40));
        format!("[webhooks]\nallow = [{allow}]\nsecret = \"{secret}\"\n")
    };
    let site = Site::new(&(webhooks("") + &admin()));
    let host = start_for_all(&site);
    let callback = || json!({ "callback_url": "http://127.0.0.1:9/hook" });
    assert_eq!(post_as(&host, ADMIN, callback()), 422);
    site.configure(&site.configuration().replace(&webhooks(""), &webhooks("\"http://127.0.0.1:9\"")));
    assert_eq!(reload_as(&host, ADMIN).status, 200);
    assert_eq!(post_as(&host, ADMIN, callback()), 202);
    let failed = "gatepost_webhooks_total{origin=\"http://127.0.0.1:9\",outcome=\"failed\"}";
    eventually("the receiver is tried", || host.get("/metrics").text.contains(failed).then_some(()));
}
