//! Servers that drip, hang, reset or talk nonsense: every submit ends within the server's `timeout`, with the right outcome.

use super::{TEXT, TO, gateway, refused, server};
use gatepost_tests::{
    Host, Site,
    peers::{
        misbehaving::{Connection, Misbehaving},
        smtp::SmtpServer,
    },
};
use std::time::{Duration, Instant};

/// `timeout` of every server here, and what the host and a busy machine may add to it.
const TIMEOUT: Duration = Duration::from_secs(1);
const SLACK: Duration = Duration::from_secs(4);

fn site(servers: &[(&str, u16)]) -> Site {
    let definitions = servers
        .iter()
        .map(|(name, port)| server(name, *port, "timeout = \"1s\"") + &gateway(name, name, "a@sms.test", ""));
    Site::new(&definitions.collect::<String>())
}

fn outcome_of(host: &Host, gateway: &str) -> (String, String, String) {
    let started = Instant::now();
    let found = refused(host, gateway, TO, TEXT);
    assert!(started.elapsed() < TIMEOUT + SLACK, "{gateway} took {:?}", started.elapsed());
    found
}

/// Says so, and ends the connection.
fn saying(words: &'static str) -> Misbehaving {
    Misbehaving::at_once(move |connection| {
        connection.write(words);
    })
}

/// Answers as a server does, up to the command that `last` answers.
fn until(connection: &mut Connection<'_>, last: usize) -> bool {
    let answers = ["220 peer.test\r\n", "250 peer.test\r\n", "250 ok\r\n", "250 ok\r\n", "354 go on\r\n"];
    for answer in &answers[..last] {
        if !connection.write(answer) || !connection.read_until(b"\r\n") {
            return false;
        }
    }
    true
}

const DRIP: Duration = Duration::from_millis(50);

