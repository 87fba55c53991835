//! Crowds of clients that want nothing but the places of others.

use gatepost_tests::{Host, Site, events::Events, eventually, load::Load, raw, site::set_mode, tree};
use rustix::net::{AddressFamily, SocketType, connect, socket, sockopt::set_socket_recv_buffer_size};
use serde_json::json;
use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

/// Within which an answer comes, whatever others do. The machine of the test opens the crowd's connections at the same time.
const PROMPT: Duration = Duration::from_secs(3);

/// A crowd's connections, each of which sends `bytes` and nothing more.
struct Crowd {
    address: SocketAddr,
    bytes: Vec<u8>,
    streams: Vec<TcpStream>,
}

impl Crowd {
    fn new(address: SocketAddr, bytes: &str) -> Self {
        Self { address, bytes: bytes.into(), streams: Vec::new() }
    }

    /// Opens so many more.
    fn grow(&mut self, count: usize) {
        for _ in 0..count {
            let mut stream = TcpStream::connect(self.address).unwrap();
            stream.write_all(&self.bytes).unwrap_or_default();
            self.streams.push(stream);
        }
    }

    /// How many are still open.
    fn open(&mut self) -> usize {
        self.streams.iter_mut().filter_map(|stream| (!raw::is_closed(stream)).then_some(())).count()
    }
}

/// One request of somebody else, on a connection of its own: answered, and promptly.
fn others_are_served(host: &Host, slowest: &mut Duration) {
    let began = Instant::now();
    let body = json!({ "to": "+491701234567", "text": "hello", "gateway": "outbox" }).to_string();
    let request = format!(
        "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut stream = raw::connect(host.address);
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    *slowest = began.elapsed().max(*slowest);
}

/// Has crowds come in steps, and others be served after each.
fn besiege(host: &Host, crowds: &mut [Crowd], size: usize, step: usize) -> Duration {
    let mut slowest = Duration::ZERO;
    for _ in 0..size / step {
        let share = step / crowds.len();
        crowds.iter_mut().for_each(|crowd| crowd.grow(share));
        others_are_served(host, &mut slowest);
    }
    for _ in 0..20 {
        others_are_served(host, &mut slowest);
    }
    assert!(slowest < PROMPT, "somebody waited for {slowest:?}");
    slowest
}

const HALF_A_HEAD: &str = "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nX: ";
const HALF_A_BODY: &str = "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{";
const WHOLE: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[test]
fn ten_thousand_open_connections_stop_nobody() {
    assert!(raw::raise_open_files() > 11_000, "this process may not open 10,000 connections: ulimit -Hn");
    let site = Site::new("");
    let host = Host::start(&site);
    let mut crowds = ["", HALF_A_HEAD, WHOLE].map(|bytes| Crowd::new(host.address, bytes));
    let slowest = besiege(&host, &mut crowds, 10_000, 500);
    let open = crowds.iter_mut().map(Crowd::open).sum::<usize>();
    let files = host.metric("process_open_fds");
    println!(
        "10000 connections, {open} of them open, {files} files: the slowest of the others took {slowest:?}"
    );
    assert_eq!(host.send_and_wait("outbox", "+491701234567", "still there").status, 200);
    // Those that ask for nothing are not kept.
    eventually("the host has closed those that said nothing", || {
        (crowds[0].open() == 0 && crowds[1].open() == 0).then_some(())
    });
    assert_eq!(host.terminate().code(), Some(0));
}

#[test]
fn bodies_that_do_not_come_stop_nobody() {
    assert!(raw::raise_open_files() > 7_000, "this process may not open 6,000 connections: ulimit -Hn");
    let site = Site::new("");
    let host = Host::start(&site);
    // More than requests may be under way at once.
    let mut crowds = [Crowd::new(host.address, HALF_A_BODY)];
    let slowest = besiege(&host, &mut crowds, 6_000, 500);
    println!("6000 bodies that did not come: the slowest of the others took {slowest:?}");
    let mut oldest = crowds[0].streams.remove(0);
    let answer = raw::statuses(&raw::answers(&mut oldest, Duration::from_secs(1)));
    assert_eq!(answer, [503], "the oldest had to make room");
}

#[test]
fn where_few_files_may_be_open_the_idle_make_room() {
    let site = Site::new("");
    let limited = site.path().join("limited");
    fs::write(&limited, format!("#!/bin/sh\nulimit -n 400\nexec '{}' \"$@\"\n", tree::binary().display()))
        .unwrap();
    set_mode(&limited, 0o755);
    let host = Host::start_with(&site, &limited, &[]);
    assert!(host.log().contains("the limit of open files allows fewer connections"), "{}", host.log());
    let mut crowds = ["", HALF_A_HEAD, WHOLE].map(|bytes| Crowd::new(host.address, bytes));
    let slowest = besiege(&host, &mut crowds, 3_000, 300);
    println!("3000 connections where 300 fit: the slowest of the others took {slowest:?}");
    assert!(host.metric("process_open_fds") <= 400.0);
    assert!(!host.log().contains("could not be accepted"), "it has never run out of files");
}

/// A stream of events whose client takes nothing: the system keeps little for it.
fn silent_stream(address: SocketAddr) -> TcpStream {
    let stream = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    set_socket_recv_buffer_size(&stream, 2048).unwrap();
    connect(&stream, &address).unwrap();
    let mut stream = TcpStream::from(stream);
    stream.write_all(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    stream
}

#[test]
fn streams_of_events_that_nobody_reads_make_room() {
    let site = Site::new("");
    let host = Host::start(&site);
    let mut silent = (0..256).map(|_| silent_stream(host.address)).collect::<Vec<_>>();
    eventually("all places are taken", || match Events::open(host.address, "", None) {
        Err(refused) if refused.to_string().starts_with("http/1.1 503") => Some(()),
        // On a machine that is busy some may have been given up by now.
        _ => {
            silent.push(silent_stream(host.address));
            None
        }
    });
    let tag = "x".repeat(60);
    let running = Load::start(
        host.address,
        4,
        |_, _| "hello".into(),
        move |_, text| {
            json!({ "to": "+491701234567", "tag": tag, "text": text, "gateway": "outbox" }).to_string()
        },
    );
    let mut stream =
        eventually("somebody who reads gets a place", || Events::open(host.address, "", None).ok());
    stream.next_event().unwrap();
    assert_eq!(running.end().statuses.keys().collect::<Vec<_>>(), [&202]);
    drop(silent);
}
