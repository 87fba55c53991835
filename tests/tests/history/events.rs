//! A client of the stream of events that is cut again and again.

use gatepost_tests::{
    Host, Site, events::Events, eventually, load::Load, peers::nginx::Nginx, random::Random,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, env};

/// A cut comes after so many events at most.
const EVENTS_AT_MOST: u64 = 400;
const CLIENTS: u32 = 8;

fn cuts() -> usize {
    env::var("GATEPOST_CUTS").map_or(10, |count| count.parse().unwrap())
}

fn load(host: &Host) -> Load {
    let text = |client, number| format!("Your code is {client}{number}.");
    Load::start(host.address, CLIENTS, text, |_, text| {
        json!({ "to": "+491701234567", "text": text, "gateway": "moody" }).to_string()
    })
}

/// What the client has seen: the states of each message, in the order in which they came.
#[derive(Default)]
struct Seen {
    states: BTreeMap<String, Vec<String>>,
    last: Option<u64>,
    count: usize,
}

impl Seen {
    /// Reads the next event; whether there was one.
    fn read(&mut self, events: &mut Events) -> bool {
        let Ok(event) = events.next_event() else { return false };
        assert!(self.last.is_none_or(|last| last < event.id), "{} after {:?}", event.id, self.last);
        let states = states(&event.message);
        let seen = self.states.entry(event.message["id"].as_str().unwrap().into()).or_default();
        seen.push(event.message["state"].as_str().unwrap().into());
        // As it stood: not what came of it since.
        assert_eq!(*seen, states, "event {}", event.id);
        self.last = Some(event.id);
        self.count += 1;
        true
    }
}

fn states(message: &Value) -> Vec<String> {
    let events = message["events"].as_array().unwrap();
    events.iter().map(|event| event["state"].as_str().unwrap().to_owned()).collect()
}

/// Each message that there is, with its states.
fn listed(host: &Host) -> BTreeMap<String, Vec<String>> {
    let (mut all, mut cursor) = (BTreeMap::new(), String::new());
    loop {
        let page = host.get(&format!("/v1/messages?limit=1000{cursor}"));
        for message in page.body["messages"].as_array().unwrap() {
            all.insert(message["id"].as_str().unwrap().to_owned(), states(message));
        }
        let Some(next) = page.body["next_cursor"].as_str() else { return all };
        cursor = format!("&cursor={next}");
    }
}

#[test]
fn a_client_that_is_cut_and_comes_again_misses_nothing_and_sees_nothing_twice() {
    let (mut random, cuts) = (Random::seeded(), cuts());
    // One in sixteen goes another round.
    let moody =
        Nginx::answering("location / { if ($request_id ~ \"^0\") { return 503 'busy'; } return 200 'OK'; }");
    let site = Site::new(&format!(
        "[gateways.moody]\nprovider = \"http\"\nretry = {{ attempts = 5, first = \"100ms\", max = \"200ms\" }}\n\
         parameters = {{ URL = \"{}/\" }}\n",
        moody.origin()
    ));
    let (mut seen, mut last) = (Seen::default(), None);
    let mut accepted = Vec::new();
    // In the middle the host is killed, and started again with what waited.
    let mut host = Host::start(&site);
    for life in 0..2 {
        let mut events = Events::open(host.address, "", last).unwrap();
        let running = load(&host);
        for cut in 0..cuts / 2 {
            for _ in 0..random.below(EVENTS_AT_MOST) {
                assert!(seen.read(&mut events), "the stream broke in life {life} before cut {cut}");
            }
            // What the client knows, and what was on its way to it is gone.
            last = events.last;
            drop(events);
            events = Events::open(host.address, "", last).unwrap();
        }
        if life == 0 {
            host.kill();
            accepted.extend(running.end().accepted);
            while seen.read(&mut events) {}
            last = events.last;
            host = Host::start(&site);
        } else {
            last = events.last;
            accepted.extend(running.end().accepted);
        }
    }
    eventually("everything has come to its end", || {
        let under_way = host.get("/v1/messages?state=queued,sending&limit=1");
        under_way.body["messages"].as_array().unwrap().is_empty().then_some(())
    });
    let truth = listed(&host);
    let changes = truth.values().map(Vec::len).sum::<usize>();
    let mut events = Events::open(host.address, "", last).unwrap();
    while seen.count < changes {
        assert!(seen.read(&mut events), "the stream broke after {} of {changes} events", seen.count);
    }
    println!("{changes} changes of {} messages, {cuts} cuts and a kill", truth.len());
    assert_eq!(seen.states, truth);
    assert!(accepted.iter().all(|(id, _)| seen.states.contains_key(id)));
    assert!(seen.states.values().any(|states| states.len() > 3), "none went another round");
    // Nothing more comes: the next event is that of the next message.
    let id = host.post("/v1/messages", &json!({ "to": "1", "text": "last", "gateway": "moody" })).id();
    assert_eq!(events.next_event().unwrap().message["id"], *id);
    assert_eq!(host.terminate().code(), Some(0), "a stream holds up no end");
    while events.next_event().is_ok() {}
}
