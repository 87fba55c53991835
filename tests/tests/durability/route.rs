//! The same through a route of two http gateways, of which the first refuses three messages of ten: failover goes on across the kills.

use crate::kill::{Acknowledged, rounds, send_until_killed};
use gatepost_tests::{Host, Site, database, eventually, peers::nginx::Nginx, random::Random};
use std::collections::{HashMap, HashSet};

const MAX_IN_FLIGHT: usize = 16;
const ACKNOWLEDGED_AT_MOST: u64 = 300;

struct Outcome {
    kills: usize,
    duplicates: usize,
    /// States of the acknowledged messages.
    sent: usize,
    uncertain: usize,
}

#[test]
fn nothing_acknowledged_is_lost_through_a_route() {
    let outcome = run("retry");
    assert_eq!(outcome.uncertain, 0);
    // What was under way at a kill, through either gateway, and nothing else.
    assert!(outcome.duplicates <= outcome.kills * 2 * MAX_IN_FLIGHT, "{} duplicates", outcome.duplicates);
}

#[test]
fn nothing_is_sent_twice_where_the_definition_says_so() {
    let outcome = run("fail");
    assert_eq!(outcome.duplicates, 0);
    assert!(outcome.uncertain <= outcome.kills * 2 * MAX_IN_FLIGHT, "{} uncertain", outcome.uncertain);
}

fn run(on_uncertain: &str) -> Outcome {
    let rounds = rounds();
    let mut random = Random::seeded();
    let moody = Nginx::answering(
        "location / { if ($request_id ~ \"^[0-4]\") { return 503 'busy'; } return 200 'OK'; }",
    );
    let steady = Nginx::start();
    let gateway = |name: &str, peer: &Nginx| {
        format!(
            "[gateways.{name}]\nprovider = \"http\"\nmax_in_flight = {MAX_IN_FLIGHT}\non_uncertain = \"{on_uncertain}\"\n\
             parameters = {{ URL = \"{}/?t={{otp}}\" }}\n",
            peer.origin()
        )
    };
    let route = "[routes.default]\ngateways = [\"moody\", \"steady\"]\n";
    let site = Site::new(&(gateway("moody", &moody) + &gateway("steady", &steady) + route));

    let mut acknowledged = Acknowledged::new();
    for round in 1..=rounds {
        let (kill_at, jitter) = (random.below(ACKNOWLEDGED_AT_MOST), random.below(20_000));
        let host = Host::start(&site);
        let of_round = send_until_killed(host, |_| ("route", "default"), round, kill_at, jitter);
        assert_eq!(database::integrity_of_copy(&site.data()), "ok", "round {round}");
        acknowledged.extend(of_round);
    }
    let host = Host::start(&site);
    let (sent, uncertain) = ends(&host, &acknowledged);
    assert_eq!(host.terminate().code(), Some(0));

    let mut taken: HashMap<String, usize> = HashMap::new();
    for request in
        moody.arrived().iter().chain(&steady.arrived()).filter(|request| request.text("status") == "200")
    {
        let text = request.line().split(['=', ' ']).nth(2).unwrap().to_owned();
        *taken.entry(text).or_default() += 1;
    }
    let lost = acknowledged
        .iter()
        .filter(|(id, text)| sent.contains(id.as_str()) && !taken.contains_key(*text))
        .count();
    assert_eq!(lost, 0, "messages are said to be sent, and no service has them");
    let duplicates = taken.values().map(|count| count - 1).sum();
    let kills = usize::try_from(rounds).unwrap();
    println!(
        "on_uncertain = {on_uncertain:?}: {} messages acknowledged, {} sent, {uncertain} uncertain, {duplicates} duplicates in {kills} kills",
        acknowledged.len(),
        sent.len()
    );
    Outcome { kills, duplicates, sent: sent.len(), uncertain }.checked(acknowledged.len())
}

impl Outcome {
    fn checked(self, acknowledged: usize) -> Self {
        assert_eq!(self.sent + self.uncertain, acknowledged, "every acknowledged message has its end");
        self
    }
}

/// Waits for every message's end: which are sent, and how many ended as uncertain.
fn ends<'a>(host: &Host, acknowledged: &'a Acknowledged) -> (HashSet<&'a str>, usize) {
    let mut open: HashSet<&str> = acknowledged.keys().map(String::as_str).collect();
    let (mut sent, mut uncertain, mut left) = (HashSet::new(), 0, usize::MAX);
    while !open.is_empty() {
        // As long as it gets fewer, it is only slow.
        eventually("more messages come to their end", || {
            open.retain(|id| {
                let message = host.message(id);
                match (message["state"].as_str().unwrap(), message["reason"].as_str()) {
                    ("sent", _) => drop(sent.insert(*id)),
                    ("failed", Some("uncertain")) => uncertain += 1,
                    ("queued" | "sending", _) => return true,
                    _ => panic!("{message}"),
                }
                false
            });
            (open.len() < left).then_some(())
        });
        left = open.len();
    }
    (sent, uncertain)
}
