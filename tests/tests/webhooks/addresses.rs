//! Where webhooks go, and where they don't.

use super::{TO, all_sent, sent, site};
use gatepost_tests::{Host, client, peers::webhook_receiver::WebhookReceiver};
use serde_json::{Value, json};

/// SHA-256 of `abc` and of `def`.
const KEYS: [(&str, &str); 2] = [
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ("def", "cb8379ac2098aa165029e3938a51da0bcecfc008fd6795f401178647f96c5b34"),
];

#[test]
fn an_origin_that_is_not_allowed_is_refused() {
    let (allowed, other) = (WebhookReceiver::start(), WebhookReceiver::start());
    let site = site(&[&allowed], "");
    let host = Host::start(&site);
    let port = other.origin().rsplit(':').next().unwrap().to_owned();
    for url in [
        other.url("/hook"),
        allowed.url("/hook").replace("http://", "https://"),
        allowed.url("/hook").replace("127.0.0.1", "localhost"),
        format!("{}@127.0.0.1:{port}/hook", allowed.origin()),
        format!("{}@127.0.0.1/", allowed.origin()),
        "hook".into(),
        "file:///etc/passwd".into(),
    ] {
        let message = json!({ "to": TO, "text": "hello", "gateway": "outbox", "callback_url": url });
        let answer = host.post("/v1/messages", &message);
        assert_eq!(answer.problem(422), ["/callback_url"], "{url}");
    }
    let id = sent(&host, &allowed.url("/hook"));
    allowed.until_taken(&all_sent(&[id]));
    assert!(other.received().is_empty());
    assert_eq!(site.outbox().matches("Your code is 123456").count(), 1, "nothing is sent of what is refused");
}

#[test]
fn a_key_says_where_its_messages_are_told_unless_they_do_themselves() {
    let receiver = WebhookReceiver::start();
    let keys = KEYS.map(|(key, hash)| {
        format!("[[api_keys]]\nname = \"{key}\"\nsha256 = \"{hash}\"\nscopes = [\"send\"]\n")
    });
    let default = format!("callback_url = \"{}\"\n", receiver.url("/default"));
    let site = site(&[&receiver], &format!("{}{default}{}", keys[0], keys[1]));
    let host = Host::start(&site);
    let send = |key: &str, callback: Value| {
        let message = json!({ "to": TO, "text": "hello", "gateway": "outbox", "callback_url": callback });
        let request = host.client().post(host.url("/v1/messages?wait=30")).bearer_auth(key).json(&message);
        let answer = client::send(request).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.id()
    };
    let ids = [
        send("abc", Value::Null),
        send("abc", json!(receiver.url("/own"))),
        send("def", Value::Null),
        send("def", json!(receiver.url("/own"))),
    ];
    let told = [&ids[0], &ids[1], &ids[3]].map(String::clone);
    let taken = receiver.until_taken(&all_sent(&told));
    let paths = told.each_ref().map(|id| {
        let of = taken.iter().filter(|received| received.body["data"]["id"] == **id);
        of.map(|received| received.path.as_str()).collect::<Vec<_>>()
    });
    assert_eq!(paths, [["/default"], ["/own"], ["/own"]]);
    assert_eq!(taken.len(), 3, "the key that says nothing has nobody told");
}