#[test]
fn what_the_server_can_not_have_taken_is_unavailable() {
    let serve = |what: fn(&mut Connection<'_>)| Misbehaving::at_once(what);
    let servers = [
        ("silent", serve(|connection| connection.hang())),
        ("closing", serve(|_| {})),
        ("resetting", serve(|connection| connection.reset())),
        ("garbage", saying("\u{0}\u{1}not SMTP at all\r\n")),
        ("http", saying("HTTP/1.1 400 Bad Request\r\n\r\n")),
        ("dripping-greeting", serve(|connection| connection.keep_writing(b"2", DRIP))),
        ("endless-line", serve(|connection| connection.keep_writing(&[b'2'; 65536], Duration::ZERO))),
        (
            "endless-greeting",
            serve(|connection| connection.keep_writing(b"220-and another line\r\n", Duration::ZERO)),
        ),
        (
            "dripping-lines",
            serve(|connection| {
                until(connection, 1);
                connection.keep_writing(b"250-and another\r\n", DRIP);
            }),
        ),
        (
            "endless-hello",
            serve(|connection| {
                until(connection, 1);
                connection.keep_writing(b"250-and another\r\n", Duration::ZERO);
            }),
        ),
        (
            "changing-its-mind",
            serve(|connection| {
                until(connection, 1);
                connection.write("250-yes\r\n550 no\r\n");
            }),
        ),
        (
            "silent-at-mail",
            serve(|connection| {
                until(connection, 2);
                connection.hang();
            }),
        ),
        (
            "silent-at-data",
            serve(|connection| {
                until(connection, 4);
                connection.hang();
            }),
        ),
        (
            "closing-at-data",
            serve(|connection| {
                until(connection, 4);
            }),
        ),
        (
            "out-of-step",
            serve(|connection| {
                until(connection, 4);
                connection.write("250 what mail?\r\n");
                connection.hang();
            }),
        ),
    ];
    let site = site(&servers.each_ref().map(|(name, server)| (*name, server.address.port())));
    let host = Host::start(&site);
    for (name, server) in &servers {
        let (outcome, _, detail) = outcome_of(&host, name);
        assert_eq!(outcome, "unavailable", "{name}: {detail}");
        assert!(!detail.is_empty(), "{name}");
        assert_eq!(server.connections(), 1, "{name}: nothing is tried twice");
    }
    assert!(host.memory("VmHWM") < 400 << 10, "{} KiB", host.memory("VmHWM"));
}

#[test]
fn what_the_server_may_have_taken_is_uncertain() {
    let serve = |what: fn(&mut Connection<'_>)| Misbehaving::at_once(what);
    let servers = [
        (
            "silent",
            serve(|connection| {
                until(connection, 5);
                connection.hang();
            }),
        ),
        (
            "closing",
            serve(|connection| {
                until(connection, 5);
                connection.read_until(b"\r\n.\r\n");
            }),
        ),
        (
            "resetting",
            serve(|connection| {
                until(connection, 5);
                connection.read_until(b"\r\n.\r\n");
                connection.reset();
            }),
        ),
        (
            "garbage",
            serve(|connection| {
                until(connection, 5);
                connection.read_until(b"\r\n.\r\n");
                connection.write("what was that?\r\n");
            }),
        ),
        (
            "endless",
            serve(|connection| {
                until(connection, 5);
                connection.read_until(b"\r\n.\r\n");
                connection.keep_writing(b"250-taken\r\n", Duration::ZERO);
            }),
        ),
    ];
    let peer = SmtpServer::start();
    let mut all = servers.each_ref().map(|(name, server)| (*name, server.address.port())).to_vec();
    all.push(("hanging", peer.port));
    let site = site(&all);
    site.configure(&site.configuration().replace(
        "SMTPIDENTIFIER = \"hanging\"\nMAILTO = \"a@sms.test\"",
        "SMTPIDENTIFIER = \"hanging\"\nMAILTO = \"a@hang.test\"",
    ));
    let host = Host::start(&site);
    for (name, _) in all {
        let (outcome, _, detail) = outcome_of(&host, name);
        assert_eq!(outcome, "uncertain", "{name}: {detail}");
        assert!(detail.contains("sending the mail"), "{name}: {detail}");
    }
    assert_eq!(peer.events("hung").len(), 1);
}

#[test]
fn words_that_are_no_utf_8_are_words_all_the_same() {
    let latin = Misbehaving::at_once(|connection| {
        until(connection, 5);
        connection.read_until(b"\r\n.\r\n");
        connection.write(b"250-\xfcbernommen\r\n250 OK id=1abcDE-0001-AB\r\n");
        connection.hang();
    });
    let site = site(&[("latin", latin.address.port())]);
    let host = Host::start(&site);
    let answer = super::sent(&host, "latin");
    assert_eq!(answer.body["provider_ids"], serde_json::json!(["1abcDE-0001-AB"]));
}

#[test]
fn a_refusal_counts_even_if_the_server_hangs_up_after_it() {
    let refusing = Misbehaving::at_once(|connection| {
        until(connection, 5);
        connection.read_until(b"\r\n");
        connection.write("552 5.3.4 I have had enough\r\n");
        connection.read_until(b"\r\n.\r\n");
    });
    let greeting = saying("554 5.7.1 your kind is not served\r\n");
    let old = Misbehaving::at_once(|connection| {
        connection.write("220 old.test\r\n");
        connection.read_until(b"\r\n");
        connection.write("502 what is EHLO?\r\n");
        connection.read_until(b"HELO ");
        connection.read_until(b"\r\n");
        connection.write("250 old.test\r\n");
        connection.read_until(b"\r\n");
        connection.write("450 not now\r\n");
    });
    let site = site(&[
        ("refusing", refusing.address.port()),
        ("greeting", greeting.address.port()),
        ("old", old.address.port()),
    ]);
    let host = Host::start(&site);
    for (name, outcome, code, words) in [
        ("refusing", "rejected", "552", "I have had enough"),
        ("greeting", "unavailable", "554", "your kind is not served"),
        ("old", "unavailable", "450", "not now"),
    ] {
        let (found, found_code, detail) = outcome_of(&host, name);
        assert_eq!((found.as_str(), found_code.as_str()), (outcome, code), "{name}: {detail}");
        assert!(detail.contains(words), "{name}: {detail}");
    }
}
