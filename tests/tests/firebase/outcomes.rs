//! Each answer has its outcome, and the service's own code and words.

use super::{DEVICE, TEXT, account, gateway, of_kind, service, with_account};
use gatepost_tests::{
    Host, Site,
    peers::{
        certificates::Authority,
        nginx::{Nginx, Tls},
    },
    refused, sent_with,
};
use serde_json::json;

#[test]
fn each_answer_of_the_service_has_its_outcome() {
    let service = service();
    let expected = [
        (
            "error:400:INVALID_ARGUMENT",
            "rejected",
            "INVALID_ARGUMENT",
            "400 INVALID_ARGUMENT: the service says INVALID_ARGUMENT",
        ),
        (
            "error:404:UNREGISTERED",
            "rejected",
            "UNREGISTERED",
            "404 UNREGISTERED: the service says UNREGISTERED",
        ),
        (
            "error:403:SENDER_ID_MISMATCH",
            "misconfigured",
            "SENDER_ID_MISMATCH",
            "403 SENDER_ID_MISMATCH: the service says",
        ),
        (
            "error:401:THIRD_PARTY_AUTH_ERROR",
            "misconfigured",
            "THIRD_PARTY_AUTH_ERROR",
            "401 THIRD_PARTY_AUTH_ERROR",
        ),
        (
            "error:429:QUOTA_EXCEEDED",
            "throttled",
            "QUOTA_EXCEEDED",
            "429 QUOTA_EXCEEDED: the service says QUOTA_EXCEEDED",
        ),
        ("error:429:QUOTA_EXCEEDED:90", "throttled", "QUOTA_EXCEEDED", "429 QUOTA_EXCEEDED"),
        ("error:500:INTERNAL", "unavailable", "INTERNAL", "500 INTERNAL: the service says INTERNAL"),
        (
            "error:503:UNAVAILABLE:30",
            "unavailable",
            "UNAVAILABLE",
            "503 UNAVAILABLE: the service says UNAVAILABLE",
        ),
        ("plain:400", "rejected", "400", "the server says 400"),
        ("plain:403", "misconfigured", "403", "the server says 403"),
        ("plain:404", "rejected", "404", "the server says 404"),
        ("plain:408", "unavailable", "408", "the server says 408"),
        ("plain:502", "unavailable", "502", "the server says 502"),
        ("plain:302", "rejected", "302", "the server says 302"),
        ("plain:201", "uncertain", "201", "the server says 201"),
        ("plain:202", "uncertain", "202", "the server says 202"),
        ("nameless", "uncertain", "200", "without the name of a message"),
        ("page", "uncertain", "200", "without the name of a message"),
    ];
    let name = |device: &str| device.replace([':', '_'], "-");
    let gateways = expected.map(|(device, ..)| gateway(&name(device), &service, ""));
    let site = Site::new(&gateways.concat());
    let host = Host::start(&site);
    for (number, (device, outcome, code, says)) in expected.into_iter().enumerate() {
        let (found, found_code, detail) = refused(&host, &name(device), device, TEXT);
        assert_eq!((found.as_str(), found_code.as_str()), (outcome, code), "{device}: {detail}");
        assert!(detail.contains(says), "{device}: {detail}");
        assert_eq!(of_kind(&service, "push").len(), number + 1, "{device}: one push, whatever came back");
    }
}

