//! Attempts to get in with a key that is not enough.

use gatepost_tests::{Answer, Host, Site, client, database, raw, site::api_key};
use reqwest::Method;
use serde_json::{Value, json};

fn keys() -> String {
    [
        "[routes.default]\ngateways = [\"outbox\"]\n",
        "[routes.other]\ngateways = [\"outbox\"]\n",
        "[gateways.second]\nprovider = \"script\"\nparameters = { SCRIPT = \"outbox\" }\n",
        &api_key("sender", &["send"], ""),
        &api_key("reader", &["read"], ""),
        &api_key("poster", &["receipt"], ""),
        &api_key("routed", &["send"], "routes = [\"other\"]"),
        &api_key("named", &["send", "receipt"], "gateways = [\"second\"]"),
        &api_key("root", &["admin"], ""),
    ]
    .concat()
}

fn call(host: &Host, method: Method, path: &str, key: Option<&str>, body: Option<&Value>) -> Answer {
    let mut request = host.client().request(method, host.url(path));
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    if let Some(body) = body {
        request = request.json(body);
    }
    client::send(request).unwrap()
}

fn to(way: Value) -> Value {
    let mut message = json!({ "to": "+491701234567", "text": "let me in" });
    message.as_object_mut().unwrap().extend(way.as_object().unwrap().clone());
    message
}

#[test]
fn what_a_key_does_not_open_stays_shut() {
    let site = Site::new(&keys());
    let host = Host::start(&site);
    let id = call(&host, Method::POST, "/v1/messages?wait=30", Some("sender"), Some(&to(json!({})))).id();
    let (before, outbox) = (database::row_counts(&site.data()), site.outbox());

    let own = format!("/v1/messages/{id}");
    let (post, get, delete) = (Method::POST, Method::GET, Method::DELETE);
    let everywhere = [
        (&post, "/v1/messages"),
        (&post, "/v1/messages/batch"),
        (&get, "/v1/messages"),
        (&get, own.as_str()),
        (&delete, own.as_str()),
        (&get, "/v1/events"),
        (&get, "/v1/receipts"),
        (&post, "/v1/receipts/outbox"),
        (&get, "/v1/routes"),
        (&get, "/v1/routes/explain?to=1"),
    ];
    let message = to(json!({}));
    for (method, path) in everywhere {
        for key in [None, Some("wrong"), Some(""), Some("SENDER"), Some("sender ,reader")] {
            let answer = call(&host, method.clone(), path, key, Some(&message));
            answer.problem(401);
            assert!(answer.headers.contains_key("www-authenticate"), "{method} {path} {key:?}");
        }
        // A key in the address opens nothing, under whichever name.
        for name in ["api_key", "access_token", "key", "token", "authorization"] {
            let separator = if path.contains('?') { '&' } else { '?' };
            let path = format!("{path}{separator}{name}=root");
            call(&host, method.clone(), &path, None, Some(&message)).problem(401);
        }
    }
    let batch = |way: Value| json!({ "messages": [to(json!({})), to(way)] });
    let refused: [(&Method, &str, &str, Value, u16); 24] = [
        (&post, "/v1/messages", "reader", to(json!({})), 403),
        (&post, "/v1/messages", "poster", to(json!({})), 403),
        (&post, "/v1/messages/batch", "reader", batch(json!({})), 403),
        (&post, "/v1/messages", "routed", to(json!({ "route": "default" })), 403),
        (&post, "/v1/messages", "routed", to(json!({ "gateway": "outbox" })), 403),
        (&post, "/v1/messages", "routed", to(json!({})), 403),
        (&post, "/v1/messages/batch", "routed", batch(json!({ "route": "other" })), 403),
        (&post, "/v1/messages", "named", to(json!({ "gateway": "outbox" })), 403),
        (&post, "/v1/messages", "named", to(json!({ "route": "default" })), 403),
        (&post, "/v1/messages", "named", to(json!({})), 403),
        (&get, &own, "poster", json!({}), 403),
        (&get, &own, "routed", json!({}), 404),
        (&delete, &own, "routed", json!({}), 404),
        (&delete, &own, "reader", json!({}), 403),
        (&get, "/v1/messages", "poster", json!({}), 403),
        (&get, "/v1/events", "sender", json!({}), 403),
        (&get, "/v1/routes", "sender", json!({}), 403),
        (&get, "/v1/routes/explain?to=1", "sender", json!({}), 403),
        (&get, "/v1/receipts", "sender", json!({}), 403),
        (&post, "/v1/receipts/second", "sender", json!({}), 403),
        (&post, "/v1/receipts/second", "reader", json!({}), 403),
        (&post, "/v1/receipts/outbox", "named", json!({}), 403),
        (&get, &format!("{own}?api_key=root"), "sender", json!({}), 422),
        (&post, "/v1/messages?access_token=root", "sender", to(json!({})), 422),
    ];
    for (method, path, key, body, status) in &refused {
        let answer = call(&host, (*method).clone(), path, Some(key), Some(body));
        assert_eq!(answer.status, *status, "{method} {path} as {key}: {answer:?}");
        answer.problem(*status);
    }
    let listed = call(&host, Method::GET, "/v1/messages", Some("routed"), None);
    assert_eq!(listed.body["messages"], json!([]), "another's messages are not listed");
    assert_eq!(database::row_counts(&site.data()), before, "something was stored");
    assert_eq!(site.outbox(), outbox, "something was delivered");
    // It is the door that is shut, not the house that is empty.
    let sent = call(
        &host,
        Method::POST,
        "/v1/messages?wait=30",
        Some("routed"),
        Some(&to(json!({ "route": "other" }))),
    );
    assert_eq!(sent.status, 200, "{sent:?}");
}

