//! What the store does beside what the disk can do, in one run, on the same folder.
//!
//! A message is accepted, claimed and finished: two commits of its own when it is alone, a share of two when many are under way.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark has nobody to report to but the terminal"
)]

use futures_util::future::join_all;
use gatepost::{
    message::{
        Attempt, Clock, Content, MessageId, NewMessage, Outcome, Priority, Recipient, State, Text, Validity,
    },
    store::{
        Next, Place, Step, Store,
        embedded::{EmbeddedStore, Options},
    },
};
use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

const EACH: Duration = Duration::from_secs(3);
const PAYLOAD: usize = 500;

fn new_message() -> NewMessage {
    let now = Clock::System.now();
    NewMessage {
        id: MessageId::new(),
        to: Recipient::new("+491701234567"),
        content: Content { text: Text::new("x".repeat(PAYLOAD)), title: None, data: None },
        from: Some("ACME".into()),
        gateway: "bench".into(),
        route: None,
        plan: Vec::new(),
        tag: Some("login".into()),
        priority: Priority::Normal,
        created_at: now,
        due_at: now,
        validity: Validity { from: now, own: None },
        expires_at: now.plus(Duration::from_secs(600)),
        deadline: now.plus(Duration::from_secs(600)),
        api_key: Some("app".into()),
        callback_url: None,
    }
}

fn sent(place: Place) -> Step {
    let now = Clock::System.now();
    let outcome = Outcome::accepted(vec!["0123456789abcdef".into()], 1);
    let attempt = Attempt { gateway: "bench".into(), started_at: now, ended_at: now, outcome };
    let next = Next::Finished { state: State::Sent, reason: None };
    let from = ("bench".into(), place);
    Step { id: place.id, from, attempt: Some(attempt), at: now, next, callback_url: None }
}

/// Calls a second: each appends `batch` payloads and makes them durable.
fn fdatasync_rate(folder: &Path, batch: usize) -> f64 {
    let path = folder.join("raw");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).open(&path).unwrap();
    let payload = vec![0x5a; PAYLOAD * batch];
    let (mut calls, started) = (0_u32, Instant::now());
    while started.elapsed() < EACH {
        file.write_all(&payload).unwrap();
        file.sync_data().unwrap();
        calls += 1;
    }
    let rate = f64::from(calls) / started.elapsed().as_secs_f64();
    fs::remove_file(path).unwrap();
    rate
}

/// Messages a second through accept, claim and outcome, `at_once` of them under way.
async fn store_rate(store: &dyn Store, at_once: usize) -> f64 {
    let (mut done, started) = (0_usize, Instant::now());
    while started.elapsed() < EACH {
        // Each by itself, as requests come: it is the store that makes groups of them.
        for stored in join_all((0..at_once).map(|_| store.insert(vec![new_message()], None))).await {
            stored.unwrap();
        }
        let claimed = store.ready("bench", Clock::System.now(), at_once, usize::MAX).await.unwrap().ready;
        assert_eq!(claimed.len(), at_once);
        for finished in join_all(claimed.iter().map(|ready| store.record(vec![sent(ready.place)]))).await {
            finished.unwrap();
        }
        done += at_once;
    }
    done as f64 / started.elapsed().as_secs_f64()
}

fn folder() -> PathBuf {
    let given = std::env::args().skip_while(|argument| argument != "--dir").nth(1);
    let beside = || std::env::current_exe().unwrap().ancestors().nth(3).unwrap().join("bench-data");
    given.map_or_else(beside, PathBuf::from)
}

fn main() {
    let folder = folder();
    fs::remove_dir_all(&folder).unwrap_or_default();
    fs::create_dir_all(&folder).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let options =
        Options { retain: Duration::from_secs(86_400), clock: Clock::System, max_pages: None, metrics: None };
    let store = EmbeddedStore::open(&folder.join("store"), options).unwrap();

    println!(
        "{:<44} {:>12} {:>14} {:>22}",
        "500 B messages", "per second", "raw fdatasync", "messages per fdatasync"
    );
    for at_once in [1, 64, 256] {
        // Around the store's own run, since a disk's rate moves.
        let before = fdatasync_rate(&folder, at_once);
        let rate = runtime.block_on(store_rate(&store, at_once));
        let raw = f64::midpoint(before, fdatasync_rate(&folder, at_once));
        let name = format!("accept + claim + outcome, {at_once} at once");
        println!("{name:<44} {rate:>12.0} {raw:>14.0} {:>22.2}", rate / raw);
    }
    runtime.block_on(store.close());
    drop(store);
    fs::remove_dir_all(&folder).unwrap();
}
