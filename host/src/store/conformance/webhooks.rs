//! What is to be told to others.

use super::{NOON, new_message, sent};
use crate::{
    config::Endpoint,
    message::{MessageId, NewMessage, OutcomeKind, State, Text, Timestamp, WebhookUrl},
    store::{Dropped, NewInbound, News, Next, Place, Settled, Step, Store, Waiting, Webhook},
};
use std::time::Duration;

const APP: &str = "https://app.example";

fn told(gateway: &str, url: &str) -> NewMessage {
    NewMessage { callback_url: Some(WebhookUrl::new(url)), ..new_message(gateway, "hello") }
}

fn later(seconds: u64) -> Timestamp {
    NOON.plus(Duration::from_secs(seconds))
}

async fn waiting(store: &dyn Store, origin: &str, now: Timestamp) -> Waiting {
    store.webhooks(origin, now, 100).await.unwrap()
}

fn ids(waiting: &Waiting) -> Vec<&str> {
    waiting.due.iter().map(|webhook| webhook.id.as_str()).collect()
}

fn over(webhook: &Webhook) -> Settled {
    Settled { seq: webhook.seq, again_at: None }
}

/// Stores the messages and has each sent a second after the one before.
async fn all_sent(store: &dyn Store, all: &[NewMessage]) {
    store.insert(all.to_vec(), None).await.unwrap();
    for (new, seconds) in all.iter().zip(1..) {
        store.record([Step { at: later(seconds), ..sent(new) }].into()).await.unwrap();
    }
}

/// Runs every test, each on a fresh store.
pub async fn all<S: Store>(fresh: impl Fn() -> S) {
    the_end_of_a_message_with_a_callback_is_to_be_told(&fresh()).await;
    what_did_not_happen_is_not_told(&fresh()).await;
    a_try_in_vain_is_due_again_later(&fresh()).await;
    what_is_over_is_gone(&fresh()).await;
    origins_are_apart_and_reads_bounded(&fresh()).await;
    an_inbound_message_is_to_be_told(&fresh()).await;
    the_oldest_are_dropped_first(&fresh()).await;
}

async fn the_end_of_a_message_with_a_callback_is_to_be_told(store: &dyn Store) {
    let url = "https://app.example/hook?token=x";
    let new = [told("one", url), told("one", url), told("one", url)];
    store.insert(new.to_vec(), None).await.unwrap();
    assert_eq!(waiting(store, APP, later(9)).await, Waiting::default(), "it is queued: nothing to tell");
    let failed = Next::Finished { state: State::Failed, reason: Some(OutcomeKind::Rejected) };
    let expired = Next::Finished { state: State::Expired, reason: None };
    let steps = vec![
        sent(&new[0]),
        Step { next: failed, at: later(1), ..sent(&new[1]) },
        Step { next: expired, at: later(2), attempt: None, ..sent(&new[2]) },
    ];
    store.record(steps.clone().into()).await.unwrap();
    let found = waiting(store, APP, later(2)).await;
    assert_eq!((found.next_due, found.oldest), (None, Some(steps[0].at)));
    let expected = new.iter().zip(&steps).zip(["sent", "failed", "expired"]);
    for (webhook, ((new, step), word)) in found.due.iter().zip(expected) {
        let message = store.message(new.id).await.unwrap().unwrap();
        assert_eq!(message.state.as_str(), word);
        assert_eq!(webhook.id, format!("msg_{}_{word}", new.id));
        assert_eq!(webhook.news, Some(News::Changed(Box::new(message))));
        assert_eq!((&*webhook.url, webhook.at, webhook.tries), (url, step.at, 0));
    }
    assert_eq!((found.due.len(), store.webhooks_waiting()), (3, vec![(APP.to_owned(), 3)]));
}

async fn what_did_not_happen_is_not_told(store: &dyn Store) {
    let url = "https://app.example/hook";
    let (without, canceled, waits) = (new_message("one", "x"), told("one", url), told("one", url));
    store.insert(vec![without.clone(), canceled.clone(), waits.clone()], None).await.unwrap();
    store.cancel(canceled.id, NOON).await.unwrap();
    let elsewhere = Step { from: ("two".into(), Place::first(&waits)), ..sent(&waits) };
    let on = super::goes_on(&waits, OutcomeKind::Unavailable, "two", State::Sending, NOON);
    let recorded = store.record([sent(&without), elsewhere, on].into()).await.unwrap();
    let taken = recorded.iter().map(|recorded| recorded.taken).collect::<Vec<_>>();
    assert_eq!(taken, [true, false, true]);
    assert_eq!(waiting(store, APP, later(9)).await, Waiting::default());
    assert!(store.webhooks_waiting().is_empty());
}

async fn a_try_in_vain_is_due_again_later(store: &dyn Store) {
    all_sent(store, &[told("one", "https://app.example/hook")]).await;
    let first = waiting(store, APP, later(1)).await.due.remove(0);
    assert!(waiting(store, APP, NOON).await.due.is_empty(), "it is not due before it came to be");
    for tries in 1..=3 {
        let again_at = later(u64::from(tries) * 10);
        store.settle_webhooks(vec![Settled { seq: first.seq, again_at: Some(again_at) }]).await.unwrap();
        let before = waiting(store, APP, Timestamp::from_millis(again_at.as_millis() - 1)).await;
        assert_eq!((before.due.len(), before.next_due, before.oldest), (0, Some(again_at), Some(first.at)));
        assert_eq!(waiting(store, APP, again_at).await.due, [Webhook { tries, ..first.clone() }]);
    }
    assert_eq!(store.webhooks_waiting(), [(APP.to_owned(), 1)]);
}

