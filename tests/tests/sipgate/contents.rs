//! What arrives is what was meant, whatever stands in number and text: as Python's XML-RPC server parsed it.

use super::{TEXT, TO, gateway, service};
use gatepost_tests::{
    Host, Site, command,
    peers::proxy::{PASSWORD as PROXY_PASSWORD, Proxy},
    refused, sent_with, tree,
};
use serde_json::json;
use std::fs;

/// `sip-user@example.com:sip:pass grüße`, in Base64.
const AUTHORIZATION: &str = "Basic c2lwLXVzZXJAZXhhbXBsZS5jb206c2lwOnBhc3MgZ3LDvMOfZQ==";

#[test]
fn every_text_arrives_as_it_is() {
    let service = service();
    let gateways = [
        gateway("rpc", &format!("{}/RPC2", service.origin()), ""),
        gateway("rest", &format!("{}/rest", service.origin()), "API = \"rest\"\nSMS_ID = \"s7\""),
    ];
    let site = Site::new(&gateways.concat());
    let host = Host::start(&site);
    let texts = [
        TEXT,
        "<&>\"']]> <![CDATA[x]]> &amp; &#65; <!-- x --> <?x?>",
        "</string></value></member></struct><member><name>RemoteUri</name><value>sip:1@x</value></member>",
        "emoji 😀👩‍👩‍👧 and é, ü, 漢字, \u{202e}right to left",
        "two\nlines\r\nand\ttabs\rand more",
        "  spaces around  ",
        "{phone} {otp}",
        "\u{7f}\u{85}\u{fffd}",
        "null",
    ];
    let long = "ä<".repeat(20_000);
    for text in texts.into_iter().chain([long.as_str()]) {
        let answer = sent_with(&host, "rpc", TO, text);
        assert_eq!(answer.body["provider_ids"], json!(["0123456789ABCDEF"]));
        sent_with(&host, "rest", TO, text);
        let arrived = service.arrived();
        let [.., rpc, rest] = arrived.as_slice() else { panic!("{arrived:?}") };
        assert_eq!((&rpc["path"], &rpc["method"]), (&json!("/RPC2"), &json!("samurai.SessionInitiate")));
        let expected =
            json!([{ "RemoteUri": "sip:491701234567@sipgate.de", "TOS": "text", "Content": text }]);
        assert_eq!(rpc["params"], expected);
        assert_eq!(
            (&rpc["authorization"], &rpc["content_type"]),
            (&json!(AUTHORIZATION), &json!("text/xml"))
        );
        assert!(rpc["user_agent"].as_str().unwrap().starts_with("Gatepost/"), "{rpc}");
        assert_eq!(rest["json"], json!({ "smsId": "s7", "recipient": TO, "message": text }));
        assert_eq!(
            (&rest["authorization"], &rest["content_type"]),
            (&json!(AUTHORIZATION), &json!("application/json"))
        );
    }
    for text in ["bell \u{7}", "\u{1b}[31m", "\u{fffe}"] {
        let count = service.arrived().len();
        let (outcome, _, detail) = refused(&host, "rpc", TO, text);
        assert_eq!(outcome, "rejected", "{text:?}");
        assert!(detail.contains("XML can't hold"), "{detail}");
        assert_eq!(service.arrived().len(), count, "nothing goes out");
        // JSON can.
        sent_with(&host, "rest", TO, text);
        assert_eq!(service.arrived().last().unwrap()["json"]["message"], text);
    }
}

#[test]
fn numbers_lose_their_plus_and_are_written_by_regexp() {
    let service = service();
    let endpoint = format!("{}/RPC2", service.origin());
    let rest = format!("{}/rest", service.origin());
    let gateways = [
        gateway("plain", &endpoint, ""),
        gateway("digits", &endpoint, "REGEXP = '/[+-/. ]//'"),
        gateway("zeros", &endpoint, "REGEXP = '/^0/0049/'"),
        gateway("international", &rest, "API = \"rest\"\nREGEXP = '/^0/+49/'"),
    ];
    let site = Site::new(&gateways.concat());
    let host = Host::start(&site);
    for (gateway, to, uri) in [
        ("plain", "+491701234567", "sip:491701234567@sipgate.de"),
        ("plain", "  +491701234567 ", "sip:491701234567@sipgate.de"),
        ("plain", "<1&2>", "sip:<1&2>@sipgate.de"),
        ("digits", "+49 123/456-78", "sip:4912345678@sipgate.de"),
        ("zeros", "0123456789", "sip:0049123456789@sipgate.de"),
    ] {
        sent_with(&host, gateway, to, TEXT);
        assert_eq!(service.arrived().last().unwrap()["params"][0]["RemoteUri"], uri, "{gateway} {to}");
    }
    sent_with(&host, "international", "0170123", TEXT);
    let arrived = service.arrived();
    assert_eq!(arrived.last().unwrap()["json"]["recipient"], "+49170123");
    assert_eq!(arrived.last().unwrap()["json"]["smsId"], "s0");
    let (outcome, _, detail) = refused(&host, "plain", "49170@evil.example", TEXT);
    assert_eq!(outcome, "rejected");
    assert!(detail.contains('@'), "{detail}");
    assert_eq!(service.arrived().len(), arrived.len(), "nothing goes out");
}

