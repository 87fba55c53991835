//! What services say later of what they took: posted to the host or handed over by a provider, soon, late, and across a kill.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

use gatepost_tests::{
    Answer, Host, Site, client, eventually, fixtures,
    peers::{misbehaving::Misbehaving, nginx::Nginx},
    site::api_key,
    tree,
};
use serde_json::{Value, json};
use std::{
    collections::HashSet,
    fs,
    sync::{Arc, Mutex},
    thread,
};

const ROOT: &str = "root";
const FORM: &str = "application/x-www-form-urlencoded";

/// The admin's key, and one of the service behind `gateway`.
fn keys(gateway: &str) -> String {
    api_key(ROOT, &["admin"], "") + &api_key("service", &["receipt"], &format!("gateways = [\"{gateway}\"]"))
}

/// What a service posts, with the key as the password of basic authentication, as services do that take an address alone.
fn say(host: &Host, gateway: &str, content_type: &str, body: &str) -> Answer {
    let post =
        client::new().post(host.url(&format!("/v1/receipts/{gateway}"))).basic_auth("any", Some("service"));
    client::send(post.header("content-type", content_type).body(body.to_owned())).unwrap()
}

fn example(name: &str, service: &str, peer: &Nginx) -> String {
    let text = fs::read_to_string(tree::tree().join("etc/gatepost/examples").join(name)).unwrap();
    text.replace(service, &peer.origin())
}

fn states(message: &Value) -> Vec<&str> {
    message["events"].as_array().unwrap().iter().map(|event| event["state"].as_str().unwrap()).collect()
}

#[test]
fn twilios_status_callbacks_move_messages_on() {
    let peer = Nginx::answering(
        "location / { return 201 '<TwilioResponse><Message><Sid>SM$request_id</Sid></Message></TwilioResponse>'; }",
    );
    let site = Site::new(&keys("twilio"));
    site.add_gateways("twilio.toml", &example("twilio.toml", "https://api.twilio.com", &peer));
    let host = Host::start_in(&site, &[("TWILIO_AUTH_TOKEN", "token")]).with_key(ROOT);
    for (status, state) in
        [("delivered", "delivered"), ("undelivered", "undelivered"), ("failed", "undelivered")]
    {
        let sent = host.send_and_wait("twilio", "+491701234567", "hello");
        assert_eq!(sent.body["state"], "sent", "{sent:?}");
        let id = sent.body["provider_ids"][0].as_str().unwrap();
        assert!(id.starts_with("SM") && id.len() == 34, "{id}");
        for status in ["queued", "sent", status] {
            let body = format!("SmsSid={id}&MessageStatus={status}&To=%2B491701234567&MessageSid={id}");
            let answer = say(&host, "twilio", FORM, &body);
            assert_eq!((answer.status, &answer.body), (200, &json!({ "receipts": 1 })), "{answer:?}");
        }
        let message = host.message(&sent.id());
        assert_eq!(states(&message), ["queued", "sending", "sent", state]);
        assert_eq!(message["receipts"][0]["code"], status);
    }
    assert_eq!(
        host.metric("gatepost_messages_finished_total{gateway=\"twilio\",state=\"undelivered\"}"),
        2.0
    );
    let delivered = "gatepost_receipts_total{gateway=\"twilio\",match=\"matched\",status=\"delivered\"}";
    assert_eq!(host.metric(delivered), 1.0);
}

#[test]
fn clickatells_callbacks_move_messages_on() {
    let peer = Nginx::answering("location / { return 200 'ID: $request_id'; }");
    let site = Site::new(&keys("clickatell"));
    site.add_gateways("clickatell.toml", &example("clickatell.toml", "http://api.clickatell.com", &peer));
    let host = Host::start_in(&site, &[("CLICKATELL_PASSWORD", "x")]).with_key(ROOT);
    for (status, state) in [("003", "sent"), ("004", "delivered"), ("010", "undelivered")] {
        let sent = host.send_and_wait("clickatell", "+491701234567", "hello");
        let id = sent.body["provider_ids"][0].as_str().unwrap();
        let body = format!("apiMsgId={id}&cliMsgId=1&to=491701234567&charge=0.3&status={status}");
        assert_eq!(say(&host, "clickatell", FORM, &body).status, 200);
        assert_eq!(host.message(&sent.id())["state"], state);
    }
}