#[test]
fn two_headers_with_keys_are_none() {
    let site = Site::new(&keys());
    let host = Host::start(&site);
    let ask = |headers: &str| {
        let request = format!(
            "GET /v1/routes HTTP/1.1\r\nHost: gatepost.example\r\nConnection: close\r\n{headers}\r\n"
        );
        raw::statuses(&raw::exchange(host.address, request.as_bytes()))
    };
    let (good, bad) = ("Authorization: Bearer reader\r\n", "Authorization: Bearer wrong\r\n");
    assert_eq!(ask(good), [200]);
    for headers in [bad.to_owned(), [good, good].concat(), [good, bad].concat(), [bad, good].concat()] {
        assert_eq!(ask(&headers), [401], "{headers}");
    }
    // Neither is one that came in pieces.
    assert_eq!(ask("Authorization: Bearer\r\n reader\r\n"), [400]);
}

#[test]
fn without_keys_nothing_but_a_loopback_name_is_answered() {
    let site = Site::new("");
    let host = Host::start(&site);
    let ask = |target: &str, hosts: &[&str]| {
        let hosts = hosts.iter().map(|host| format!("Host: {host}\r\n")).collect::<String>();
        let request = format!("GET {target} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
        raw::statuses(&raw::exchange(host.address, request.as_bytes()))
    };
    for name in [
        "localhost",
        "localhost.",
        "LocalHost:8025",
        "127.0.0.1",
        "127.0.0.1:1",
        "[::1]:8025",
        "[::1]",
        "127.1.2.3",
    ] {
        assert_eq!(ask("/healthz", &[name]), [200], "{name}");
        assert_eq!(ask(&format!("http://{name}/healthz"), &[name]), [200], "{name}");
    }
    let foreign = [
        "127.0.0.1.nip.io",
        "localhost.evil.example",
        "evil.example",
        "evil.localhost",
        "192.0.2.1",
        "0.0.0.0",
        "[::]",
        "[fe80::1]",
        "localhost@evil.example",
        "evil@localhost",
        "2130706433",
        "0x7f.1",
        "127.1",
        "",
        "localhost localhost",
        "localhost,evil.example",
    ];
    for name in foreign {
        let status = ask("/healthz", &[name]);
        assert!([&[421], &[400]].contains(&&status[..].try_into().unwrap()), "{name}: {status:?}");
    }
    assert_eq!(ask("/healthz", &[]), [400], "nobody is named");
    assert_eq!(ask("/healthz", &["localhost", "localhost"]), [400]);
    assert_eq!(ask("/healthz", &["localhost", "evil.example"]), [400]);
    // The one in the request line counts before the header; here both do.
    assert_eq!(ask("http://evil.example/healthz", &["localhost"]), [421]);
    assert_eq!(ask("http://localhost/healthz", &["evil.example"]), [421]);
    assert_eq!(ask("http://127.0.0.1.nip.io/healthz", &["127.0.0.1.nip.io"]), [421]);
}

/// A proxy in front of a host without keys would open it to everybody.
#[test]
fn without_keys_nothing_that_came_through_a_proxy_sends_or_reads() {
    let message = json!({ "to": "+491701234567", "text": "hello", "gateway": "outbox" });
    let keyed = Site::new(&api_key("app", &["send", "read"], ""));
    for (site, key, status) in [(&Site::new(""), "", 403), (&keyed, "app", 202)] {
        let host = Host::start(site).with_key(key);
        for (name, value) in [
            ("Forwarded", "for=192.0.2.1"),
            ("X-Forwarded-For", "192.0.2.1"),
            ("X-Forwarded-Host", "sms.example"),
            ("x-forwarded-proto", "https"),
            ("X-Real-IP", "192.0.2.1"),
            ("Via", "1.1 proxy"),
        ] {
            let asked = |request: reqwest::blocking::RequestBuilder| {
                client::send(request.header(name, value)).unwrap()
            };
            let posted = asked(host.client().post(host.url("/v1/messages")).json(&message));
            assert_eq!(posted.status, status, "{name}: {posted:?}");
            if status == 403 {
                posted.problem(403);
                assert_eq!(posted.body["type"], "urn:gatepost:problem:through-proxy", "{posted:?}");
                let detail = posted.body["detail"].as_str().unwrap();
                assert!(
                    detail.contains(&name.to_lowercase()) && detail.contains("configure a key"),
                    "{detail}"
                );
                asked(host.client().get(host.url("/v1/messages"))).problem(403);
                asked(host.client().get(host.url("/v1/events"))).problem(403);
            }
            // What needs no key tells nothing.
            assert_eq!(asked(host.client().get(host.url("/healthz"))).status, 200);
        }
        let plain = client::send(host.client().post(host.url("/v1/messages")).json(&message));
        assert_eq!(plain.unwrap().status, 202, "without them nothing has changed");
    }
}
