//! A service dies in the middle of a stream of messages: each arrives through the route's other gateway, at once, and the first one is
//! used again when its service is back. In a binary of its own, since it looks at times.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

use gatepost_tests::{Host, Site, eventually, load::Connection, peers::nginx::Nginx};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const CLIENTS: u32 = 5;
/// Of each client.
const PAUSE: Duration = Duration::from_millis(50);
const AT_ONCE: Duration = Duration::from_secs(1);

#[test]
fn a_dead_service_is_failed_over_at_once_and_used_again_when_it_is_back() {
    let (mut first, second) = (Nginx::start(), Nginx::start());
    let gateway = |name: &str, peer: &Nginx| {
        let url = peer.origin();
        format!("[gateways.{name}]\nprovider = \"http\"\nparameters = {{ URL = \"{url}/?t={{otp}}\" }}\n")
    };
    let route = "[routes.default]\ngateways = [\"first\", \"second\"]\n";
    let site = Site::new(&(gateway("first", &first) + &gateway("second", &second) + route));
    let host = Host::start(&site);

    let over = Arc::new(AtomicBool::new(false));
    let answers: Arc<Mutex<Vec<(String, Duration, Value)>>> = Arc::default();
    let clients = (0..CLIENTS).map(|client| {
        let (over, answers, address) = (Arc::clone(&over), Arc::clone(&answers), host.address);
        thread::spawn(move || {
            let mut connection = Connection::open(address).unwrap();
            for number in 0.. {
                let (began, text) = (Instant::now(), format!("{client}-{number}"));
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let message = json!({ "to": "+491701234567", "text": text }).to_string();
                let (status, body) = connection.post("/v1/messages?wait=30", &message).unwrap();
                assert_eq!(status, 200, "{body}");
                let took = began.elapsed();
                answers.lock().unwrap().push((text, took, serde_json::from_str(&body).unwrap()));
                thread::sleep(PAUSE.saturating_sub(took));
            }
        })
    });
    let clients = clients.collect::<Vec<_>>();
    let sent_through = |gateway: &str| {
        answers.lock().unwrap().iter().filter(|(.., message)| message["gateway"] == gateway).count()
    };
    eventually("the first gateway is used", || (sent_through("first") >= 50).then_some(()));
    first.kill();
    eventually("the second gateway is used", || (sent_through("second") >= 100).then_some(()));
    eventually("the first gateway's breaker opens", || {
        let open = "gatepost_breaker_state{gateway=\"first\",state=\"open\"}";
        (host.metric(open) > 0.0).then_some(())
    });
    assert_eq!(
        host.get("/readyz").body["gateways"],
        json!({ "first": "down", "second": "up", "outbox": "up" })
    );
    first.start_again();
    let before = sent_through("first");
    eventually("the first gateway is used again", || (sent_through("first") >= before + 50).then_some(()));
    over.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().unwrap();
    }

    let answers = answers.lock().unwrap();
    let arrived = first.arrived().into_iter().chain(second.arrived());
    let arrived = arrived.map(|request| request.line().split(['=', ' ']).nth(2).unwrap().to_owned());
    let arrived = arrived.collect::<std::collections::HashSet<_>>();
    let missing = answers.iter().filter(|(text, ..)| !arrived.contains(text)).count();
    assert_eq!(missing, 0, "messages that no service has");
    let slowest = answers.iter().max_by_key(|(_, took, _)| *took).unwrap();
    let failed_over =
        answers.iter().filter(|(.., message)| message["attempts"].as_array().unwrap().len() > 1).count();
    println!(
        "{} messages, {failed_over} failed over, the slowest took {} ms from request to answer",
        answers.len(),
        slowest.1.as_millis()
    );
    assert!(slowest.1 < AT_ONCE, "{slowest:?}");
    assert!(failed_over > 0, "the kill hit nothing");
    drop(answers);
    assert_eq!(host.terminate().code(), Some(0));
}