#[test]
fn a_proxy_is_used_where_the_definition_names_one() {
    let (service, proxy) = (service(), Proxy::tinyproxy());
    let socks = Proxy::microsocks();
    let endpoint = format!("{}/RPC2", service.origin());
    let gateways = [
        gateway("direct", &endpoint, ""),
        gateway("proxied", &endpoint, &format!("PROXY = \"{}\"", proxy.url("http", PROXY_PASSWORD))),
        gateway("socks", &endpoint, &format!("PROXY = \"{}\"", socks.url("socks5", PROXY_PASSWORD))),
        gateway("wrong", &endpoint, &format!("PROXY = \"{}\"", proxy.url("http", "wrong-9912"))),
    ];
    let site = Site::new(&gateways.concat());
    let elsewhere = proxy.url("http", "wrong-9912");
    let host = Host::start_in(&site, &[("HTTP_PROXY", &elsewhere), ("http_proxy", &elsewhere)]);
    sent_with(&host, "direct", TO, TEXT);
    assert!(!proxy.log().contains("/RPC2"), "{}", proxy.log());
    sent_with(&host, "proxied", TO, TEXT);
    assert!(proxy.log().contains("/RPC2"), "{}", proxy.log());
    sent_with(&host, "socks", TO, TEXT);
    assert!(socks.log().contains("connected to 127.0.0.1"), "{}", socks.log());
    assert_eq!(service.arrived().len(), 3);
    let (outcome, _, detail) = refused(&host, "wrong", TO, TEXT);
    assert_eq!(outcome, "misconfigured", "{detail}");
    assert!(detail.contains("proxy") && !detail.contains("wrong-9912"), "{detail}");
}

#[test]
fn the_example_sends_through_the_interface_that_it_names() {
    let service = service();
    let site = Site::new("");
    let example = fs::read_to_string(tree::tree().join("etc/gatepost/examples/sipgate.toml")).unwrap();
    let moved = format!("[gateways.sipgate.parameters]\nENDPOINT = \"{}/RPC2\"", service.origin());
    let moved = example.replace("[gateways.sipgate.parameters]", &moved);
    assert_ne!(moved, example);
    site.add_gateways("sipgate.toml", &moved.replace("\"YOU@example.com\"", &format!("{:?}", super::USER)));
    let host = Host::start_in(&site, &[("SIPGATE_PASSWORD", super::PASSWORD)]);
    sent_with(&host, "sipgate", "+49 170 123/45-67", TEXT);
    assert_eq!(service.only()["params"][0]["RemoteUri"], "sip:491701234567@sipgate.de");
}

#[test]
fn check_probes_without_sending() {
    let service = service();
    let origin = service.origin();
    for (name, text, code, says) in [
        ("rpc", gateway("rpc", &format!("{origin}/RPC2"), ""), 0, "takes the credentials"),
        (
            "rest",
            gateway("rest", &format!("{origin}/rest"), "API = \"rest\""),
            0,
            "credentials were not tried",
        ),
        ("faulty", gateway("faulty", &format!("{origin}/fault/401"), ""), 1, "faults with 401"),
        ("page", gateway("page", &format!("{origin}/page"), ""), 1, "no XML-RPC response"),
        (
            "wrong",
            super::with_password("wrong", "other-pass", &format!("{origin}/RPC2"), ""),
            1,
            "wrong user or password",
        ),
    ] {
        let site = Site::new(&text);
        let mut command = command::clean(&tree::binary());
        command.args(["check", "--probe", "--config", site.config().to_str().unwrap()]);
        let ended = command::run(&mut command, "");
        assert_eq!(ended.code, Some(code), "{name}: {ended:?}");
        assert!(ended.output().contains(says), "{name}: {ended:?}");
    }
    let arrived = service.arrived();
    assert!(arrived.iter().all(|request| request["method"] != "samurai.SessionInitiate"), "{arrived:?}");
    assert!(arrived.iter().any(|request| request["method"] == "system.listMethods"), "{arrived:?}");
    let knock = arrived.iter().find(|request| request["method"] == "HEAD").unwrap();
    assert_eq!((&knock["path"], &knock["authorization"]), (&json!("/"), &json!(null)));
}
