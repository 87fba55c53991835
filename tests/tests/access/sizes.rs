//! Requests that are too large.

use gatepost_tests::{Host, Site, database, raw};
use std::{io::Write as _, time::Duration};

const MIB: usize = 1 << 20;

fn statuses(host: &Host, head: &str, body: &[u8]) -> Vec<u16> {
    let mut stream = raw::connect(host.address);
    let head =
        format!("{head}Host: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n");
    // Whoever is refused may find the connection closed.
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).unwrap_or_default();
    raw::statuses(&raw::answers(&mut stream, Duration::from_secs(20)))
}

fn chunked(body: &[u8]) -> Vec<u8> {
    let mut chunks = Vec::new();
    for chunk in body.chunks(8000) {
        chunks.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunks.extend_from_slice(chunk);
        chunks.extend_from_slice(b"\r\n");
    }
    chunks.extend_from_slice(b"0\r\n\r\n");
    chunks
}

#[test]
fn what_is_too_large_is_refused_however_it_comes() {
    let site = Site::new("");
    let host = Host::start(&site);
    let before = database::row_counts(&site.data());
    for (path, largest) in [("/v1/messages", MIB), ("/v1/messages/batch", 8 * MIB)] {
        let post = format!("POST {path} HTTP/1.1\r\n");
        let length = |length: usize| format!("{post}Content-Length: {length}\r\n");
        let fitting = vec![b' '; largest];
        let large = vec![b' '; largest + 1];
        // As long as it may be: read, and found to be no JSON.
        assert_eq!(statuses(&host, &length(largest), &fitting), [400], "{path}");
        assert_eq!(
            statuses(&host, &format!("{post}Transfer-Encoding: chunked\r\n"), &chunked(&fitting)),
            [400],
            "{path}"
        );
        assert_eq!(statuses(&host, &length(largest + 1), &large), [413], "{path}");
        assert_eq!(
            statuses(&host, &format!("{post}Transfer-Encoding: chunked\r\n"), &chunked(&large)),
            [413],
            "{path}"
        );
        // One that says it is larger than anything is not waited for.
        assert_eq!(statuses(&host, &length(usize::MAX / 4), b"{"), [413], "{path}");
        assert_eq!(
            statuses(&host, &format!("{}Expect: 100-continue\r\n", length(largest + 1)), b""),
            [413],
            "{path}"
        );
        // One that is shorter than it says.
        let mut stream = raw::connect(host.address);
        let head = format!("{}Host: localhost\r\nContent-Type: application/json\r\n\r\n{{", length(100));
        stream.write_all(head.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let answer = raw::statuses(&raw::answers(&mut stream, Duration::from_secs(20)));
        assert!(answer.is_empty() || answer == [400], "{path}: {answer:?}");
    }
    let get = |path: &str, headers: &str| statuses(&host, &format!("GET {path} HTTP/1.1\r\n{headers}"), b"");
    assert_eq!(get("/healthz", ""), [200]);
    assert_eq!(get(&format!("/healthz?{}", "a".repeat(8000)), ""), [200]);
    assert_eq!(get(&format!("/healthz?{}", "a".repeat(9000)), ""), [414]);
    assert_eq!(get("/healthz", &format!("X: {}\r\n", "a".repeat(60_000))), [200]);
    assert_eq!(get("/healthz", &format!("X: {}\r\n", "a".repeat(100_000))), [431]);
    assert_eq!(get("/healthz", &"X: a\r\n".repeat(90)), [200]);
    assert_eq!(get("/healthz", &"X: a\r\n".repeat(200)), [431]);
    assert_eq!(database::row_counts(&site.data()), before, "something was stored");
    assert_eq!(host.send_and_wait("outbox", "+491701234567", "still there").status, 200);
}
