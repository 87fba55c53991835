//! Access tokens: one request for each token's life, renewed in time and after a 401, and an assertion that Google would take.

use super::{DEVICE, TEXT, account, gateway, of_kind, service, with_account};
use gatepost_tests::{
    Host, Site, eventually, load::Connection, outcome::first_attempt, peers::service::Service, refused,
    sent_with,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    env, thread,
    time::{Duration, Instant},
};

/// How many pushes are sent on one token.
fn pushes() -> usize {
    env::var("GATEPOST_PUSHES").map_or(1000, |count| count.parse().expect("GATEPOST_PUSHES is no number"))
}

#[test]
fn many_pushes_at_once_need_one_token() {
    let service = service();
    let site = Site::new(&gateway("push", &service, ""));
    let host = Host::start(&site);
    let (count, senders) = (pushes(), 8);
    thread::scope(|scope| {
        for sender in 0..senders {
            let address = host.address;
            scope.spawn(move || {
                let mut connection = Connection::open(address).unwrap();
                for number in (sender..count).step_by(senders) {
                    let data = json!({ "number": number.to_string() });
                    let message = json!({ "to": DEVICE, "data": data, "gateway": "push", "valid_for": "1h" });
                    let (status, body) = connection.post("/v1/messages", &message.to_string()).unwrap();
                    assert_eq!(status, 202, "{body}");
                }
            });
        }
    });
    eventually("all are sent", || {
        let finished = host.metric("gatepost_messages_finished_total{gateway=\"push\",state=\"sent\"}");
        (finished >= count as f64).then_some(())
    });
    let pushes = of_kind(&service, "push");
    let numbers: BTreeSet<_> =
        pushes.iter().map(|push| push["message"]["data"]["number"].as_str().unwrap()).collect();
    assert_eq!((pushes.len(), numbers.len()), (count, count), "each once");
    assert!(pushes.iter().all(|push| push["holds"] == true));

    let tokens = of_kind(&service, "token");
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    let claims = &tokens[0]["claims"];
    assert_eq!(claims["iss"], "gatepost@demo-project.iam.gserviceaccount.com");
    assert_eq!(claims["scope"], "https://www.googleapis.com/auth/firebase.messaging");
    assert_eq!(claims["aud"], format!("{}/token", service.origin()));
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 3600);
    assert_eq!(tokens[0]["head"], json!({ "alg": "RS256", "typ": "JWT", "kid": "key-1" }));
    assert_eq!(tokens[0]["content_type"], "application/x-www-form-urlencoded");
}

#[test]
fn a_token_is_renewed_before_it_expires() {
    const LIFE: u64 = 8;
    let service = Service::start("fcm_server.py", &[&LIFE.to_string()]);
    let site = Site::new(&gateway("push", &service, ""));
    let host = Host::start(&site);
    let started = Instant::now();
    let tokens = eventually("a third token is asked for", || {
        sent_with(&host, "push", DEVICE, TEXT);
        Some(of_kind(&service, "token")).filter(|tokens| tokens.len() == 3)
    });
    // Each in the last quarter of the life of the one before.
    assert!(started.elapsed() > Duration::from_secs(LIFE * 3 / 4 * 2), "{:?}", started.elapsed());
    for pair in tokens.windows(2) {
        let after = pair[1]["at"].as_f64().unwrap() - pair[0]["at"].as_f64().unwrap();
        assert!(after >= LIFE as f64 * 0.75 - 0.2, "{after}");
    }
    let pushes = of_kind(&service, "push");
    assert!(pushes.iter().all(|push| push["holds"] == true), "none with an expired token: {pushes:?}");
    let used: BTreeSet<_> = pushes.iter().map(|push| push["access"].as_str().unwrap()).collect();
    assert!(used.len() >= 2, "{used:?}");
}

#[test]
fn a_401_renews_the_token_once() {
    let service = service();
    let gateways = [gateway("push", &service, ""), gateway("never", &service, "")];
    let site = Site::new(&gateways.concat());
    let host = Host::start(&site);
    sent_with(&host, "push", DEVICE, TEXT);
    sent_with(&host, "push", "revoke", TEXT);
    sent_with(&host, "push", DEVICE, TEXT);
    let way = service
        .arrived()
        .iter()
        .map(|request| {
            (
                request["kind"].as_str().unwrap().to_owned(),
                request["access"].as_str().unwrap_or_default().to_owned(),
                request["holds"] != false,
            )
        })
        .collect::<Vec<_>>();
    let expected = [
        ("token", "", true),
        ("push", "ya29.access-0", true),
        ("push", "ya29.access-0", false),
        ("token", "", true),
        ("push", "ya29.access-1", true),
        ("push", "ya29.access-1", true),
    ];
    assert_eq!(way, expected.map(|(kind, access, holds)| (kind.to_owned(), access.to_owned(), holds)));

    let before = service.arrived().len();
    let (outcome, code, detail) = refused(&host, "never", "never", TEXT);
    assert_eq!((outcome.as_str(), code.as_str()), ("misconfigured", "UNAUTHENTICATED"), "{detail}");
    assert!(
        detail.contains("401 UNAUTHENTICATED: Request had invalid authentication credentials."),
        "{detail}"
    );
    let after = service.arrived();
    let kinds = after[before..].iter().map(|request| request["kind"].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(kinds, ["token", "push", "token", "push"]);
}

#[test]
fn those_who_wait_for_a_token_share_its_refusal() {
    let service = service();
    let slow = account(&service, "slow", |account| {
        account["token_uri"] = json!(format!("{}/token/slow", service.origin()))
    });
    let site = Site::new(&with_account("slow", &slow, &service.origin(), ""));
    let host = Host::start(&site);
    let ids = (0..20).map(|_| {
        let message = json!({ "to": DEVICE, "text": TEXT, "gateway": "slow" });
        host.post("/v1/messages", &message).id()
    });
    for id in ids.collect::<Vec<_>>() {
        let message: Value = eventually("it is tried", || {
            Some(host.message(&id)).filter(|message| message["attempts"][0]["outcome"].is_string())
        });
        let (outcome, code, detail) = first_attempt(&message);
        assert_eq!((outcome.as_str(), code.as_str()), ("unavailable", "backend_error"), "{detail}");
        assert!(detail.contains("503 backend_error: come later"), "{detail}");
    }
    let tokens = of_kind(&service, "token");
    assert!(tokens.len() < 5, "not one for each message: {tokens:?}");
    assert_eq!(of_kind(&service, "push").len(), 0);
}

#[test]
fn another_key_than_the_accounts_is_misconfigured() {
    let service = service();
    let stranger = service.folder().join("stranger.json");
    let audience = account(&service, "audience", |account| {
        account["token_uri"] = json!(format!("{}/token/late/1", service.origin()))
    });
    let gateways = [
        with_account("stranger", &stranger, &service.origin(), ""),
        with_account("audience", &audience, &service.origin(), ""),
    ];
    let site = Site::new(&gateways.concat());
    let host = Host::start(&site);
    let (outcome, code, detail) = refused(&host, "stranger", DEVICE, TEXT);
    assert_eq!((outcome.as_str(), code.as_str()), ("misconfigured", "invalid_grant"), "{detail}");
    assert!(detail.contains("400 invalid_grant: Invalid JWT: Signature verification failed"), "{detail}");
    // The audience is the token_uri, wherever it is.
    sent_with(&host, "audience", DEVICE, TEXT);
}
