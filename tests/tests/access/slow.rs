//! Clients that keep the host waiting.

use gatepost_tests::{Host, Site, raw};
use std::{
    io::Write as _,
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

const POST: &str = "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";

/// Sends the pieces of a request, one every so often, until the host closes the connection: how long that took, and what it said.
fn drip(mut stream: TcpStream, piece: &str, every: Duration) -> (Duration, Vec<u16>) {
    let began = Instant::now();
    let mut answers = String::new();
    while began.elapsed() < Duration::from_secs(60) {
        if stream.write_all(piece.as_bytes()).is_err() {
            break;
        }
        answers += &raw::answers(&mut stream, every);
        if raw::is_closed(&mut stream) {
            break;
        }
    }
    (began.elapsed(), raw::statuses(&answers))
}

#[test]
fn what_comes_byte_by_byte_is_not_waited_for() {
    let site = Site::new("");
    let host = Host::start(&site);
    let open = |beginning: &str| {
        let mut stream = raw::connect(host.address);
        stream.write_all(beginning.as_bytes()).unwrap();
        stream
    };
    let quarter = Duration::from_millis(250);
    let head = open("GET /healthz HTTP/1.1\r\nX: ");
    let headers = open("GET /healthz HTTP/1.1\r\n");
    let body = open(&format!("{POST}Content-Length: 10000\r\n\r\n"));
    let chunks = open(&format!("{POST}Transfer-Encoding: chunked\r\n\r\n"));
    // A second request has its own time.
    let second = open("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HTTP/1.1\r\nX: ");
    let drips = [
        ("a head", head, "a", 10..22, vec![]),
        ("headers", headers, "X: a\r\n", 10..22, vec![431]),
        ("a body", body, " ", 25..40, vec![408]),
        ("chunks", chunks, "1\r\n \r\n", 25..40, vec![408]),
        ("a second head", second, "a", 10..22, vec![200]),
    ];
    let dripping = drips.map(|(what, stream, piece, within, expected)| {
        let dripping = thread::spawn(move || drip(stream, piece, quarter));
        (what, dripping, within, expected)
    });
    for (what, dripping, within, expected) in dripping {
        let (took, statuses) = dripping.join().unwrap();
        assert!(within.contains(&took.as_secs()), "{what}: {took:?}, {statuses:?}");
        assert!(statuses == expected || (expected == [431] && statuses.is_empty()), "{what}: {statuses:?}");
    }
    assert_eq!(host.send_and_wait("outbox", "+491701234567", "still there").status, 200);
}
