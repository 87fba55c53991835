//! What every [`Store`] must do, as tests that each engine runs.

mod history;
mod receipts;
mod respelt;
pub mod webhooks;

use super::{Canceled, Inserted, Next, Once, Place, Recorded, Step, Store, StoreError};
use crate::message::{
    Attempt, Content, Message, MessageId, NewMessage, Outcome, OutcomeKind, Priority, Progress, Recipient,
    State, Text, Timestamp, Tried, Validity,
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
        route: None,
        plan: Vec::new(),
        tag: Some("login".into()),
        priority: Priority::Normal,
        created_at: NOON,
        due_at: NOON,
        validity: Validity { from: NOON, own: None },
        expires_at: NOON.plus(Duration::from_secs(600)),
        deadline: NOON.plus(Duration::from_secs(600)),
        api_key: Some("app".into()),
        callback_url: None,
    }
}

/// The record of a submission of `new` that was accepted.
pub fn sent(new: &NewMessage) -> Step {
    let started_at = NOON.plus(Duration::from_millis(5));
    let ended_at = NOON.plus(Duration::from_millis(9));
    let outcome =
        Outcome { code: Some("200".into()), ..Outcome::accepted(vec!["a\"1".into(), "b".into()], 2) };
    let attempt = Attempt { gateway: new.gateway.clone(), started_at, ended_at, outcome };
    let next = Next::Finished { state: State::Sent, reason: None };
    let from = (new.gateway.clone(), Place::first(new));
    let callback_url = new.callback_url.clone();
    Step { id: new.id, from, attempt: Some(attempt), at: ended_at, next, callback_url }
}

/// The record of a submission of `new` that came to `kind`, after which it waits for `gateway`.
fn goes_on(new: &NewMessage, kind: OutcomeKind, gateway: &str, state: State, due_at: Timestamp) -> Step {
    let mut step = sent(new);
    step.attempt.as_mut().unwrap().outcome = Outcome::new(kind, "no");
    let mut progress = Progress { rounds: 1, ..Progress::default() };
    progress.gateways.insert(new.gateway.clone(), Tried { counted: 1, this_round: true, out: false });
    let deadline = new.deadline.plus(Duration::from_secs(60));
    step.next = Next::Waits { gateway: gateway.into(), state, due_at, deadline, progress };
    step
}

/// Of a step that was taken.
const TAKEN: Recorded = Recorded { taken: true, receipts: 0, moved: None };
const LEFT: Recorded = Recorded { taken: false, receipts: 0, moved: None };

async fn queue(store: &dyn Store, gateway: &str) -> Vec<MessageId> {
    let ready = store.ready(gateway, NOON, 1000, usize::MAX).await.unwrap();
    ready.ready.into_iter().map(|ready| ready.place.id).collect()
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
    a_message_goes_on_and_keeps_what_was_tried(&fresh()).await;
    a_step_from_where_the_message_is_not_changes_nothing(&fresh()).await;
    planned_messages_are_found_page_by_page(&fresh()).await;
    overdue_messages_are_found_in_every_queue(&fresh()).await;
    a_mark_stays_until_the_outcome(&fresh()).await;
    what_is_queued_can_be_canceled(&fresh()).await;
    a_request_is_carried_out_once(&fresh()).await;
    the_same_request_many_times_at_once_is_carried_out_once(Arc::new(fresh())).await;
    the_oldest_of_each_queue_is_known(&fresh()).await;
    receipts::a_receipt_is_the_last_word(&fresh()).await;
    receipts::all_parts_decide(&fresh()).await;
    receipts::a_receipt_may_come_before_the_outcome(&fresh()).await;
    receipts::what_was_said_before_another_submission_counts(&fresh()).await;
    receipts::unmatched_receipts_are_kept_and_listed(&fresh()).await;
    receipts::what_went_out_before_does_not_decide(&fresh()).await;
    receipts::an_id_that_is_given_twice_is_the_last_ones(&fresh()).await;
    respelt::all(&fresh).await;
    a_closed_store_says_so(&fresh()).await;
    many_at_once_lose_nothing(Arc::new(fresh())).await;
    webhooks::all(&fresh).await;
    history::all(fresh).await;
}

