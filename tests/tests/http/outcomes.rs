//! Each answer has its outcome, and the service's own code and words.

use super::{TEXT, TO, refused, sent};
use gatepost_tests::{Host, Site, peers::nginx::Nginx};
use std::net::TcpListener;

fn gateway(name: &str, url: &str, more: &str) -> String {
    format!(
        "[gateways.{name}]\nprovider = \"http\"\nretry = {{ attempts = 1 }}\n[gateways.{name}.parameters]\nURL = \"{url}\"\n{more}\n"
    )
}

#[test]
fn each_status_has_its_outcome_and_keeps_its_words() {
    let expected = [
        (400, "rejected"),
        (401, "misconfigured"),
        (403, "misconfigured"),
        (404, "rejected"),
        (407, "misconfigured"),
        (408, "unavailable"),
        (410, "rejected"),
        (429, "throttled"),
        (500, "unavailable"),
        (502, "unavailable"),
        (503, "unavailable"),
        (504, "unavailable"),
        (203, "rejected"),
        (206, "rejected"),
        (204, "rejected"),
    ];
    let locations = expected
        .map(|(status, _)| format!("location /{status} {{ return {status} 'the service says no'; }}"));
    let peer = Nginx::answering(&locations.join("\n"));
    let gateways = expected
        .map(|(status, _)| gateway(&format!("g{status}"), &format!("{}/{status}", peer.origin()), ""));
    let site = Site::new(&gateways.concat());
    let host = Host::start(&site);
    for (status, outcome) in expected {
        let (found, code, detail) = refused(&host, &format!("g{status}"), TO, TEXT);
        assert_eq!((found.as_str(), code), (outcome, status.to_string()), "{detail}");
        assert!(status == 204 || detail.contains("the service says no"), "{status}: {detail}");
    }
}

#[test]
fn success_is_200_201_or_202_and_the_return_rule() {
    let peer = Nginx::answering(
        "location /200 { return 200 'ID: 1'; } location /201 { return 201 'ERR'; } location /202 { return 202 ''; }\n\
         location /latin { default_type 'text/plain; charset=iso-8859-1'; return 200 'ü'; }",
    );
    let origin = peer.origin();
    let gateways = [
        gateway("plain200", &format!("{origin}/200"), ""),
        gateway("plain201", &format!("{origin}/201"), ""),
        gateway("plain202", &format!("{origin}/202"), ""),
        gateway("found", &format!("{origin}/200"), "RETURN_SUCCESS = \"ID\"\nRETURN_FAIL = \"ID\""),
        gateway("missing", &format!("{origin}/201"), "RETURN_SUCCESS = \"ID\""),
        gateway("failed", &format!("{origin}/201"), "RETURN_FAIL = \"ERR\""),
        gateway("unfailed", &format!("{origin}/200"), "RETURN_FAIL = \"ERR\""),
        // The two bytes that nginx sends are two characters in this charset.
        gateway("latin", &format!("{origin}/latin"), "RETURN_SUCCESS = \"Ã¼\""),
    ];
    let site = Site::new(&gateways.concat());
    let host = Host::start(&site);
    for gateway in ["plain200", "plain201", "plain202", "found", "unfailed", "latin"] {
        let answer = sent(&host, gateway);
        assert_eq!(answer.body["attempts"][0]["outcome"], "accepted");
    }
    for gateway in ["missing", "failed"] {
        let (outcome, code, detail) = refused(&host, gateway, TO, TEXT);
        assert_eq!((outcome.as_str(), code.as_str()), ("rejected", "201"), "{gateway}");
        assert!(detail.contains("ERR"), "{detail}");
    }
}

#[test]
fn redirects_are_followed_only_where_the_definition_says_so() {
    let peer = Nginx::answering(
        "location /moved { return 307 /there?$args; } location /there { return 200 'OK'; } location /loop { return 302 /loop; }",
    );
    let origin = peer.origin();
    let gateways = [
        gateway("stays", &format!("{origin}/moved"), ""),
        gateway("follows", &format!("{origin}/moved?a=1"), "REDIRECTS = \"yes\"\nHTTP_METHOD = \"POST\""),
        gateway("loops", &format!("{origin}/loop"), "REDIRECTS = \"yes\""),
    ];
    let site = Site::new(&(gateways.concat() + "[gateways.follows.options]\nb = \"{otp}\"\n"));
    let host = Host::start(&site);
    let (outcome, code, detail) = refused(&host, "stays", TO, TEXT);
    assert_eq!((outcome.as_str(), code.as_str()), ("rejected", "307"));
    assert!(detail.contains("/there") && detail.contains("REDIRECTS"), "{detail}");
    assert_eq!(peer.arrived().len(), 1);
    sent(&host, "follows");
    let arrived = peer.until_arrived(3);
    assert_eq!(arrived[2].line(), "POST /there?a=1 HTTP/1.1");
    assert_eq!(arrived[2].body(), "b=Your%20code%20is%20123456");
    assert_eq!(arrived[2].text("referer"), "");
    let (outcome, code, _) = refused(&host, "loops", TO, TEXT);
    assert_eq!((outcome.as_str(), code.as_str()), ("rejected", "302"));
    assert!(peer.arrived().len() <= 3 + 12, "{}", peer.arrived().len());
}

#[test]
fn nobody_there_is_unavailable() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let gateways = [
        gateway("refused", &format!("http://127.0.0.1:{port}/"), ""),
        gateway("nameless", "http://no-such-host.invalid/", ""),
        gateway("no-tls", &format!("https://127.0.0.1:{port}/"), ""),
    ];
    let site = Site::new(&gateways.concat());
    let host = Host::start(&site);
    for gateway in ["refused", "nameless", "no-tls"] {
        let (outcome, _, detail) = refused(&host, gateway, TO, TEXT);
        assert_eq!(outcome, "unavailable", "{gateway}: {detail}");
        assert!(detail.contains("no connection"), "{detail}");
    }
}

#[test]
fn credentials_are_sent_as_the_definition_has_them() {
    let peer = Nginx::start();
    let origin = peer.origin();
    let with = |user: &str| origin.replace("://", &format!("://{user}@"));
    let cases = [
        ("url", with("user:pa:ss%40%2F"), "", "Basic dXNlcjpwYTpzc0Av"),
        ("parameters", with("a:b"), "USERNAME = \"user\"\nPASSWORD = \"grüße\"", "Basic dXNlcjpncsO8w59l"),
        ("no-password", with("a:b"), "USERNAME = \"user\"", ""),
        ("nobody", origin.clone(), "", ""),
    ];
    let site =
        Site::new(&cases.iter().map(|(name, url, more, _)| gateway(name, url, more)).collect::<String>());
    let host = Host::start(&site);
    for (number, (name, _, _, expected)) in cases.iter().enumerate() {
        sent(&host, name);
        let arrived = peer.until_arrived(number + 1);
        assert_eq!(arrived[number].text("authorization"), *expected, "{name}");
        assert_eq!(arrived[number].text("host"), format!("127.0.0.1:{}", peer.port()));
        assert!(arrived[number].text("user_agent").starts_with("Gatepost/"));
    }
    assert!(host.log().contains("without PASSWORD no credentials are sent"), "{}", host.log());
}