#[test]
fn each_answer_of_the_token_endpoint_has_its_outcome() {
    let service = service();
    let expected = [
        ("400", "misconfigured", "some_error", "400 some_error: the endpoint says 400"),
        ("401", "misconfigured", "some_error", "401 some_error: the endpoint says 401"),
        ("403", "misconfigured", "some_error", "403 some_error: the endpoint says 403"),
        ("404", "misconfigured", "some_error", "404 some_error: the endpoint says 404"),
        ("301", "misconfigured", "301", "moved"),
        ("408", "unavailable", "some_error", "408 some_error: the endpoint says 408"),
        ("429", "throttled", "some_error", "429 some_error: the endpoint says 429"),
        ("500", "unavailable", "some_error", "500 some_error: the endpoint says 500"),
        ("503", "unavailable", "some_error", "503 some_error: the endpoint says 503"),
        ("page", "unavailable", "200", "no access token: there is none in the answer"),
    ];
    let gateways = expected.map(|(kind, ..)| {
        let account = account(&service, kind, |account| {
            account["token_uri"] = json!(format!("{}/token/{kind}", service.origin()));
        });
        with_account(&format!("token-{kind}"), &account, &service.origin(), "")
    });
    let site = Site::new(&gateways.concat());
    let host = Host::start(&site);
    for (kind, outcome, code, says) in expected {
        let (found, found_code, detail) = refused(&host, &format!("token-{kind}"), DEVICE, TEXT);
        assert_eq!((found.as_str(), found_code.as_str()), (outcome, code), "{kind}: {detail}");
        assert!(detail.contains(says), "{kind}: {detail}");
    }
    assert_eq!(of_kind(&service, "push").len(), 0);
    assert_eq!(of_kind(&service, "token").len(), expected.len(), "one request each");
}

#[test]
fn a_quota_that_is_used_up_pauses_the_gateway_for_a_minute_or_as_long_as_asked() {
    let service = service();
    let gateways = [gateway("unsaid", &service, ""), gateway("said", &service, "")];
    let site = Site::new(&gateways.concat());
    let host = Host::start(&site);
    for (name, device) in [("unsaid", "error:429:QUOTA_EXCEEDED"), ("said", "error:429:QUOTA_EXCEEDED:2")] {
        refused(&host, name, device, TEXT);
    }
    // Two seconds, and no more; it waits for this one.
    sent_with(&host, "said", DEVICE, TEXT);
    // By now a pause that was not asked for would be over too, were it shorter than a minute.
    let message = json!({ "to": DEVICE, "text": TEXT, "gateway": "unsaid" });
    let answer = host.post("/v1/messages?wait=3", &message);
    assert_eq!((answer.status, &answer.body["state"]), (202, &json!("queued")), "{answer:?}");
    assert_eq!(host.get("/readyz").body["gateways"]["unsaid"], "paused");
}

#[test]
fn certificates_are_verified_at_both_places() {
    let service = service();
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::new(folder.path());
    let tls = Tls { server: Some(ours.server("127.0.0.1")), ..Tls::default() };
    let peer = Nginx::speaking(
        &tls,
        "location / { return 200 '{\"name\": \"projects/p/messages/1\", \"access_token\": \"t\"}'; }",
    );
    let token = account(&service, "token", |account| {
        account["token_uri"] = json!(format!("{}/token", peer.origin()))
    });
    let gateways = [
        with_account("at-the-token", &token, &service.origin(), ""),
        gateway("at-the-service", &service, "").replace(
            &format!("ENDPOINT = \"{}\"", service.origin()),
            &format!("ENDPOINT = \"{}\"", peer.origin()),
        ),
        with_account("both", &token, &peer.origin(), ""),
    ];
    let site = Site::new(&gateways.concat());
    let host = Host::start(&site);
    for gateway in ["at-the-token", "at-the-service"] {
        let (outcome, _, detail) = refused(&host, gateway, DEVICE, TEXT);
        assert_eq!(outcome, "unavailable", "{gateway}: {detail}");
        assert!(detail.contains("certificate"), "{gateway}: {detail}");
    }
    assert_eq!(peer.arrived().len(), 0);
    drop(host);
    let trusting = Host::start_in(&site, &[("SSL_CERT_FILE", ours.certificate().to_str().unwrap())]);
    let answer = sent_with(&trusting, "both", DEVICE, TEXT);
    assert_eq!(answer.body["provider_ids"], json!(["projects/p/messages/1"]));
    assert_eq!(peer.until_arrived(2).len(), 2);
}