async fn a_message_is_kept_as_it_came(store: &dyn Store) {
    let mut new = new_message("one", "Your code is 123456");
    new.content.title = Some(Text::new("Login"));
    new.content.data = Some(Text::new(r#"{"z":1,"a":[ ]}"#));
    store.insert(vec![new.clone()], None).await.unwrap();

    let message = store.message(new.id).await.unwrap().unwrap();
    assert_eq!(message, crate::message::Message::queued(&new));
    assert_eq!(message.state, State::Queued);
    assert_eq!(store.unfinished(), 1);

    let ready = store.ready("one", NOON, 10, usize::MAX).await.unwrap().ready;
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
    store.insert(vec![new.clone()], None).await.unwrap();
    store.record([finish.clone()].into()).await.unwrap();

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
    finish.next = Next::Finished { state: State::Failed, reason: Some(OutcomeKind::Throttled) };
    let mut outcome = Outcome::new(OutcomeKind::Throttled, "slow down");
    outcome.after = Some(Duration::from_millis(1500));
    finish.attempt.as_mut().unwrap().outcome = outcome;
    store.insert(vec![new.clone()], None).await.unwrap();
    store.record([finish.clone()].into()).await.unwrap();
    let message = store.message(new.id).await.unwrap().unwrap();
    assert_eq!((message.state, message.reason), (State::Failed, Some(OutcomeKind::Throttled)));
    assert_eq!(message.attempts, [finish.attempt.unwrap()]);
    assert_eq!((message.parts, message.provider_ids.len()), (0, 0));
}

async fn an_expiry_has_no_attempt(store: &dyn Store) {
    let new = new_message("one", "hello");
    store.insert(vec![new.clone()], None).await.unwrap();
    let next = Next::Finished { state: State::Expired, reason: None };
    let finish = Step { at: new.expires_at, attempt: None, next, ..sent(&new) };
    store.record([finish].into()).await.unwrap();
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
    store.insert(batch, None).await.unwrap();
    assert_eq!(queue(store, "one").await, expected.iter().map(|new| new.id).collect::<Vec<_>>());
}

async fn what_is_due_later_waits(store: &dyn Store) {
    let later = NewMessage { due_at: NOON.plus(Duration::from_millis(1)), ..new_message("one", "later") };
    let now = NewMessage { priority: Priority::Low, ..new_message("one", "now") };
    store.insert(vec![later.clone(), now.clone()], None).await.unwrap();
    assert_eq!(queue(store, "one").await, [now.id]);
    assert_eq!(store.ready("one", NOON, 10, usize::MAX).await.unwrap().next_due, Some(later.due_at));
    let ready = store.ready("one", later.due_at, 10, usize::MAX).await.unwrap();
    assert_eq!(ready.next_due, None);
    let ready = ready.ready;
    assert_eq!(ready.iter().map(|ready| ready.place.id).collect::<Vec<_>>(), [later.id, now.id]);
}

async fn reads_are_bounded(store: &dyn Store) {
    let batch = (0..5).map(|_| new_message("one", "0123456789")).collect::<Vec<_>>();
    store.insert(batch, None).await.unwrap();
    for (limit, max_bytes, found) in [
        (3, usize::MAX, 3),
        (10, 25, 2),
        (10, 30, 3),
        (10, 1, 1),
        (10, 0, 1),
        (10, 50, 5),
        (6, usize::MAX, 5),
    ] {
        let front = store.ready("one", NOON, limit, max_bytes).await.unwrap();
        assert_eq!((front.ready.len(), front.more), (found, found < 5), "{limit} {max_bytes}");
    }
}

async fn queues_are_apart(store: &dyn Store) {
    let (one, two) = (new_message("one", "1"), new_message("two", "2"));
    store.insert(vec![one.clone(), two.clone(), new_message("two", "3")], None).await.unwrap();
    assert_eq!(queue(store, "one").await, [one.id]);
    assert_eq!(store.depths(), [("one".to_owned(), 1), ("two".to_owned(), 2)]);
    store.record([sent(&one)].into()).await.unwrap();
    assert_eq!(store.depths(), [("two".to_owned(), 2)]);
}

async fn a_batch_is_all_or_none(store: &dyn Store) {
    let (first, second) = (new_message("one", "1"), new_message("one", "2"));
    store.insert(vec![first.clone()], None).await.unwrap();
    // The first is there already.
    let refused = store.insert(vec![second.clone(), first.clone()], None).await;
    assert!(matches!(refused, Err(StoreError::Damaged(_))), "{refused:?}");
    assert_eq!(store.message(second.id).await.unwrap(), None);
    assert_eq!(queue(store, "one").await, [first.id]);
    assert_eq!(store.unfinished(), 1);
}

async fn finishing_twice_changes_nothing(store: &dyn Store) {
    let new = new_message("one", "hello");
    store.insert(vec![new.clone()], None).await.unwrap();
    store.record([sent(&new)].into()).await.unwrap();
    let before = store.message(new.id).await.unwrap();
    let again = Step { next: Next::Finished { state: State::Failed, reason: None }, ..sent(&new) };
    let unknown = new_message("one", "unknown");
    let taken = store.record([again, sent(&unknown)].into()).await.unwrap();
    assert_eq!(taken, [LEFT; 2]);
    assert_eq!(store.message(new.id).await.unwrap(), before);
    assert_eq!(store.unfinished(), 0);
}

fn planned(gateway: &str, plan: &[&str]) -> NewMessage {
    let plan = plan.iter().map(|&name| name.to_owned()).collect();
    NewMessage { route: Some("default".into()), plan, ..new_message(gateway, "planned") }
}

fn states(message: &Message) -> Vec<State> {
    message.events.iter().map(|event| event.state).collect()
}

async fn a_message_goes_on_and_keeps_what_was_tried(store: &dyn Store) {
    let new = planned("one", &["one", "two"]);
    store.insert(vec![new.clone()], None).await.unwrap();
    let on = goes_on(&new, OutcomeKind::Unavailable, "two", State::Sending, NOON);
    assert_eq!(store.record([on.clone()].into()).await.unwrap(), [TAKEN]);
    assert!(queue(store, "one").await.is_empty());
    let ready = store.ready("two", NOON, 10, usize::MAX).await.unwrap().ready.remove(0);
    let Next::Waits { progress, deadline, .. } = &on.next else { panic!() };
    assert_eq!((&ready.progress, ready.deadline, &ready.plan), (progress, *deadline, &new.plan));
    assert_eq!((ready.gateway.as_str(), ready.state, ready.attempts), ("two", State::Sending, 1));
    assert_eq!(
        (&ready.content, ready.validity, ready.expires_at),
        (&new.content, new.validity, new.expires_at)
    );
    let message = store.message(new.id).await.unwrap().unwrap();
    assert_eq!((message.gateway.as_str(), message.route.as_deref()), ("two", Some("default")));
    assert_eq!((states(&message), message.updated_at), (vec![State::Queued, State::Sending], on.at));

    // On to the next round, later, in the same queue.
    let second = NewMessage { gateway: "two".into(), ..new.clone() };
    let due_at = NOON.plus(Duration::from_secs(7));
    let again = goes_on(&second, OutcomeKind::Uncertain, "two", State::Queued, due_at);
    assert_eq!(store.record([again].into()).await.unwrap(), [TAKEN]);
    let front = store.ready("two", NOON, 10, usize::MAX).await.unwrap();
    assert_eq!((front.ready.len(), front.next_due), (0, Some(due_at)));
    assert_eq!((store.unfinished(), store.depths()), (1, vec![("two".to_owned(), 1)]));
    let third = NewMessage { due_at, ..second };
    assert_eq!(store.record([sent(&third)].into()).await.unwrap(), [TAKEN]);
    let message = store.message(new.id).await.unwrap().unwrap();
    let round = [State::Queued, State::Sending];
    assert_eq!(states(&message), [round.repeat(2), vec![State::Sent]].concat());
    let kinds = message.attempts.iter().map(|attempt| attempt.outcome.kind).collect::<Vec<_>>();
    assert_eq!(kinds, [OutcomeKind::Unavailable, OutcomeKind::Uncertain, OutcomeKind::Accepted]);
    assert_eq!((message.parts, store.unfinished()), (2, 0));
}

async fn a_step_from_where_the_message_is_not_changes_nothing(store: &dyn Store) {
    let new = new_message("one", "hello");
    store.insert(vec![new.clone()], None).await.unwrap();
    let before = store.message(new.id).await.unwrap();
    let elsewhere = NewMessage { gateway: "two".into(), ..new.clone() };
    let later = NewMessage { due_at: NOON.plus(Duration::from_millis(1)), ..new.clone() };
    assert_eq!(store.record([sent(&elsewhere), sent(&later)].into()).await.unwrap(), [LEFT; 2]);
    assert!(!store.mark(new.id, ("two".into(), Place::first(&new)), NOON).await.unwrap());
    assert_eq!(store.message(new.id).await.unwrap(), before);
    assert_eq!(store.unfinished(), 1);
}

async fn planned_messages_are_found_page_by_page(store: &dyn Store) {
    let mut expected = Vec::new();
    for priority in [Priority::High, Priority::Low] {
        for seconds in [0, 9] {
            let due_at = NOON.plus(Duration::from_secs(seconds));
            let new = NewMessage { priority, due_at, ..planned("one", &["one", "two"]) };
            expected.push(new.id);
            store
                .insert(vec![new, new_message("one", "alone"), planned("two", &["two", "one"])], None)
                .await
                .unwrap();
        }
    }
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.planned("one", after, 3).await.unwrap();
        assert!(page.iter().all(|ready| ready.content.is_empty() && ready.plan.len() == 2));
        found.extend(page.iter().map(|ready| ready.place.id));
        let Some(last) = page.last() else { break };
        after = Some(last.place);
    }
    assert_eq!(found, expected);
}

async fn overdue_messages_are_found_in_every_queue(store: &dyn Store) {
    let with_deadline = |gateway: &str, seconds| {
        let deadline = NOON.plus(Duration::from_secs(seconds));
        NewMessage { deadline, due_at: NOON.plus(Duration::from_secs(1000)), ..new_message(gateway, "x") }
    };
    let (first, second, third) = (with_deadline("two", 1), with_deadline("one", 2), with_deadline("one", 3));
    store.insert(vec![third.clone(), second.clone(), first.clone()], None).await.unwrap();
    let look = async |seconds, limit| {
        let found = store.overdue(NOON.plus(Duration::from_secs(seconds)), limit).await.unwrap();
        let ids = found.ready.iter().map(|ready| ready.place.id).collect::<Vec<_>>();
        (ids, found.next)
    };
    assert_eq!(look(0, 10).await, (vec![], Some(first.deadline)));
    assert_eq!(look(2, 10).await, (vec![first.id, second.id], Some(third.deadline)));
    assert_eq!(look(3, 2).await, (vec![first.id, second.id], None));
}

async fn a_mark_stays_until_the_outcome(store: &dyn Store) {
    let new = new_message("one", "hello");
    store.insert(vec![new.clone()], None).await.unwrap();
    let at = NOON.plus(Duration::from_millis(5));
    assert!(store.mark(new.id, ("one".into(), Place::first(&new)), at).await.unwrap());
    let ready = store.ready("one", NOON, 10, usize::MAX).await.unwrap().ready.remove(0);
    assert_eq!((ready.marked_at, ready.state), (Some(at), State::Sending));
    let on = goes_on(&new, OutcomeKind::Unavailable, "one", State::Queued, NOON);
    assert_eq!(store.record([on].into()).await.unwrap(), [TAKEN]);
    let ready = store.ready("one", NOON, 10, usize::MAX).await.unwrap().ready.remove(0);
    assert_eq!(ready.marked_at, None);
    assert!(store.mark(new.id, ("one".into(), Place::first(&new)), at).await.unwrap());
    assert_eq!(store.record([sent(&new)].into()).await.unwrap(), [TAKEN]);
    let message = store.message(new.id).await.unwrap().unwrap();
    let round = [State::Queued, State::Sending];
    assert_eq!(states(&message), [round.repeat(2), vec![State::Sent]].concat());
    assert!(!store.mark(new.id, ("one".into(), Place::first(&new)), at).await.unwrap());
}

async fn what_is_queued_can_be_canceled(store: &dyn Store) {
    let (new, sending, done) = (new_message("one", "1"), new_message("one", "2"), new_message("one", "3"));
    store.insert(vec![new.clone(), sending.clone(), done.clone()], None).await.unwrap();
    let on = goes_on(&sending, OutcomeKind::Unavailable, "two", State::Sending, NOON);
    store.record([on, sent(&done)].into()).await.unwrap();
    let at = NOON.plus(Duration::from_secs(1));
    assert_eq!(store.cancel(new.id, at).await.unwrap(), Canceled::Done);
    assert_eq!(store.cancel(new.id, at).await.unwrap(), Canceled::Refused(State::Canceled));
    assert_eq!(store.cancel(sending.id, at).await.unwrap(), Canceled::Refused(State::Sending));
    assert_eq!(store.cancel(done.id, at).await.unwrap(), Canceled::Refused(State::Sent));
    assert_eq!(store.cancel(MessageId::new(), at).await.unwrap(), Canceled::Unknown);
    let message = store.message(new.id).await.unwrap().unwrap();
    assert_eq!((states(&message), message.updated_at), (vec![State::Queued, State::Canceled], at));
    assert!(queue(store, "one").await.is_empty());
    assert_eq!(store.unfinished(), 1);
}

fn once(api_key: &str, key: &str, request: u8, at: Timestamp) -> Option<Once> {
    Some(Once { api_key: api_key.into(), key: key.into(), fingerprint: [request; 32], at })
}

async fn a_request_is_carried_out_once(store: &dyn Store) {
    let (first, other) = (new_message("one", "1"), new_message("one", "2"));
    let both = vec![first.clone(), other.clone()];
    let carry = async |batch, once: Option<Once>| {
        let known = store.known(once.as_ref().unwrap()).await.unwrap();
        let inserted = store.insert(batch, once).await.unwrap();
        assert_eq!(known.unwrap_or(Inserted::Stored), inserted, "asking first says the same");
        inserted
    };
    assert_eq!(carry(both, once("app", "k", 1, NOON)).await, Inserted::Stored);
    let later = NOON.plus(Duration::from_secs(86_399));
    let again = || vec![new_message("one", "again")];
    let known = Inserted::Known(vec![first.id, other.id]);
    assert_eq!(carry(again(), once("app", "k", 1, later)).await, known);
    assert_eq!(carry(again(), once("app", "k", 2, later)).await, Inserted::Conflict);
    assert_eq!(store.unfinished(), 2);
    // Others' keys are others' requests; another key is another request.
    assert_eq!(carry(again(), once("web", "k", 2, NOON)).await, Inserted::Stored);
    assert_eq!(carry(again(), once("app", "K", 2, NOON)).await, Inserted::Stored);
    // After a day it is forgotten.
    let next_day = NOON.plus(Duration::from_secs(86_400));
    assert_eq!(carry(again(), once("app", "k", 2, next_day)).await, Inserted::Stored);
    assert_eq!(carry(again(), once("app", "k", 1, next_day)).await, Inserted::Conflict);
    // What could not be stored is not remembered.
    assert!(store.insert(vec![first.clone(), first.clone()], once("app", "new", 1, NOON)).await.is_err());
    assert_eq!(carry(again(), once("app", "new", 2, NOON)).await, Inserted::Stored);
}

async fn the_same_request_many_times_at_once_is_carried_out_once<S: Store>(store: Arc<S>) {
    let requests = (0..50).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            store.insert(vec![new_message("one", "hello")], once("app", "k", 1, NOON)).await.unwrap()
        })
    });
    let mut stored = 0;
    for request in requests.collect::<Vec<_>>() {
        stored += usize::from(request.await.unwrap() == Inserted::Stored);
    }
    assert_eq!((stored, store.unfinished()), (1, 1));
}

