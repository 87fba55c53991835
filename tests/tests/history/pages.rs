//! A list is walked from page to page while messages are accepted.

use gatepost_tests::{Host, Site, in_seconds, load::Load};
use serde_json::{Value, json};
use std::{
    collections::HashSet,
    env, thread,
    time::{Duration, Instant},
};

/// While the list is walked, so many are accepted a second, by so many clients.
const RATE: u32 = 500;
const CLIENTS: u32 = 10;

fn listed() -> usize {
    env::var("GATEPOST_LISTED").map_or(10_000, |count| count.parse().unwrap())
}

/// Messages that wait for tomorrow: nothing but their acceptance takes time.
fn waiting() -> impl Fn(u32, &str) -> String + Send + Clone {
    let send_at = in_seconds(86_400);
    move |client, text| {
        let to = format!("+4917012345{client:02}");
        json!({ "to": to, "text": text, "gateway": "outbox", "send_at": send_at }).to_string()
    }
}

/// Inserts until it has, or goes on at the rate for ever.
fn insert(host: &Host, at_least: usize) -> Vec<String> {
    let mut ids = Vec::new();
    while ids.len() < at_least {
        let running = Load::start(host.address, 50, |_, _| "hello".into(), waiting());
        gatepost_tests::eventually("enough messages wait", || {
            let depth = host.metric("gatepost_queue_depth{gateway=\"outbox\"}") as usize;
            (depth >= at_least).then_some(())
        });
        let sent = running.end();
        assert_eq!(sent.statuses.keys().collect::<Vec<_>>(), [&202]);
        ids.extend(sent.accepted.into_iter().map(|(id, _)| id));
    }
    ids
}

#[test]
fn each_message_is_listed_once_while_others_are_accepted() {
    let site = Site::new("");
    let host = Host::start(&site);
    // There is a figure of a queue once something is in it.
    host.post("/v1/messages", &serde_json::from_str(&waiting()(0, "first")).unwrap());
    let before = insert(&host, listed());

    let began = Instant::now();
    let paced = move |_: u32, number: u32| {
        // A rate, as an application has it: each client's next message is due at its time.
        let due = began + Duration::from_secs(1) * number * CLIENTS / RATE;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        "meanwhile".to_owned()
    };
    let running = Load::start(host.address, CLIENTS, paced, waiting());
    let (mut seen, mut pages, mut slowest) = (Vec::new(), 0, Duration::ZERO);
    let mut cursor = String::new();
    loop {
        let asked = Instant::now();
        let page = host.get(&format!("/v1/messages?limit=1000{cursor}"));
        slowest = slowest.max(asked.elapsed());
        assert_eq!(page.status, 200, "{}", page.text);
        let messages = page.body["messages"].as_array().unwrap();
        assert!(messages.len() == 1000 || page.body["next_cursor"].is_null(), "a page of {}", messages.len());
        seen.extend(messages.iter().map(|message| message["id"].as_str().unwrap().to_owned()));
        pages += 1;
        match &page.body["next_cursor"] {
            Value::String(next) => cursor = format!("&cursor={next}"),
            _ => break,
        }
    }
    let (took, meanwhile) = (began.elapsed(), running.end());
    assert_eq!(meanwhile.statuses.keys().collect::<Vec<_>>(), [&202]);
    let rate = meanwhile.accepted.len() as f64 / took.as_secs_f64();
    println!(
        "{} messages on {pages} pages in {took:.2?}, the slowest page {slowest:.2?}, while {rate:.0}/s were accepted",
        seen.len()
    );
    assert!(seen.is_sorted_by(|one, next| one > next), "newest first, and none twice");
    let seen = seen.into_iter().collect::<HashSet<_>>();
    let missed = before.iter().filter(|id| !seen.contains(*id)).count();
    assert_eq!(missed, 0, "of {}", before.len());
    assert!(meanwhile.accepted.len() > 50, "hardly anything was accepted meanwhile");
    let newer = meanwhile.accepted.iter().filter(|(id, _)| !seen.contains(id)).count();
    assert!(newer > 0, "what is accepted behind the cursor's back is on no page");
    // They are on the first pages of the next walk.
    let first = host.get("/v1/messages?limit=1");
    let newest = meanwhile.accepted.iter().map(|(id, _)| id).max().unwrap();
    assert_eq!(first.body["messages"][0]["id"], **newest);
}
