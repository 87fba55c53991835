//! What an application may get wrong: each answer names the field, and nothing is stored.

use gatepost_tests::{Answer, Host, Site, client, database};
use serde_json::{Value, json};

fn post_raw(host: &Host, content_type: &str, body: impl Into<reqwest::blocking::Body>) -> Answer {
    let request =
        host.client().post(host.url("/v1/messages")).header("content-type", content_type).body(body);
    client::send(request).unwrap()
}

#[test]
fn bad_messages_get_a_problem_that_names_the_field_and_nothing_is_stored() {
    let site = Site::new("");
    let host = Host::start(&site);
    let before = database::row_counts(&site.data());
    assert!(!before.is_empty(), "the store has no tables");

    let invalid: &[(Value, &[&str])] = &[
        (json!({ "text": "hello", "gateway": "outbox" }), &["/to"]),
        (json!({ "to": "+491701234567", "gateway": "outbox" }), &["/text"]),
        (json!({ "to": 491701234567_u64, "text": "hello", "gateway": "outbox" }), &["/to"]),
        (json!({ "to": "+491701234567", "text": 123456, "gateway": "outbox" }), &["/text"]),
        (json!({ "to": "+491701234567", "text": "hello", "gateway": "nowhere" }), &["/gateway"]),
        (json!({ "to": "+491701234567", "text": "hello", "gateway": "outbox", "txet": "x" }), &["/txet"]),
        (
            json!({ "to": "+491701234567", "text": "hello", "gateway": "outbox", "priority": "urgent" }),
            &["/priority"],
        ),
        (
            json!({ "to": "+491701234567", "text": "hello", "gateway": "outbox", "valid_for": "soon" }),
            &["/valid_for"],
        ),
        (json!({ "to": "", "text": "hello", "gateway": "outbox" }), &["/to"]),
        (
            json!({ "to": 1, "text": 2, "gateway": "nowhere", "colour": 3 }),
            &["/to", "/text", "/gateway", "/colour"],
        ),
    ];
    for (message, fields) in invalid {
        let answer = host.post("/v1/messages", message);
        let mut pointers = answer.problem(422);
        let mut expected = fields.to_vec();
        pointers.sort_unstable();
        expected.sort_unstable();
        assert_eq!(pointers, expected, "{message} got {}", answer.text);
    }

    let number =
        host.post("/v1/messages", &json!({ "to": 491701234567_u64, "text": "hello", "gateway": "outbox" }));
    let hint = number.body["errors"][0]["detail"].as_str().unwrap().to_owned();
    assert!(hint.contains("string"), "a hint how to mend it: {hint}");
    let misspelt =
        host.post("/v1/messages", &json!({ "to": "+491701234567", "text": "x", "gateway": "outbux" }));
    assert!(misspelt.text.contains("outbox"), "the nearest name: {}", misspelt.text);
    // Neither gateway nor route, and no default route.
    host.post("/v1/messages", &json!({ "to": "+491701234567", "text": "hello" })).problem(422);
    host.post(
        "/v1/messages?wait=soon",
        &json!({ "to": "+491701234567", "text": "hello", "gateway": "outbox" }),
    )
    .problem(422);

    post_raw(&host, "application/json", "{\"to\": \"+491701234567\", \"text\": ").problem(400);
    post_raw(&host, "application/json", "").problem(400);
    post_raw(&host, "application/json", vec![0xff, 0xfe, 0x00]).problem(400);
    post_raw(&host, "application/json", "[]").problem(422);
    post_raw(&host, "text/plain", "hello").problem(415);
    post_raw(&host, "application/x-www-form-urlencoded", "to=1&text=2").problem(415);

    let long = json!({ "to": "+491701234567", "text": "x".repeat(2 << 20), "gateway": "outbox" });
    host.post("/v1/messages", &long).problem(413);
    let endless = reqwest::blocking::Body::new(std::io::repeat(b' '));
    // Without a length, the host can only find out by counting; it may well hang up on the rest.
    let request = host.client().post(host.url("/v1/messages")).header("content-type", "application/json");
    if let Ok(answer) = client::send(request.body(endless)) {
        answer.problem(413);
    }

    assert_eq!(database::row_counts(&site.data()), before, "something was stored");
    assert_eq!(site.outbox(), "", "something was delivered");
    assert_eq!(host.send_and_wait("outbox", "+491701234567", "still there").status, 200);
    assert_ne!(database::row_counts(&site.data()), before, "the count does not see messages");
}

#[test]
fn unknown_addresses_get_a_problem_too() {
    let site = Site::new("");
    let host = Host::start(&site);
    host.get("/v1/messages/01970000-0000-7000-8000-000000000000").problem(404);
    host.get("/v1/messages/anything").problem(404);
    host.get("/v1/nothing").problem(404);
    let request = host.client().put(host.url("/v1/messages"));
    client::send(request).unwrap().problem(405);
}
