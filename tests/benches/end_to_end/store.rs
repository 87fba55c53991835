//! The store without a host: a message is accepted, claimed and finished, which are two commits of its own when it is alone, a share of two
//! when many are under way.

use crate::disk::PAYLOAD;
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
use std::time::{Duration, Instant};

/// Messages a second over `time`, with so many under way.
pub(crate) fn rate(at_once: usize, time: Duration) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let options =
        Options { retain: Duration::from_secs(86_400), clock: Clock::System, max_pages: None, metrics: None };
    let store = EmbeddedStore::open(&folder.path().join("store"), options).unwrap();
    let rate = runtime.block_on(rounds(&store, at_once, time));
    runtime.block_on(store.close());
    rate
}

async fn rounds(store: &dyn Store, at_once: usize, time: Duration) -> f64 {
    let (mut done, began) = (0_usize, Instant::now());
    while began.elapsed() < time {
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
    done as f64 / began.elapsed().as_secs_f64()
}

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
