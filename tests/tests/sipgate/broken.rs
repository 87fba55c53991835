//! Servers that drip, hang, reset or talk nonsense, or are not there: every submit ends within TIMEOUT, with the right outcome.

use super::{TEXT, TO, gateway};
use gatepost_tests::{
    Host, Site,
    peers::{
        free_port,
        misbehaving::{Misbehaving, unclear},
    },
    refused,
};
use std::time::{Duration, Instant};

/// TIMEOUT of every gateway here, and what the host and a busy machine may add to it.
const TIMEOUT: Duration = Duration::from_secs(2);
const SLACK: Duration = Duration::from_secs(4);

fn outcome_of(host: &Host, gateway: &str) -> (String, String) {
    let started = Instant::now();
    let (outcome, _, detail) = refused(host, gateway, TO, TEXT);
    assert!(started.elapsed() < TIMEOUT + SLACK, "{gateway} took {:?}", started.elapsed());
    (outcome, detail)
}

#[test]
fn what_may_have_been_sent_is_uncertain() {
    let servers = unclear();
    let gateways = servers.iter().enumerate().map(|(number, (name, server))| {
        let api = if number % 2 == 0 { "" } else { "API = \"rest\"" };
        gateway(name, &format!("http://{}/RPC2", server.address), api)
    });
    let site = Site::new(&gateways.collect::<String>());
    let host = Host::start(&site);
    for (name, server) in &servers {
        let (outcome, detail) = outcome_of(&host, name);
        assert_eq!(outcome, "uncertain", "{name}: {detail}");
        assert_eq!(server.connections(), 1, "{name}: nothing is sent twice");
    }
}

#[test]
fn an_endless_answer_and_an_endless_refusal_end() {
    let endless = |head: &'static str| {
        Misbehaving::start(move |connection| {
            connection.write(head);
            connection.keep_writing(&[b'x'; 8192], Duration::ZERO);
        })
    };
    let taken = endless("HTTP/1.1 200 OK\r\n\r\n<methodResponse>");
    let refused = endless("HTTP/1.1 503 Busy\r\n\r\ncome later ");
    let gateways = [
        gateway("taken", &format!("http://{}/", taken.address), ""),
        gateway("refused", &format!("http://{}/", refused.address), ""),
    ];
    let site = Site::new(&gateways.concat());
    let host = Host::start(&site);
    let (outcome, detail) = outcome_of(&host, "taken");
    assert_eq!(outcome, "uncertain", "{detail}");
    let (outcome, detail) = outcome_of(&host, "refused");
    assert_eq!(outcome, "unavailable", "{detail}");
    assert!(detail.contains("come later"), "{detail}");
}

#[test]
fn nobody_there_is_unavailable() {
    let port = free_port();
    let gateways = [
        gateway("refused", &format!("http://127.0.0.1:{port}/RPC2"), ""),
        gateway("nameless", "http://no-such-host.invalid/RPC2", "API = \"rest\""),
        gateway("no-tls", &format!("https://127.0.0.1:{port}/RPC2"), ""),
        gateway("no-proxy", "http://127.0.0.1/RPC2", &format!("PROXY = \"127.0.0.1:{port}\"")),
    ];
    let site = Site::new(&gateways.concat());
    let host = Host::start(&site);
    for gateway in ["refused", "nameless", "no-tls", "no-proxy"] {
        let (outcome, detail) = outcome_of(&host, gateway);
        assert_eq!(outcome, "unavailable", "{gateway}: {detail}");
        assert!(detail.contains("no connection"), "{detail}");
    }
}
