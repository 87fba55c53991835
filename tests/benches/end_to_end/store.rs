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
        embedded::{ARRIVALS, EmbeddedStore, Options},
    },
};
use std::time::{Duration, Instant};

/// Lanes, each a gateway's queue, go on side by side: while one is being filled, another is being finished, as in a host.
const LANES: usize = 4;

/// Messages a second over `time`, with so many under way.
pub(crate) fn rate(at_once: usize, time: Duration) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let options = Options {
        retain: Duration::from_secs(86_400),
        clock: Clock::System,
        max_pages: None,
        arrivals: ARRIVALS,
        metrics: None,
    };
    let store = EmbeddedStore::open(&folder.path().join("store"), options).unwrap();
    let (lanes, began) = (at_once.min(LANES), Instant::now());
    let lane = |lane: usize| {
        let share = (at_once + lane) / lanes;
        let store = &store;
        async move { rounds(store, &format!("lane-{lane}"), share, time).await }
    };
    let done = runtime.block_on(join_all((0..lanes).map(lane))).into_iter().sum::<usize>();
    let rate = done as f64 / began.elapsed().as_secs_f64();
    runtime.block_on(store.close());
    rate
}

/// One lane's rounds until the time is over; how many messages were finished.
async fn rounds(store: &dyn Store, lane: &str, at_once: usize, time: Duration) -> usize {
    let (mut done, began) = (0, Instant::now());
    while began.elapsed() < time {
        // Each by itself, as requests come: it is the store that makes groups of them.
        for stored in join_all((0..at_once).map(|_| store.insert(vec![new_message(lane)], None))).await {
            stored.unwrap();
        }
        let claimed = store.ready(lane, Clock::System.now(), at_once, usize::MAX).await.unwrap().ready;
        assert_eq!(claimed.len(), at_once);
        for finished in
            join_all(claimed.iter().map(|ready| store.record([sent(lane, ready.place)].into()))).await
        {
            finished.unwrap();
        }
        done += at_once;
    }
    done
}

fn new_message(lane: &str) -> NewMessage {
    let now = Clock::System.now();
    NewMessage {
        id: MessageId::new(),
        to: Recipient::new("+491701234567"),
        content: Content { text: Text::new("x".repeat(PAYLOAD)), title: None, data: None },
        from: Some("ACME".into()),
        gateway: lane.into(),
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

fn sent(lane: &str, place: Place) -> Step {
    let now = Clock::System.now();
    let outcome = Outcome::accepted(vec!["0123456789abcdef".into()], 1);
    let attempt = Attempt { gateway: lane.into(), started_at: now, ended_at: now, outcome };
    let next = Next::Finished { state: State::Sent, reason: None };
    let from = (lane.into(), place);
    Step { id: place.id, from, attempt: Some(attempt), at: now, next, callback_url: None }
}
