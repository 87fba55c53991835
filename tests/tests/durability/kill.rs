//! Rounds of: fifty clients send, the host is killed, and started again.

use gatepost_tests::{Host, Site, database, eventually, fixtures, random::Random};
use serde_json::json;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    env, fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

const CLIENTS: u64 = 50;
/// The host is killed when so many messages of the round are acknowledged, at most.
const ACKNOWLEDGED_AT_MOST: u64 = 600;
const MAX_IN_FLIGHT: usize = 16;
const GATEWAYS: [&str; 2] = ["courier", "outbox"];

/// Id to text of the messages that were answered with 2xx.
pub(crate) type Acknowledged = BTreeMap<String, String>;

/// How often the host is killed.
pub(crate) fn rounds() -> u64 {
    env::var("GATEPOST_KILL_ROUNDS").map_or(3, |rounds| rounds.parse().unwrap())
}

#[test]
fn every_acknowledged_message_survives_kill_9_and_is_delivered() {
    let rounds = rounds();
    let mut random = Random::seeded();
    let site = Site::new(
        "[gateways.courier]\nprovider = \"courier\"\n[gateways.courier.parameters]\nFILE = \"courier.txt\"\n",
    );
    let bounded = format!("max_in_flight = {MAX_IN_FLIGHT}\nprovider =");
    site.configure(&site.configuration().replace("provider =", &bounded));
    site.add_library(fixtures::courier(), "courier.so");

    let mut acknowledged = Acknowledged::new();
    for round in 1..=rounds {
        let (kill_at, jitter) = (random.below(ACKNOWLEDGED_AT_MOST), random.below(20_000));
        let through = |client: u64| ("gateway", GATEWAYS[usize::try_from(client).unwrap() % GATEWAYS.len()]);
        let of_round = send_until_killed(Host::start(&site), through, round, kill_at, jitter);
        assert_eq!(database::integrity_of_copy(&site.data()), "ok", "round {round}");
        println!("round {round} of {rounds}: killed after {} acknowledged messages", of_round.len());
        // Every other round the next host is killed with this one's backlog still in its queue.
        if round % 2 == 0 {
            let host = Host::start(&site);
            all_are_delivered(&host, &site, &of_round);
            host.kill();
        }
        acknowledged.extend(of_round);
    }

    let host = Host::start(&site);
    all_are_delivered(&host, &site, &acknowledged);
    assert_eq!(host.terminate().code(), Some(0));
    assert_eq!(database::integrity_of_copy(&site.data()), "ok");
    // A kill may duplicate what was under way, nothing else.
    let duplicates: usize = deliveries(&site).values().map(|count| count - 1).sum();
    let kills = usize::try_from(rounds + rounds / 2).unwrap();
    println!("{} messages acknowledged, {duplicates} duplicates in {kills} kills", acknowledged.len());
    assert!(duplicates <= kills * MAX_IN_FLIGHT * GATEWAYS.len(), "{duplicates} duplicates");
    assert!(acknowledged.len() as u64 > rounds, "hardly anything was sent");
}

/// Lets fifty clients send, each through the gateway or route that `through` says, until so many messages are acknowledged, and `jitter` spins longer; then kills the host.
pub(crate) fn send_until_killed(
    host: Host,
    through: fn(u64) -> (&'static str, &'static str),
    round: u64,
    kill_at: u64,
    jitter: u64,
) -> Acknowledged {
    let acknowledged = Arc::new(Mutex::new(Acknowledged::new()));
    let (count, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let url = host.url("/v1/messages");
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (acknowledged, count, over) =
                (Arc::clone(&acknowledged), Arc::clone(&count), Arc::clone(&over));
            let (http, url) = (host.client().clone(), url.clone());
            thread::spawn(move || {
                let (member, name) = through(client);
                for number in 0.. {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    let text = format!("{round}-{client}-{number}");
                    let message = json!({ "to": "+491701234567", "text": text, member: name });
                    // A third of them waits for the outcome, the others for the disk.
                    let wait = if client % 3 == 0 { "?wait=30" } else { "" };
                    let request = http.post(format!("{url}{wait}")).json(&message);
                    let Ok(answer) = gatepost_tests::client::send(request) else { continue };
                    assert!([200, 202, 502].contains(&answer.status), "{answer:?}");
                    if answer.status == 502 {
                        // Over, and said so: what its service got is counted all the same.
                        assert_eq!(answer.body["message"]["reason"], "uncertain", "{answer:?}");
                        continue;
                    }
                    acknowledged.lock().unwrap().insert(answer.id(), text);
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    eventually("the messages are acknowledged", || {
        (count.load(Ordering::Relaxed) >= kill_at || clients.iter().any(thread::JoinHandle::is_finished))
            .then_some(())
    });
    for _ in 0..jitter {
        std::hint::spin_loop();
    }
    host.kill();
    over.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().unwrap();
    }
    Arc::into_inner(acknowledged).unwrap().into_inner().unwrap()
}

fn all_are_delivered(host: &Host, site: &Site, acknowledged: &Acknowledged) {
    let mut open: HashSet<&String> = acknowledged.keys().collect();
    let mut left = usize::MAX;
    while !open.is_empty() {
        // As long as it gets fewer, it is only slow.
        eventually("more messages are sent", || {
            open.retain(|id| {
                let message = host.message(id);
                assert!(
                    ["queued", "sending", "sent"].contains(&message["state"].as_str().unwrap()),
                    "{message}"
                );
                message["state"] != "sent"
            });
            (open.len() < left).then_some(())
        });
        left = open.len();
    }
    let delivered = deliveries(site);
    let missing: Vec<_> = acknowledged.values().filter(|text| !delivered.contains_key(*text)).collect();
    assert!(missing.is_empty(), "{} of {} are not delivered: {missing:?}", missing.len(), acknowledged.len());
}

/// How often each text came out, of either gateway.
fn deliveries(site: &Site) -> HashMap<String, usize> {
    let courier = fs::read_to_string(site.path().join("courier.txt")).unwrap_or_default();
    let mut counts = HashMap::new();
    for line in courier.lines().chain(site.outbox().lines()) {
        *counts.entry(line.rsplit('\t').next().unwrap().to_owned()).or_default() += 1;
    }
    counts
}
