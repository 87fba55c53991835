//! Requests that one reader takes for one and another for two.

use gatepost_tests::{Host, Site, raw};

/// What a smuggler would have answered.
const HIDDEN: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[test]
fn no_request_is_hidden_in_another() {
    let site = Site::new("");
    let host = Host::start(&site);
    let post = |headers: &str, body: &str| {
        format!("POST /healthz HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n{body}")
    };
    let hidden = HIDDEN.len();
    let chunked = format!("0\r\n\r\n{HIDDEN}");
    let both = chunked.len();
    for (what, request) in [
        (
            "a length and chunks",
            post(&format!("Content-Length: {both}\r\nTransfer-Encoding: chunked\r\n"), &chunked),
        ),
        (
            "chunks and a length",
            post(&format!("Transfer-Encoding: chunked\r\nContent-Length: {both}\r\n"), &chunked),
        ),
        ("two lengths", post(&format!("Content-Length: {hidden}\r\nContent-Length: 0\r\n"), HIDDEN)),
        ("a list of lengths", post(&format!("Content-Length: 0, {hidden}\r\n"), HIDDEN)),
        ("a length with a sign", post("Content-Length: +0\r\n", HIDDEN)),
        ("a length that is none", post("Content-Length: 0x0\r\n", HIDDEN)),
        ("chunks that are not the last coding", post("Transfer-Encoding: chunked, identity\r\n", &chunked)),
        ("an unknown coding", post("Transfer-Encoding: xchunked\r\n", &chunked)),
        (
            "chunks by HTTP/1.0",
            post("Transfer-Encoding: chunked\r\n", &chunked).replacen("HTTP/1.1", "HTTP/1.0", 1),
        ),
        ("a blank before the colon", post(&format!("Content-Length : {hidden}\r\n"), HIDDEN)),
        ("a line that goes on", post(&format!("X: a\r\n Content-Length: {hidden}\r\n"), HIDDEN)),
        ("a line feed alone", post("X: a\n\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n", "")),
        ("line feeds everywhere", HIDDEN.replace("\r\n", "\n").repeat(2)),
        ("a carriage return alone", post(&format!("X: a\rContent-Length: {hidden}\r\n"), HIDDEN)),
        ("a NUL", post("X: a\0b\r\n", HIDDEN)),
        ("a chunk of no size", post("Transfer-Encoding: chunked\r\n", &format!("\r\n\r\n{HIDDEN}"))),
        (
            "a blank before the first header",
            format!("GET /healthz HTTP/1.1\r\n Host: localhost\r\n\r\n{HIDDEN}"),
        ),
    ] {
        let answers = raw::exchange(host.address, request.as_bytes());
        let statuses = raw::statuses(&answers);
        assert!(statuses.len() <= 1, "{what}: {answers}");
        assert!(!statuses.contains(&200), "{what}: {answers}");
    }
    // The same by the rules: both are answered, so that what is above says something.
    assert_eq!(raw::statuses(&raw::exchange(host.address, post("", HIDDEN).as_bytes())), [405, 200]);
    assert_eq!(raw::statuses(&raw::exchange(host.address, HIDDEN.repeat(2).as_bytes())), [200, 200]);
}
