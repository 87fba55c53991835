//! What arrives is what was meant, whatever stands in number and text.

use super::{TO, refused, sent_with};
use gatepost_tests::{Host, Site, peers::nginx::Nginx};
use serde_json::Value;

/// Texts that have broken gateways.
fn texts() -> Vec<String> {
    [
        r#"quotes " and ' and \ and \" and \n"#,
        "{phone} {otp} {otp}{phone} {{otp}} {other}",
        "two\nlines\r\nand\ttabs",
        "emoji 😀👩‍👩‍👧 and é, ü, 漢字, \u{202e}right to left",
        "a&b=c;d#e?f/g%20h+i j@k:l",
        r#""}], "admin": true, "x": [{"y": ""#,
        "</xml><!-- ${jndi:ldap://x} $(id) `id` %00 %0d%0aX: y",
        "012345",
        "1e5",
        "true",
        "null",
        "   ",
    ]
    .map(str::to_owned)
    .into_iter()
    // As long as a query can be: its percent signs triple it, and it stands three times in one.
    .chain(["a".repeat(9_999) + "ä"])
    .collect()
}

fn gateways(peer: &Nginx) -> String {
    let origin = peer.origin();
    format!(
        r#"
[gateways.get]
provider = "http"
parameters = {{ URL = "{origin}/get?fixed=a%26b" }}
options = {{ text = "{{otp}}", to = "{{phone}}", both = "{{phone}}: {{otp}}! {{otp}}", plain = "a b&c=d" }}
headers = {{ X-Test = "to {{phone}}" }}
[gateways.form]
provider = "http"
parameters = {{ URL = "{origin}/form", HTTP_METHOD = "POST" }}
options = {{ text = "{{otp}}", to = "{{phone}}", json = '{{"t": "{{otp}}"}}', number = "1.50" }}
[gateways.json]
provider = "http"
[gateways.json.parameters]
URL = "{origin}/json"
HTTP_METHOD = "POST"
SEND_DATA_AS_JSON = true
PARAMETER = {{ sender = "ACME" }}
[gateways.json.options]
text = "{{otp}}"
list = '[{{"phone": "{{phone}}", "message": "{{otp}}"}}, 1.50, {{"b": 1, "a": null}}]'
mixed = "<{{otp}}>"
number = 5
yes = true
quoted = '"{{otp}}"'
[gateways.path]
provider = "http"
parameters = {{ URL = "{origin}/to/{{phone}}/text/{{otp}}?t={{otp}}", HTTP_METHOD = "PUT" }}
[gateways.header]
provider = "http"
parameters = {{ URL = "{origin}/header" }}
headers = {{ X-Test = "{{otp}}" }}
[gateways.regexp]
provider = "http"
parameters = {{ URL = "{origin}/regexp", REGEXP = '/[+-/. ]//' }}
options = {{ to = "{{phone}}" }}
"#
    )
}