async fn the_oldest_of_each_queue_is_known(store: &dyn Store) {
    let at = |gateway: &str, seconds| {
        let created_at = NOON.plus(Duration::from_secs(seconds));
        let validity = Validity { from: created_at, own: None };
        NewMessage { created_at, due_at: created_at, validity, ..new_message(gateway, "x") }
    };
    let low = NewMessage { priority: Priority::Low, ..at("one", 1) };
    // One that is to be sent later does not wait yet, however long ago it came.
    let later = NewMessage { created_at: NOON, ..at("three", 7) };
    store.insert(vec![at("one", 5), low, at("two", 3), later], None).await.unwrap();
    let mut oldest = store.oldest().await.unwrap();
    oldest.sort();
    let seconds = oldest.iter().map(|(gateway, at)| (gateway.as_str(), at.since(NOON).as_secs()));
    assert_eq!(seconds.collect::<Vec<_>>(), [("one", 1), ("three", 7), ("two", 3)]);
}

async fn a_closed_store_says_so(store: &dyn Store) {
    let new = new_message("one", "hello");
    store.insert(vec![new.clone()], None).await.unwrap();
    store.close().await;
    store.close().await;
    let late = store.insert(vec![new_message("one", "late")], None).await;
    assert!(matches!(late, Err(StoreError::Closed)));
    assert!(matches!(store.record([sent(&new)].into()).await, Err(StoreError::Closed)));
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
                store.insert(vec![new.clone()], None).await.unwrap();
                if number % 2 == 0 {
                    store.record([sent(&new)].into()).await.unwrap();
                }
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    assert_eq!(store.unfinished(), 500);
    let queued = store.depths().into_iter().map(|(_, count)| count).sum::<u64>();
    assert_eq!(queued, 500);
}

#[tokio::test]
async fn the_store_in_memory_conforms() {
    all(super::memory::MemoryStore::default).await;
}

#[tokio::test]
async fn changes_in_memory_are_told_in_their_order() {
    let store = super::memory::MemoryStore::default();
    webhooks::changes_of_a_message_are_due_one_after_the_other(&store, |id, state, at| {
        store.receipt(id, state, at);
    })
    .await;
}