async fn what_is_over_is_gone(store: &dyn Store) {
    let url = "https://app.example/hook";
    all_sent(store, &[told("one", url), told("one", url)]).await;
    let due = waiting(store, APP, later(9)).await.due;
    store.settle_webhooks(vec![over(&due[0])]).await.unwrap();
    // Once more: nothing is there that it could be about.
    let again = Settled { seq: due[0].seq, again_at: Some(NOON) };
    store.settle_webhooks(vec![over(&due[0]), again]).await.unwrap();
    let left = waiting(store, APP, later(9)).await;
    assert_eq!((left.due.as_slice(), left.oldest), (&due[1..], Some(due[1].at)));
    assert_eq!(store.webhooks_waiting(), [(APP.to_owned(), 1)]);
    store.settle_webhooks(vec![over(&due[1])]).await.unwrap();
    assert!(store.webhooks_waiting().is_empty());
}

async fn origins_are_apart_and_reads_bounded(store: &dyn Store) {
    let urls = [
        "https://app.example/1",
        "https://app.example:443/2",
        "https://app.example:8443/",
        "http://app.example/",
    ];
    let new = urls.map(|url| told("one", url));
    all_sent(store, &new).await;
    for (origin, count) in [(APP, 2), ("https://app.example:8443", 1), ("http://app.example", 1), ("", 0)] {
        assert_eq!(waiting(store, origin, later(9)).await.due.len(), count, "{origin}");
    }
    let first = store.webhooks(APP, later(9), 1).await.unwrap();
    assert_eq!(ids(&first), [format!("msg_{}_sent", new[0].id)], "the earlier one first");
    let counts = store.webhooks_waiting();
    assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), 4, "{counts:?}");
}

async fn an_inbound_message_is_to_be_told(store: &dyn Store) {
    let payload = Text::new(r#"{"text":"STOP"}"#);
    let to = Endpoint::parse("https://app.example/inbound").unwrap();
    let new = |id: &str| NewInbound { id: id.into(), to: to.clone(), payload: payload.clone(), at: NOON };
    store.inbound(new("in_1")).await.unwrap();
    store.inbound(new("in_2")).await.unwrap();
    let due = waiting(store, APP, NOON).await.due;
    assert_eq!(due.iter().map(|webhook| webhook.id.as_str()).collect::<Vec<_>>(), ["in_1", "in_2"]);
    assert_eq!(due[0].news, Some(News::Inbound(payload)));
    assert_eq!((&*due[0].url, due[0].at), (to.url(), NOON));
    store.settle_webhooks(due.iter().map(over).collect()).await.unwrap();
    assert!(store.webhooks_waiting().is_empty());
}

async fn the_oldest_are_dropped_first(store: &dyn Store) {
    let new = [(); 5].map(|()| told("one", "https://app.example/hook"));
    all_sent(store, &new).await;
    // When it is due does not matter.
    let first = &waiting(store, APP, later(1)).await.due[0];
    store.settle_webhooks(vec![Settled { seq: first.seq, again_at: Some(later(3600)) }]).await.unwrap();
    let dropped = store.drop_webhooks(APP, later(3), 2).await.unwrap();
    assert_eq!(dropped, Dropped { count: 2, oldest: Some(later(3)) });
    let dropped = store.drop_webhooks(APP, later(3), 2).await.unwrap();
    assert_eq!(dropped, Dropped { count: 1, oldest: Some(later(4)) });
    let dropped = store.drop_webhooks("https://other.example", later(9), 9).await.unwrap();
    assert_eq!(dropped, Dropped::default());
    let left = waiting(store, APP, later(9)).await;
    assert_eq!(ids(&left), [&new[3], &new[4]].map(|new| format!("msg_{}_sent", new.id)));
    assert_eq!(store.webhooks_waiting(), [(APP.to_owned(), 2)]);
}

/// `receipt` has a message that was sent become the state.
pub(crate) async fn changes_of_a_message_are_due_one_after_the_other(
    store: &dyn Store,
    receipt: impl Fn(MessageId, State, Timestamp),
) {
    let url = "https://app.example/hook";
    let new = [told("one", url), told("one", url)];
    all_sent(store, &new).await;
    receipt(new[0].id, State::Delivered, later(4));
    let name = |number: usize, word: &str| format!("msg_{}_{word}", new[number].id);
    let found = waiting(store, APP, later(9)).await;
    assert_eq!(ids(&found), [name(0, "sent"), name(1, "sent")]);
    assert_eq!(found.next_due, None, "what waits behind another is due with it alone");
    // As long as the earlier is tried, the later one waits.
    let again = Settled { seq: found.due[0].seq, again_at: Some(later(60)) };
    store.settle_webhooks(vec![again, over(&found.due[1])]).await.unwrap();
    assert!(waiting(store, APP, later(59)).await.due.is_empty());
    let found = waiting(store, APP, later(60)).await;
    assert_eq!(ids(&found), [name(0, "sent")]);
    let Some(News::Changed(message)) = &found.due[0].news else { panic!("{found:?}") };
    assert_eq!((message.state, message.events.len()), (State::Sent, 3), "as it stood then");
    store.settle_webhooks(vec![over(&found.due[0])]).await.unwrap();
    let found = waiting(store, APP, later(60)).await;
    assert_eq!(ids(&found), [name(0, "delivered")]);
    // One that is dropped makes way as well.
    receipt(new[1].id, State::Undelivered, later(5));
    receipt(new[1].id, State::Delivered, later(6));
    store.drop_webhooks(APP, later(5), 9).await.unwrap();
    assert_eq!(ids(&waiting(store, APP, later(60)).await), [name(1, "delivered")]);
}