/// The pairs of a query or a form, in their order.
fn pairs(encoded: &str) -> Vec<(String, String)> {
    let pairs = encoded.split('&').map(|pair| pair.split_once('=').unwrap());
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    assert!(!text.contains('+'), "a plus sign is a space to some and a plus to others: {text}");
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if *first == b'%' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&after[..2]).unwrap(), 16).unwrap());
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn every_text_arrives_as_it_is() {
    let peer = Nginx::start();
    let site = Site::new(&gateways(&peer));
    let host = Host::start(&site);
    let mut count = 0;
    for text in texts() {
        for gateway in ["get", "form", "json", "path"] {
            sent_with(&host, gateway, TO, &text);
            count += 1;
        }
        let arrived = peer.until_arrived(count);
        let [get, form, json, path] = &arrived[count - 4..] else { panic!() };

        let (line, query) = get.line().split_once('?').unwrap();
        assert_eq!(line, "GET /get");
        let query = query.strip_suffix(" HTTP/1.1").unwrap();
        let both = format!("{TO}: {text}! {text}");
        let expected = [("fixed", "a&b"), ("text", &text), ("to", TO), ("both", &both), ("plain", "a b&c=d")];
        assert_eq!(pairs(query), owned(&expected));
        assert_eq!(get.text("x_test"), format!("to {TO}"));

        let object = format!(r#"{{"t": "{text}"}}"#);
        let expected = [("text", text.as_str()), ("to", TO), ("json", &object), ("number", "1.50")];
        assert_eq!(pairs(form.body()), owned(&expected));

        let body: Value = serde_json::from_str(json.body()).unwrap();
        let names = body.as_object().unwrap().keys().collect::<Vec<_>>();
        assert_eq!(names, ["text", "list", "mixed", "number", "yes", "quoted", "sender"]);
        assert_eq!(body["text"], text);
        assert_eq!(body["list"][0], serde_json::json!({ "phone": TO, "message": text }));
        assert!(json.body().contains(r#", 1.50, {"b": 1, "a": null}]"#), "{}", json.body());
        assert_eq!(body["mixed"], format!("<{text}>"));
        assert_eq!((&body["number"], &body["yes"]), (&5.into(), &true.into()));
        assert_eq!((&body["quoted"], &body["sender"]), (&text.clone().into(), &"ACME".into()));

        let address = path.line().strip_prefix("PUT /to/").unwrap().strip_suffix(" HTTP/1.1").unwrap();
        let (address, query) = address.split_once('?').unwrap();
        let segments = address.split('/').map(decoded).collect::<Vec<_>>();
        assert_eq!(segments, [TO, "text", &text]);
        assert_eq!(pairs(query), owned(&[("t", &text)]));
    }
}

#[test]
fn numbers_are_written_by_regexp_and_can_change_no_path() {
    let peer = Nginx::start();
    let site = Site::new(&gateways(&peer));
    let host = Host::start(&site);
    sent_with(&host, "regexp", "+49 123/456-78", "x");
    assert_eq!(peer.only().line(), "GET /regexp?to=4912345678 HTTP/1.1");

    sent_with(&host, "path", "a/../b?x=1#y", "t");
    assert_eq!(peer.until_arrived(2)[1].line(), "PUT /to/a%2F..%2Fb%3Fx%3D1%23y/text/t?t=t HTTP/1.1");
    for dots in [".", ".."] {
        let (outcome, _, detail) = refused(&host, "path", dots, "t");
        assert_eq!(outcome, "rejected");
        assert!(detail.contains("change the path"), "{detail}");
    }
    assert_eq!(peer.arrived().len(), 2);
}

#[test]
fn a_text_can_add_no_header() {
    let peer = Nginx::start();
    let site = Site::new(&gateways(&peer));
    let host = Host::start(&site);
    for text in ["a\r\nX-Admin: yes", "a\nb", "a\rb", "a\tb", "a\u{85}b", "a\u{7f}b"] {
        let (outcome, _, detail) = refused(&host, "header", TO, text);
        assert_eq!(outcome, "rejected", "{text:?}");
        assert!(detail.contains("x-test") && detail.contains("control character"), "{detail}");
    }
    sent_with(&host, "header", TO, "grüße: \"5\" 😀");
    assert_eq!(peer.only().text("x_test"), "grüße: \"5\" 😀");
}

#[test]
fn a_text_that_no_address_can_hold_is_rejected() {
    let peer = Nginx::start();
    let site = Site::new(&gateways(&peer));
    let host = Host::start(&site);
    let text = "ä".repeat(10_000);
    let (outcome, _, detail) = refused(&host, "get", TO, &text);
    assert_eq!(outcome, "rejected", "{detail}");
    assert!(detail.contains("too long"), "{detail}");
    sent_with(&host, "form", TO, &text);
    assert_eq!(pairs(peer.only().body())[0].1, text);
}