/// A site with an http gateway whose service's receipts are JSON.
fn json_site(url: &str) -> Site {
    Site::new(&format!(
        "{}[gateways.service]\nprovider = \"http\"\n[gateways.service.parameters]\nURL = \"{url}\"\nID_REGEXP = '(\\w+)'\n\
         RECEIPT_ID = \"id\"\nRECEIPT_STATUS = \"state\"\nRECEIPT_DELIVERED = \"yes\"\nRECEIPT_FAILED = \"no\"\n\
         [gateways.mute]\nprovider = \"http\"\nparameters = {{ URL = \"{url}\" }}\n",
        keys("service")
    ))
}

fn delivered(id: &str) -> String {
    json!({ "id": id, "state": "yes" }).to_string()
}

#[test]
fn a_receipt_that_comes_before_the_answer_is_matched_all_the_same() {
    let host: Arc<Mutex<Option<Host>>> = Arc::default();
    let to_say = Arc::clone(&host);
    // Says that it was delivered before it says under which id it was taken.
    let service = Misbehaving::start(move |connection| {
        let answer =
            say(to_say.lock().unwrap().as_ref().unwrap(), "service", "application/json", &delivered("m1"));
        assert_eq!(answer.status, 200, "{answer:?}");
        connection.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nm1");
    });
    let site = json_site(&format!("http://{}/", service.address));
    let started = Host::start(&site).with_key(ROOT);
    let post = started.client().post(started.url("/v1/messages?wait=30"));
    *host.lock().unwrap() = Some(started);
    let message = json!({ "to": "+491701234567", "text": "hello", "gateway": "service" });
    let sent = client::send(post.json(&message)).unwrap();
    assert_eq!(sent.status, 200, "{sent:?}");
    let guard = host.lock().unwrap();
    let started = guard.as_ref().unwrap();
    let message = started.until_state(&sent.id(), "delivered");
    assert_eq!(states(&message), ["queued", "sending", "sent", "delivered"]);
    assert_eq!(started.get("/v1/receipts").body["receipts"], json!([]));
    assert_eq!(started.metric("gatepost_receipts_matched_later_total{gateway=\"service\"}"), 1.0);
}

