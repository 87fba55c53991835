//! Who may speak to the host.

use gatepost_tests::{Answer, Host, Site, client, gatepost};
use serde_json::json;
use sha2::{Digest as _, Sha256};

fn hash(key: &str) -> String {
    Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn keys() -> String {
    let key = |name: &str, scopes: &str| {
        format!("[[api_keys]]\nname = \"{name}\"\nsha256 = \"{}\"\nscopes = {scopes}\n", hash(name))
    };
    [
        key("app", "[\"send\"]"),
        key("other-app", "[\"send\"]"),
        key("auditor", "[\"read\"]"),
        key("root", "[\"admin\"]"),
    ]
    .concat()
}

fn message() -> serde_json::Value {
    json!({ "to": "+491701234567", "text": "hello", "gateway": "outbox" })
}

fn post_as(host: &Host, key: &str) -> Answer {
    client::send(host.client().post(host.url("/v1/messages?wait=10")).bearer_auth(key).json(&message()))
        .unwrap()
}

fn get_as(host: &Host, key: &str, id: &str) -> Answer {
    client::send(host.client().get(host.url(&format!("/v1/messages/{id}"))).bearer_auth(key)).unwrap()
}

#[test]
fn a_key_is_asked_for_and_its_scopes_count() {
    let site = Site::new(&keys());
    let host = Host::start(&site);

    let without = host.post("/v1/messages", &message());
    without.problem(401);
    assert!(without.headers.contains_key("www-authenticate"));
    post_as(&host, "wrong").problem(401);
    post_as(&host, &hash("app")).problem(401);
    let in_query = host.client().post(host.url("/v1/messages?key=app&api_key=app&access_token=app"));
    client::send(in_query.json(&message())).unwrap().problem(401);
    post_as(&host, "auditor").problem(403);
    assert_eq!(site.outbox(), "");

    let sent = post_as(&host, "app");
    assert_eq!(sent.status, 200, "{sent:?}");
    let basic = host.client().post(host.url("/v1/messages?wait=10")).basic_auth("anybody", Some("app"));
    assert_eq!(client::send(basic.json(&message())).unwrap().status, 200);
    assert_eq!(post_as(&host, "root").status, 200);
    assert_eq!(site.outbox().lines().count(), 3);

    let id = sent.id();
    for (key, status) in [("app", 200), ("auditor", 200), ("root", 200), ("other-app", 404)] {
        assert_eq!(get_as(&host, key, &id).status, status, "{key}");
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(host.get(path).status, 200, "{path} needs no key");
    }
}

#[test]
fn without_keys_a_web_page_can_not_reach_it_by_another_name() {
    let site = Site::new("");
    let host = Host::start(&site);
    let named = |name: &str| {
        let request = host.client().post(host.url("/v1/messages?wait=10")).header("host", name);
        client::send(request.json(&message())).unwrap()
    };
    for name in
        ["evil.example", "evil.example:8025", "localhost.evil.example", "192.0.2.1", "127.0.0.1.evil.example"]
    {
        named(name).problem(421);
    }
    assert_eq!(site.outbox(), "");
    for name in ["localhost", "localhost:8025", "127.0.0.1", "127.0.0.1:8025", "[::1]:8025", "LOCALHOST"] {
        assert_eq!(named(name).status, 200, "{name}");
    }
}

#[test]
fn with_keys_any_name_will_do() {
    let site = Site::new(&keys());
    let host = Host::start(&site);
    let request = host.client().post(host.url("/v1/messages?wait=10")).header("host", "gatepost.example");
    assert_eq!(client::send(request.bearer_auth("app").json(&message())).unwrap().status, 200);
}

#[test]
fn it_does_not_listen_to_the_world_without_a_key() {
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8025"] {
        let site = Site::listening_on(listen, "");
        let ended = gatepost(&["serve", "--config", site.config().to_str().unwrap()]);
        assert_eq!(ended.code, Some(2), "{listen}: {ended:?}");
        let output = ended.output();
        assert!(output.contains("gatepost.toml:3: server.listen: "), "{output}");
        assert!(output.contains("api_keys"), "it says how to mend it: {output}");
        assert!(!site.data().exists(), "it got as far as the store");
    }
}
