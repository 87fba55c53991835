//! Servers that drip, hang, reset or talk nonsense: every submit ends within TIMEOUT, with the right outcome.

use super::{TEXT, TO, refused, sent};
use gatepost_tests::{
    Host, Site,
    peers::misbehaving::{Misbehaving, unclear},
};
use std::time::{Duration, Instant};

/// TIMEOUT of every gateway here, and what the host and a busy machine may add to it.
const TIMEOUT: Duration = Duration::from_secs(1);
const SLACK: Duration = Duration::from_secs(4);

fn site(servers: &[(&str, &Misbehaving, &str)]) -> Site {
    let gateways = servers.iter().map(|(name, server, more)| {
        format!(
            "[gateways.{name}]\nprovider = \"http\"\nretry = {{ attempts = 1 }}\n[gateways.{name}.parameters]\nURL = \"http://{}/\"\nTIMEOUT = 1\n{more}\n",
            server.address
        )
    });
    Site::new(&gateways.collect::<String>())
}

fn outcome_of(host: &Host, gateway: &str) -> (String, String) {
    let started = Instant::now();
    let (outcome, _, detail) = refused(host, gateway, TO, TEXT);
    assert!(started.elapsed() < TIMEOUT + SLACK, "{gateway} took {:?}", started.elapsed());
    (outcome, detail)
}

#[test]
fn what_may_have_been_sent_is_uncertain() {
    let peers = unclear();
    let servers = peers.iter().map(|(name, server)| (*name, server, "")).collect::<Vec<_>>();
    let site = site(&servers);
    let host = Host::start(&site);
    for (name, server, _) in servers {
        let (outcome, detail) = outcome_of(&host, name);
        assert_eq!(outcome, "uncertain", "{name}: {detail}");
        assert_eq!(server.connections(), 1, "{name}: nothing is sent twice");
    }
}

#[test]
fn an_endless_answer_is_judged_by_its_beginning() {
    let endless = || {
        Misbehaving::start(|connection| {
            connection.write("HTTP/1.1 200 OK\r\n\r\nID: 77\n");
            connection.keep_writing(&[b'x'; 8192], Duration::ZERO);
        })
    };
    let (found, missing) = (endless(), endless());
    let servers = [
        ("found", &found, "RETURN_SUCCESS = \"ID\"\nID_REGEXP = 'ID: (\\d+)'"),
        ("missing", &missing, "RETURN_SUCCESS = \"fine\""),
    ];
    let site = site(&servers);
    let host = Host::start(&site);
    let started = Instant::now();
    assert_eq!(sent(&host, "found").body["provider_ids"], serde_json::json!(["77"]));
    assert!(started.elapsed() < TIMEOUT + SLACK);
    let (outcome, detail) = outcome_of(&host, "missing");
    assert_eq!(outcome, "rejected", "{detail}");
}

#[test]
fn an_error_status_counts_even_if_its_body_does_not_end() {
    let refusing = Misbehaving::start(|connection| {
        connection.write("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 1000\r\n\r\ncome later");
        connection.hang();
    });
    let site = site(&[("refusing", &refusing, "")]);
    let host = Host::start(&site);
    let (outcome, detail) = outcome_of(&host, "refusing");
    assert_eq!(outcome, "unavailable", "{detail}");
    assert!(detail.contains("come later"), "{detail}");
}

#[test]
fn a_server_that_takes_no_connection_is_unavailable() {
    // A listener whose queue is full: connecting hangs.
    let listener =
        rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None).unwrap();
    rustix::net::bind(&listener, &std::net::SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let address: std::net::SocketAddr = rustix::net::getsockname(&listener).unwrap().try_into().unwrap();
    let _full: Vec<_> =
        (0..4).map(|_| std::net::TcpStream::connect_timeout(&address, Duration::from_millis(300))).collect();
    let site = Site::new(&format!(
        "[gateways.full]\nprovider = \"http\"\nretry = {{ attempts = 1 }}\n[gateways.full.parameters]\nURL = \"http://{address}/\"\nTIMEOUT = 1\n"
    ));
    let host = Host::start(&site);
    let (outcome, detail) = outcome_of(&host, "full");
    assert_eq!(outcome, "unavailable", "{detail}");
}
