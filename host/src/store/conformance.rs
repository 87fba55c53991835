//! What every [`Store`] must do, as tests that each engine runs.

use super::{Finish, Place, Store, StoreError};
use crate::message::{
    Attempt, Content, MessageId, NewMessage, Outcome, OutcomeKind, Priority, Recipient, State, Text,
    Timestamp,
};
use std::{sync::Arc, time::Duration};

const NOON: Timestamp = Timestamp::from_millis(1_767_268_800_000);

/// A message for `gateway`, accepted at noon.
pub fn new_message(gateway: &str, text: &str) -> NewMessage {
    NewMessage {
        id: MessageId::new(),
        to: Recipient::new("+491701234567"),
        content: Content { text: Text::new(text), title: None, data: None },
        from: Some("ACME".into()),
        gateway: gateway.into(),
        tag: Some("login".into()),
        priority: Priority::Normal,
        created_at: NOON,
        due_at: NOON,
        expires_at: NOON.plus(Duration::from_secs(600)),
        api_key: Some("app".into()),
    }
}

/// The record of a submission of `new` that was accepted.
pub fn sent(new: &NewMessage) -> Finish {
    let started_at = NOON.plus(Duration::from_millis(5));
    let ended_at = NOON.plus(Duration::from_millis(9));
    let outcome =
        Outcome { code: Some("200".into()), ..Outcome::accepted(vec!["a\"1".into(), "b".into()], 2) };
    let attempt = Attempt { gateway: new.gateway.clone(), started_at, ended_at, outcome };
    Finish { id: new.id, state: State::Sent, at: ended_at, attempt: Some(attempt), reason: None }
}

async fn queue(store: &dyn Store, gateway: &str) -> Vec<MessageId> {
    let ready = store.ready(gateway, NOON, 1000, usize::MAX).await.unwrap();
    ready.into_iter().map(|ready| ready.place.id).collect()
}

/// Runs every test, each on a fresh store.
pub async fn all<S: Store>(fresh: impl Fn() -> S) {
    a_message_is_kept_as_it_came(&fresh()).await;
    a_plain_success_has_three_events(&fresh()).await;
    a_failure_keeps_its_reason(&fresh()).await;
    an_expiry_has_no_attempt(&fresh()).await;
    queues_are_ordered_by_place(&fresh()).await;
    what_is_due_later_waits(&fresh()).await;
    reads_are_bounded(&fresh()).await;
    queues_are_apart(&fresh()).await;
    a_batch_is_all_or_none(&fresh()).await;
    finishing_twice_changes_nothing(&fresh()).await;
    a_closed_store_says_so(&fresh()).await;
    many_at_once_lose_nothing(Arc::new(fresh())).await;
}