#[test]
fn what_belongs_to_no_message_is_kept_listed_and_counted() {
    let peer = Nginx::start();
    let site = json_site(&format!("{}/", peer.origin()));
    let host = Host::start(&site).with_key(ROOT);
    let list = json!([{ "id": "a", "state": "yes" }, { "id": "b", "state": "no" }]).to_string();
    assert_eq!(say(&host, "service", "application/json", &list).body, json!({ "receipts": 2 }));
    host.kill();
    let host = Host::start(&site).with_key(ROOT);
    let listed = host.get("/v1/receipts?gateway=service").body;
    let ids = listed["receipts"].as_array().unwrap().iter().map(|receipt| &receipt["provider_id"]);
    assert_eq!(ids.collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(say(&host, "service", "application/json", &delivered("c")).status, 200);
    let unmatched = "gatepost_receipts_total{gateway=\"service\",match=\"unmatched\",status=\"delivered\"}";
    assert_eq!(host.metric(unmatched), 1.0);

    say(&host, "service", "application/json", "{").problem(422);
    say(&host, "service", FORM, "id=1").problem(422);
    // Another gateway than the key's; gateways that read none.
    say(&host, "mute", FORM, "id=1&state=yes").problem(403);
    for (gateway, status) in [("mute", 404), ("outbox", 404), ("nowhere", 404), ("service", 422)] {
        host.post(&format!("/v1/receipts/{gateway}"), &json!({})).problem(status);
    }
}

#[test]
fn providers_hand_receipts_over_and_acknowledge_them_once_they_are_stored() {
    let site = Site::new(
        "[gateways.first]\nprovider = \"courier\"\nparameters = { FILE = \"first.txt\", MODE = \"receipt-first\" }\n\
         [gateways.later]\nprovider = \"courier\"\nparameters = { FILE = \"later.txt\", MODE = \"receipt-later\" }\n",
    );
    site.add_library(fixtures::courier(), "courier.so");
    let host = Host::start(&site);
    let sent = host.send_and_wait("first", "+491701234567", "hello");
    assert_eq!(sent.status, 200, "{sent:?}");
    let message = host.until_state(&sent.id(), "delivered");
    assert_eq!(states(&message), ["queued", "sending", "sent", "delivered"]);

    let message = json!({ "to": "+491701234567", "text": "hello", "gateway": "later" });
    let message = host.until_state(&host.post("/v1/messages", &message).id(), "undelivered");
    let said = &message["receipts"][0];
    assert_eq!((&said["code"], &said["detail"]), (&json!("13"), &json!("nobody lives there")));
    eventually("the service's receipt is acknowledged", || {
        let file = fs::read_to_string(site.path().join("later.txt")).unwrap_or_default();
        file.contains("acknowledged").then_some(())
    });
}

/// What was acknowledged to the service is on disk: the host is killed while receipts pour in.
#[test]
fn no_acknowledged_receipt_is_lost_by_a_kill() {
    const MESSAGES: usize = 200;
    const SAYERS: usize = 8;
    let peer = Nginx::answering("location / { return 200 '$request_id'; }");
    let site = json_site(&format!("{}/", peer.origin()));
    let host = Host::start(&site).with_key(ROOT);
    let message = json!({ "to": "+491701234567", "text": "hello", "gateway": "service" });
    let batch = host.post("/v1/messages/batch", &json!({ "messages": vec![message; MESSAGES] }));
    assert_eq!(batch.status, 202, "{batch:?}");
    let ids =
        batch.body["messages"].as_array().unwrap().iter().map(|message| message["id"].as_str().unwrap());
    let sent = ids.map(|id| {
        let message = host.until_state(id, "sent");
        (id.to_owned(), message["provider_ids"][0].as_str().unwrap().to_owned())
    });
    let sent = Arc::new(sent.collect::<Vec<_>>());

    let acknowledged: Arc<Mutex<HashSet<String>>> = Arc::default();
    let url = host.url("/v1/receipts/service");
    let sayers = (0..SAYERS).map(|sayer| {
        let (sent, acknowledged, url) = (Arc::clone(&sent), Arc::clone(&acknowledged), url.clone());
        thread::spawn(move || {
            let service = client::with_key("service");
            for (id, part) in sent.iter().skip(sayer).step_by(SAYERS) {
                let post =
                    service.post(&url).header("content-type", "application/json").body(delivered(part));
                let Ok(answer) = client::send(post) else { return };
                assert_eq!(answer.status, 200, "{answer:?}");
                acknowledged.lock().unwrap().insert(id.clone());
            }
        })
    });
    let sayers = sayers.collect::<Vec<_>>();
    eventually("receipts are acknowledged", || {
        (acknowledged.lock().unwrap().len() >= MESSAGES / 3).then_some(())
    });
    host.kill();
    for sayer in sayers {
        sayer.join().unwrap();
    }
    let acknowledged = acknowledged.lock().unwrap().clone();
    let host = Host::start(&site).with_key(ROOT);
    for (id, _) in sent.iter().filter(|(id, _)| acknowledged.contains(id)) {
        assert_eq!(host.message(id)["state"], "delivered");
    }
    println!("{} of {MESSAGES} receipts acknowledged before the kill", acknowledged.len());
    // The service says all of it again: what is known already changes nothing.
    for (id, part) in sent.iter() {
        assert_eq!(say(&host, "service", "application/json", &delivered(part)).status, 200);
        assert_eq!(states(&host.message(id)), ["queued", "sending", "sent", "delivered"]);
    }
    assert_eq!(host.get("/v1/receipts").body["receipts"], json!([]));
}
