//! Servers that drip, hang, reset or talk nonsense, or are not there: every submit ends within TIMEOUT, with the right outcome.

use super::{DEVICE, TEXT, account, service, with_account};
use gatepost_tests::{
    Host, Site,
    peers::{
        free_port,
        misbehaving::{Misbehaving, unclear},
    },
    refused,
};
use serde_json::json;
use std::time::{Duration, Instant};

/// TIMEOUT of every gateway here, and what the host and a busy machine may add to it.
const TIMEOUT: Duration = Duration::from_secs(4);
const SLACK: Duration = Duration::from_secs(4);

fn outcome_of(host: &Host, gateway: &str) -> (String, String) {
    let started = Instant::now();
    let (outcome, _, detail) = refused(host, gateway, DEVICE, TEXT);
    assert!(started.elapsed() < TIMEOUT + SLACK, "{gateway} took {:?}", started.elapsed());
    (outcome, detail)
}

#[test]
fn a_push_that_may_have_been_sent_is_uncertain() {
    let (service, servers) = (service(), unclear());
    let file = service.folder().join("account.json");
    let gateways = servers
        .iter()
        .map(|(name, server)| with_account(name, &file, &format!("http://{}", server.address), ""));
    let site = Site::new(&gateways.collect::<String>());
    let host = Host::start(&site);
    for (name, server) in &servers {
        let (outcome, detail) = outcome_of(&host, name);
        assert_eq!(outcome, "uncertain", "{name}: {detail}");
        assert_eq!(server.connections(), 1, "{name}: nothing is sent twice");
    }
}

#[test]
fn without_a_token_nothing_was_sent_whatever_became_of_the_request_for_it() {
    let (service, servers) = (service(), unclear());
    let gateways = servers.iter().map(|(name, server)| {
        let account = account(&service, name, |account| {
            account["token_uri"] = json!(format!("http://{}/token", server.address));
        });
        with_account(name, &account, &service.origin(), "")
    });
    let site = Site::new(&gateways.collect::<String>());
    let host = Host::start(&site);
    for (name, _) in &servers {
        let (outcome, detail) = outcome_of(&host, name);
        assert_eq!(outcome, "unavailable", "{name}: {detail}");
        assert!(detail.contains("no access token"), "{name}: {detail}");
    }
    assert_eq!(service.arrived().len(), 0);
}

#[test]
fn an_endless_answer_and_an_endless_refusal_end() {
    let service = service();
    let file = service.folder().join("account.json");
    let endless = |head: &'static str| {
        Misbehaving::start(move |connection| {
            connection.write(head);
            connection.keep_writing(&[b'x'; 8192], Duration::ZERO);
        })
    };
    let taken = endless("HTTP/1.1 200 OK\r\n\r\n{\"name\": \"");
    let refused = endless("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\ncome later ");
    let gateways = [
        with_account("taken", &file, &format!("http://{}", taken.address), ""),
        with_account("refused", &file, &format!("http://{}", refused.address), ""),
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
    let service = service();
    let port = free_port();
    let nowhere = account(&service, "nowhere", |account| {
        account["token_uri"] = json!(format!("http://127.0.0.1:{port}/token"))
    });
    let nameless = account(&service, "nameless", |account| {
        account["token_uri"] = json!("https://no-such-host.invalid/token")
    });
    let file = service.folder().join("account.json");
    let gateways = [
        with_account("token-refused", &nowhere, &service.origin(), ""),
        with_account("token-nameless", &nameless, &service.origin(), ""),
        with_account("refused", &file, &format!("http://127.0.0.1:{port}"), ""),
        with_account("nameless", &file, "http://no-such-host.invalid", ""),
        with_account("no-tls", &file, &format!("https://127.0.0.1:{port}"), ""),
    ];
    let site = Site::new(&gateways.concat());
    let host = Host::start(&site);
    for gateway in ["token-refused", "token-nameless", "refused", "nameless", "no-tls"] {
        let (outcome, detail) = outcome_of(&host, gateway);
        assert_eq!(outcome, "unavailable", "{gateway}: {detail}");
        assert!(detail.contains("no connection"), "{detail}");
    }
}

#[test]
fn a_dead_service_is_unavailable_however_long_the_token_took() {
    let service = service();
    // Takes connections, and never speaks TLS.
    let dead = Misbehaving::at_once(|connection| connection.hang());
    let late = |seconds: &str| {
        let account = account(&service, seconds, |account| {
            account["token_uri"] = json!(format!("{}/token/late/{seconds}", service.origin()));
        });
        with_account(
            &format!("late-{}", seconds.replace('.', "-")),
            &account,
            &format!("https://{}", dead.address),
            "",
        )
    };
    let site = Site::new(&[late("1"), late("2.8")].concat());
    let host = Host::start(&site);
    for (gateway, says) in [("late-1", "no connection"), ("late-2-8", "no access token")] {
        let (outcome, detail) = outcome_of(&host, gateway);
        assert_eq!(outcome, "unavailable", "{gateway}: {detail}");
        assert!(detail.contains(says), "{gateway}: {detail}");
    }
    assert_eq!(dead.connections(), 1, "there is no push without a token");
}
