//! Requests that one reader takes for one and another for two.

use gatepost_tests::{Host, Site, raw, site::api_key};

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

/// Each comes in one piece, as a client that sends one request after the other without waiting has it come.
#[test]
fn a_request_after_another_is_looked_at_as_the_first_is() {
    let site = Site::new("");
    let host = Host::start(&site);
    let body = "{\"to\": 1}";
    let post = |framing: &str, body: &str| {
        format!(
            "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{framing}\r\n\r\n{body}"
        )
    };
    let chunks = format!("{:x};a=b\r\n{body}\r\n0\r\nX: a\r\n\r\n", body.len());
    let firsts = [
        (200, HIDDEN.to_owned()),
        (422, post(&format!("Content-Length: {}", body.len()), body)),
        (422, post("Transfer-Encoding: chunked", &chunks)),
    ];
    let seconds = [
        ("a line feed alone", format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\n\n{HIDDEN}")),
        ("line feeds everywhere", HIDDEN.replace("\r\n", "\n").repeat(2)),
        ("no Host", "GET /healthz HTTP/1.1\r\n\r\n".to_owned()),
        (
            "two framings",
            format!("{}{HIDDEN}", post("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n")),
        ),
    ];
    for (status, first) in &firsts {
        let both = raw::exchange(host.address, format!("{first}{HIDDEN}").as_bytes());
        assert_eq!(raw::statuses(&both), [*status, 200], "{both}");
        for (what, second) in &seconds {
            let answers = raw::exchange(host.address, format!("{first}{second}").as_bytes());
            assert_eq!(raw::statuses(&answers), [*status, 400], "{what} after {first:?}: {answers}");
        }
    }
    // A body whose end is not sure is none, and nothing after it is read.
    for chunks in ["0\r\nX: a\n\r\n", "1\n{\r\n0\r\n\r\n", "+1\r\n{\r\n0\r\n\r\n", "1\r\n{}\r\n0\r\n\r\n"] {
        let request = post("Transfer-Encoding: chunked", chunks);
        let answers = raw::exchange(host.address, format!("{request}{HIDDEN}").as_bytes());
        assert_eq!(raw::statuses(&answers), [400], "{chunks:?}: {answers}");
    }
    // As slow as it may come, it is the same.
    for (_, second) in &seconds {
        let mut stream = raw::connect(host.address);
        let mut answers = String::new();
        for byte in format!("{HIDDEN}{second}").bytes() {
            if std::io::Write::write_all(&mut stream, &[byte]).is_err() {
                break;
            }
        }
        answers += &raw::answers(&mut stream, std::time::Duration::from_secs(2));
        assert_eq!(raw::statuses(&answers), [200, 400], "{answers}");
    }
}

/// Where keys are needed and where not, in HTTP/1.1 and what claims to be.
#[test]
fn a_request_that_cannot_be_read_is_told_why() {
    let sites = [Site::new(""), Site::new(&api_key("app", &["send"], ""))];
    let [open, keyed] = sites.each_ref().map(Host::start);
    let get = |headers: &str| format!("GET /healthz HTTP/1.1\r\n{headers}\r\n");
    let large = "a".repeat(70_000);
    for (request, status, kind, why) in [
        (get(""), 400, "malformed-request", "Host"),
        (get("Host: localhost\r\nHost: localhost\r\n"), 400, "malformed-request", "more than once"),
        (get("Host: a b\r\n"), 400, "malformed-request", "Host"),
        (get("Host: localhost\r\nX: a\n\r\n"), 400, "malformed-request", "CR LF"),
        (get("Host: localhost\r\nContent-Length: +0\r\n"), 400, "malformed-request", "Content-Length"),
        (get("Host: localhost\r\nno header\r\n"), 400, "malformed-request", "header"),
        ("GET  /healthz\r\n\r\n".to_owned(), 400, "malformed-request", "HTTP/1.1"),
        ("GET /healthz HTTP/3.0\r\nHost: localhost\r\n\r\n".to_owned(), 400, "malformed-request", "version"),
        ("\u{16}\u{3}\u{1}".to_owned(), 400, "malformed-request", "speaks HTTP"),
        (get(&format!("Host: localhost\r\nX: {large}\r\n")), 431, "head-too-large", "65536"),
        (get(&format!("Host: localhost\r\n{}", "X: a\r\n".repeat(100))), 431, "head-too-large", "100"),
        (format!("GET /{large} HTTP/1.1\r\nHost: localhost\r\n\r\n"), 431, "head-too-large", "65536"),
    ] {
        for host in [&open, &keyed] {
            let answer = raw::exchange(host.address, request.as_bytes());
            assert_eq!(raw::statuses(&answer), [status], "{request:.99}: {answer}");
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            let head = head.to_ascii_lowercase();
            assert!(head.contains("content-type: application/problem+json"), "{request:.99}: {answer}");
            assert!(head.contains("connection: close"), "{request:.99}: {answer}");
            let problem: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(problem["type"], format!("urn:gatepost:problem:{kind}"), "{request:.99}: {answer}");
            assert_eq!(problem["status"], status, "{request:.99}: {answer}");
            assert!(problem["detail"].as_str().unwrap().contains(why), "{request:.99}: {answer}");
        }
    }
    // What is old has no Host to give.
    for (host, status) in [(&open, 421), (&keyed, 200)] {
        let answer = raw::exchange(host.address, b"GET /healthz HTTP/1.0\r\n\r\n");
        assert!(answer.contains(&format!(" {status} ")), "{answer}");
    }
}
