//! What arrives is what was meant, byte for byte.

use super::{DEVICE, TEXT, account, gateway, of_kind, sent, service, with_account};
use gatepost_tests::{
    Host, Site,
    peers::proxy::{PASSWORD as PROXY_PASSWORD, Proxy},
    refused, sent_with, tree,
};
use serde_json::{Value, json};
use std::{
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

#[test]
fn a_push_tokens_data_arrives_byte_for_byte_and_makes_the_push() {
    let service = service();
    let site = Site::new(&gateway("push", &service, ""));
    let host = Host::start(&site);
    let data = json!({
        "nonce": "ABCDEFGH",
        "question": "Do you want to log in? \u{1f600}",
        "serial": "PIPU0001",
        "title": "privacyIDEA \"login\"",
        "url": "https://pi.example/ttype/push?a=b&c=<d>",
        "sslverify": "1",
        "signature": "MFRGG43FMZTWQ2LKNNWG23TPOA====\r\n\t\\ \u{1}\u{2028}\u{7f}äöü",
        "number": 5,
        "yes": true,
        "list": [1, "x", { "b": null, "a": "ü" }],
        "": "empty key",
        "{phone}": "{otp}",
    });
    let message = json!({ "to": DEVICE, "data": data, "gateway": "push", "valid_for": "120s" });
    let before = now();
    let answer = sent(&host, &message);
    let id = answer.body["provider_ids"][0].as_str().unwrap();
    assert!(id.starts_with("projects/demo-project/messages/0:"), "{answer:?}");
    let pushes = of_kind(&service, "push");
    assert_eq!(pushes.len(), 1, "{pushes:?}");
    let push = &pushes[0]["message"];
    let mut expected = data.clone();
    expected["number"] = json!("5");
    expected["yes"] = json!("true");
    expected["list"] = json!(r#"[1,"x",{"b":null,"a":"ü"}]"#);
    assert_eq!(push["data"], expected);
    let shown = json!({ "title": data["title"], "body": data["question"] });
    assert_eq!((&push["token"], &push["notification"]), (&json!(DEVICE), &shown));

    let ttl = push["android"]["ttl"].as_str().unwrap().strip_suffix('s').unwrap().parse::<u64>().unwrap();
    assert!((60..=120).contains(&ttl), "{ttl}");
    let android = json!({ "priority": "HIGH", "ttl": format!("{ttl}s"), "fcm_options": { "analytics_label": "AndroidPushToken" } });
    assert_eq!(push["android"], android);
    let expires = push["apns"]["headers"]["apns-expiration"].as_str().unwrap();
    let remaining = expires.parse::<u64>().unwrap() - before;
    assert!((119..=180).contains(&remaining), "{remaining}");
    let apns = json!({
        "headers": {
            "apns-priority": "10", "apns-push-type": "alert", "apns-collapse-id": "privacyidea.pushtoken", "apns-expiration": expires,
        },
        "payload": { "aps": { "alert": shown, "sound": "default", "category": "PUSH_AUTHENTICATION" } },
        "fcm_options": { "analytics_label": "iOSPushToken" },
    });
    assert_eq!(push["apns"], apns);
    assert_eq!(pushes[0]["path"], "/v1/projects/demo-project/messages:send");
    assert_eq!(pushes[0]["content_type"], "application/json");
    assert!(pushes[0]["user_agent"].as_str().unwrap().starts_with("Gatepost/"));
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn a_text_alone_is_shown_and_has_no_data() {
    let service = service();
    let site = Site::new(&gateway("push", &service, "COLLAPSE_ID = \"another\""));
    let host = Host::start(&site);
    sent_with(&host, "push", DEVICE, TEXT);
    sent(&host, &json!({ "to": DEVICE, "text": TEXT, "title": "Log in", "gateway": "push" }));
    let pushes = of_kind(&service, "push");
    for (push, shown) in
        pushes.iter().zip([json!({ "body": TEXT }), json!({ "title": "Log in", "body": TEXT })])
    {
        let push = &push["message"];
        assert_eq!((&push["data"], &push["notification"]), (&json!({}), &shown));
        assert_eq!(push["apns"]["payload"]["aps"]["alert"], shown);
        assert_eq!(push["apns"]["headers"]["apns-collapse-id"], "another");
    }
}

#[test]
fn what_is_too_large_is_rejected_unsent() {
    let service = service();
    let site = Site::new(&gateway("push", &service, ""));
    let host = Host::start(&site);
    let message =
        |length: usize| json!({ "to": DEVICE, "data": { "key": "x".repeat(length) }, "gateway": "push" });
    sent(&host, &message(4096 - 3));
    let answer = host.post("/v1/messages?wait=30", &message(4096 - 2));
    answer.problem(502);
    let attempt = &answer.body["message"]["attempts"][0];
    assert_eq!(attempt["outcome"], "rejected", "{answer:?}");
    assert!(attempt["detail"].as_str().unwrap().contains("4097 bytes"), "{answer:?}");
    let (outcome, _, detail) = refused(&host, "push", DEVICE, &"ä".repeat(2100));
    assert_eq!(outcome, "rejected");
    assert!(detail.contains("4204 bytes"), "{detail}");
    assert_eq!(of_kind(&service, "push").len(), 1, "nothing goes out");
}

#[test]
fn a_proxy_carries_both_the_request_for_a_token_and_the_push() {
    let (service, proxy) = (service(), Proxy::tinyproxy());
    let httpsproxy = |password: &str| format!("httpsproxy = \"{}\"", proxy.url("http", password));
    // Two servers, as Google has: tinyproxy closes a connection after its request, which the next one to the same server may run into.
    let other = account(&service, "other", |account| {
        account["token_uri"] = json!(format!("{}/token", service.origin().replace("127.0.0.1", "localhost")));
    });
    let gateways = [
        gateway("direct", &service, ""),
        with_account("proxied", &other, &service.origin(), &httpsproxy(PROXY_PASSWORD)),
        with_account("wrong", &other, &service.origin(), &httpsproxy("wrong-9912")),
    ];
    let site = Site::new(&gateways.concat());
    let elsewhere = proxy.url("http", "wrong-9912");
    let host = Host::start_in(&site, &[("HTTP_PROXY", &elsewhere), ("http_proxy", &elsewhere)]);
    sent_with(&host, "direct", DEVICE, TEXT);
    assert!(!proxy.log().contains("POST http"), "{}", proxy.log());
    sent_with(&host, "proxied", DEVICE, TEXT);
    assert!(proxy.log().contains("/token") && proxy.log().contains("messages:send"), "{}", proxy.log());
    let (outcome, _, detail) = refused(&host, "wrong", DEVICE, TEXT);
    assert_eq!(outcome, "misconfigured", "{detail}");
    assert!(detail.contains("proxy") && !detail.contains("wrong-9912"), "{detail}");
}

#[test]
fn the_example_sends_with_the_file_beside_it() {
    let service = service();
    let site = Site::new("");
    let example = fs::read_to_string(tree::tree().join("etc/gatepost/examples/firebase.toml")).unwrap();
    let moved = format!("[gateways.push.parameters]\nENDPOINT = \"{}\"", service.origin());
    let moved = example.replace("[gateways.push.parameters]", &moved);
    assert_ne!(moved, example);
    site.add_gateways("firebase.toml", &moved);
    let account = site.path().join("gateways.d/firebase-service-account.json");
    fs::copy(service.folder().join("account.json"), account).unwrap();
    let host = Host::start_in(&site, &[("FIREBASE_API_KEY", "key")]);
    sent_with(&host, "push", DEVICE, TEXT);
    let pushes: Vec<Value> = of_kind(&service, "push");
    assert_eq!(pushes[0]["message"]["notification"]["body"], TEXT);
}