async fn a_message_is_kept_as_it_came(store: &dyn Store) {
    let mut new = new_message("one", "Your code is 123456");
    new.content.title = Some(Text::new("Login"));
    new.content.data = Some(Text::new(r#"{"z":1,"a":[ ]}"#));
    store.insert(vec![new.clone()]).await.unwrap();

    let message = store.message(new.id).await.unwrap().unwrap();
    assert_eq!(message, crate::message::Message::queued(&new));
    assert_eq!(message.state, State::Queued);
    assert_eq!(store.unfinished(), 1);

    let ready = store.ready("one", NOON, 10, usize::MAX).await.unwrap();
    assert_eq!(ready.len(), 1);
    assert_eq!(ready[0].place, Place { priority: new.priority, due_at: new.due_at, id: new.id });
    assert_eq!(ready[0].content, new.content);
    assert_eq!((&ready[0].to, &ready[0].from, &ready[0].tag), (&new.to, &new.from, &new.tag));
    assert_eq!(
        (ready[0].created_at, ready[0].expires_at, ready[0].attempts),
        (new.created_at, new.expires_at, 0)
    );

    assert_eq!(store.message(MessageId::new()).await.unwrap(), None);
    store.writable().await.unwrap();
}

async fn a_plain_success_has_three_events(store: &dyn Store) {
    let new = new_message("one", "hello");
    let finish = sent(&new);
    store.insert(vec![new.clone()]).await.unwrap();
    store.finish(vec![finish.clone()]).await.unwrap();

    let message = store.message(new.id).await.unwrap().unwrap();
    let attempt = finish.attempt.unwrap();
    let events = message.events.iter().map(|event| (event.at, event.state)).collect::<Vec<_>>();
    assert_eq!(
        events,
        [(NOON, State::Queued), (attempt.started_at, State::Sending), (attempt.ended_at, State::Sent)]
    );
    assert_eq!((message.state, message.updated_at, message.reason), (State::Sent, finish.at, None));
    assert_eq!((message.parts, &message.provider_ids), (2, &attempt.outcome.provider_ids));
    assert_eq!(message.attempts, [attempt]);
    assert!(queue(store, "one").await.is_empty());
    assert_eq!(store.unfinished(), 0);
}

async fn a_failure_keeps_its_reason(store: &dyn Store) {
    let new = new_message("one", "hello");
    let mut finish = sent(&new);
    finish.state = State::Failed;
    finish.reason = Some(OutcomeKind::Throttled);
    let mut outcome = Outcome::new(OutcomeKind::Throttled, "slow down");
    outcome.after = Some(Duration::from_millis(1500));
    finish.attempt.as_mut().unwrap().outcome = outcome;
    store.insert(vec![new.clone()]).await.unwrap();
    store.finish(vec![finish.clone()]).await.unwrap();
    let message = store.message(new.id).await.unwrap().unwrap();
    assert_eq!((message.state, message.reason), (State::Failed, Some(OutcomeKind::Throttled)));
    assert_eq!(message.attempts, [finish.attempt.unwrap()]);
    assert_eq!((message.parts, message.provider_ids.len()), (0, 0));
}

async fn an_expiry_has_no_attempt(store: &dyn Store) {
    let new = new_message("one", "hello");
    store.insert(vec![new.clone()]).await.unwrap();
    let finish =
        Finish { id: new.id, state: State::Expired, at: new.expires_at, attempt: None, reason: None };
    store.finish(vec![finish]).await.unwrap();
    let message = store.message(new.id).await.unwrap().unwrap();
    assert_eq!(
        message.events.iter().map(|event| event.state).collect::<Vec<_>>(),
        [State::Queued, State::Expired]
    );
    assert!(message.attempts.is_empty());
    assert_eq!(store.unfinished(), 0);
}

async fn queues_are_ordered_by_place(store: &dyn Store) {
    let mut expected = Vec::new();
    for priority in [Priority::High, Priority::Normal, Priority::Low] {
        for due in [Duration::ZERO, Duration::from_millis(7)] {
            for _ in 0..2 {
                let due_at = Timestamp::from_millis(NOON.as_millis() - 10).plus(due);
                expected.push(NewMessage { priority, due_at, ..new_message("one", "hello") });
            }
        }
    }
    let mut batch = expected.clone();
    batch.reverse();
    store.insert(batch).await.unwrap();
    assert_eq!(queue(store, "one").await, expected.iter().map(|new| new.id).collect::<Vec<_>>());
}

async fn what_is_due_later_waits(store: &dyn Store) {
    let later = NewMessage { due_at: NOON.plus(Duration::from_millis(1)), ..new_message("one", "later") };
    let now = NewMessage { priority: Priority::Low, ..new_message("one", "now") };
    store.insert(vec![later.clone(), now.clone()]).await.unwrap();
    assert_eq!(queue(store, "one").await, [now.id]);
    let ready = store.ready("one", later.due_at, 10, usize::MAX).await.unwrap();
    assert_eq!(ready.iter().map(|ready| ready.place.id).collect::<Vec<_>>(), [later.id, now.id]);
}

async fn reads_are_bounded(store: &dyn Store) {
    let batch = (0..5).map(|_| new_message("one", "0123456789")).collect::<Vec<_>>();
    store.insert(batch).await.unwrap();
    for (limit, max_bytes, found) in [(3, usize::MAX, 3), (10, 25, 2), (10, 30, 3), (10, 1, 1), (10, 0, 1)] {
        assert_eq!(
            store.ready("one", NOON, limit, max_bytes).await.unwrap().len(),
            found,
            "{limit} {max_bytes}"
        );
    }
}

async fn queues_are_apart(store: &dyn Store) {
    let (one, two) = (new_message("one", "1"), new_message("two", "2"));
    store.insert(vec![one.clone(), two.clone(), new_message("two", "3")]).await.unwrap();
    assert_eq!(queue(store, "one").await, [one.id]);
    assert_eq!(store.queues().await.unwrap(), [("one".to_owned(), 1), ("two".to_owned(), 2)]);
    store.finish(vec![sent(&one)]).await.unwrap();
    assert_eq!(store.queues().await.unwrap(), [("two".to_owned(), 2)]);
}

async fn a_batch_is_all_or_none(store: &dyn Store) {
    let (first, second) = (new_message("one", "1"), new_message("one", "2"));
    store.insert(vec![first.clone()]).await.unwrap();
    // The first is there already.
    let refused = store.insert(vec![second.clone(), first.clone()]).await;
    assert!(matches!(refused, Err(StoreError::Damaged(_))), "{refused:?}");
    assert_eq!(store.message(second.id).await.unwrap(), None);
    assert_eq!(queue(store, "one").await, [first.id]);
    assert_eq!(store.unfinished(), 1);
}

async fn finishing_twice_changes_nothing(store: &dyn Store) {
    let new = new_message("one", "hello");
    store.insert(vec![new.clone()]).await.unwrap();
    store.finish(vec![sent(&new)]).await.unwrap();
    let before = store.message(new.id).await.unwrap();
    let again = Finish { state: State::Failed, reason: Some(OutcomeKind::Rejected), ..sent(&new) };
    let unknown = Finish { id: MessageId::new(), ..sent(&new) };
    store.finish(vec![again, unknown]).await.unwrap();
    assert_eq!(store.message(new.id).await.unwrap(), before);
    assert_eq!(store.unfinished(), 0);
}

async fn a_closed_store_says_so(store: &dyn Store) {
    let new = new_message("one", "hello");
    store.insert(vec![new.clone()]).await.unwrap();
    store.close().await;
    store.close().await;
    assert!(matches!(store.insert(vec![new_message("one", "late")]).await, Err(StoreError::Closed)));
    assert!(matches!(store.finish(vec![sent(&new)]).await, Err(StoreError::Closed)));
    assert!(matches!(store.message(new.id).await, Err(StoreError::Closed)));
    assert!(matches!(store.writable().await, Err(StoreError::Closed)));
}

async fn many_at_once_lose_nothing<S: Store>(store: Arc<S>) {
    let clients = (0..50).map(|client| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let gateway = format!("gateway-{}", client % 3);
            for number in 0..20 {
                let new = new_message(&gateway, "hello");
                store.insert(vec![new.clone()]).await.unwrap();
                if number % 2 == 0 {
                    store.finish(vec![sent(&new)]).await.unwrap();
                }
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    assert_eq!(store.unfinished(), 500);
    let queued = store.queues().await.unwrap().into_iter().map(|(_, count)| count).sum::<u64>();
    assert_eq!(queued, 500);
}

#[tokio::test]
async fn the_store_in_memory_conforms() {
    all(super::memory::MemoryStore::default).await;
}
