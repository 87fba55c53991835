//! What every engine does with receipts.

use super::{NOON, TAKEN, goes_on, new_message, planned, sent, states};
use crate::{
    message::{NewMessage, OutcomeKind, Receipt, ReceiptStatus, State, Timestamp, WebhookUrl},
    store::{Matched, Next, Received, Recorded, Store},
};
use std::time::Duration;

/// Long after [`sent`].
pub(super) const LATER: Timestamp = Timestamp::from_millis(NOON.as_millis() + 60_000);

pub(super) fn receipt(gateway: &str, provider_id: &str, status: ReceiptStatus) -> Receipt {
    let (code, detail) = (Some("0".into()), Some("as the service said".into()));
    let (gateway, provider_id, spellings) = (gateway.into(), provider_id.into(), Vec::new());
    Receipt { gateway, provider_id, spellings, status, code, detail, at: LATER }
}

/// A message that `gateway` took in these parts.
pub(super) async fn sent_in_parts(store: &dyn Store, gateway: &str, parts: &[&str]) -> NewMessage {
    let new = new_message(gateway, "hello");
    store.insert(vec![new.clone()], None).await.unwrap();
    assert_eq!(store.record([in_parts(&new, parts)].into()).await.unwrap(), [TAKEN]);
    new
}

pub(super) fn in_parts(new: &NewMessage, parts: &[&str]) -> crate::store::Step {
    let mut step = sent(new);
    let outcome = &mut step.attempt.as_mut().unwrap().outcome;
    outcome.provider_ids = parts.iter().map(|&part| part.to_owned()).collect();
    outcome.parts = u32::try_from(parts.len()).unwrap();
    step
}

pub(super) async fn say(store: &dyn Store, receipt: &Receipt) -> Received {
    store.receive(vec![receipt.clone()]).await.unwrap().remove(0)
}

pub(super) fn matched(new: &NewMessage, moved: Option<State>) -> Received {
    Received::Matched(Matched {
        id: new.id,
        moved,
        callback_url: moved.and_then(|_| new.callback_url.clone()),
    })
}

pub(super) async fn state(store: &dyn Store, new: &NewMessage) -> State {
    store.message(new.id).await.unwrap().unwrap().state
}

pub(super) async fn a_receipt_is_the_last_word(store: &dyn Store) {
    let new = NewMessage {
        callback_url: Some(WebhookUrl::new("http://127.0.0.1:1/")),
        ..new_message("one", "hello")
    };
    store.insert(vec![new.clone()], None).await.unwrap();
    store.record([in_parts(&new, &["a"])].into()).await.unwrap();
    let pending = receipt("one", "a", ReceiptStatus::Pending);
    assert_eq!(say(store, &pending).await, matched(&new, None));
    let message = store.message(new.id).await.unwrap().unwrap();
    assert_eq!((message.state, message.receipts[0].status), (State::Sent, ReceiptStatus::Pending));

    let delivered = receipt("one", "a", ReceiptStatus::Delivered);
    assert_eq!(say(store, &delivered).await, matched(&new, Some(State::Delivered)));
    let message = store.message(new.id).await.unwrap().unwrap();
    assert_eq!(states(&message), [State::Queued, State::Sending, State::Sent, State::Delivered]);
    assert_eq!((message.state, message.updated_at, message.reason), (State::Delivered, LATER, None));
    assert_eq!(message.receipts.len(), 1);
    let said = &message.receipts[0];
    assert_eq!((said.provider_id.as_str(), said.status, said.at), ("a", ReceiptStatus::Delivered, LATER));
    assert_eq!((said.code.as_deref(), said.detail.as_deref()), (Some("0"), Some("as the service said")));

    // Neither the same again nor another word changes anything.
    for status in [ReceiptStatus::Delivered, ReceiptStatus::Undelivered, ReceiptStatus::Pending] {
        assert_eq!(say(store, &receipt("one", "a", status)).await, matched(&new, None));
    }
    assert_eq!(store.message(new.id).await.unwrap().unwrap(), message);
    assert!(store.unmatched(None, None, 10).await.unwrap().is_empty());
}

pub(super) async fn all_parts_decide(store: &dyn Store) {
    let new = sent_in_parts(store, "one", &["p1", "p2"]).await;
    assert_eq!(say(store, &receipt("one", "p2", ReceiptStatus::Delivered)).await, matched(&new, None));
    assert_eq!(state(store, &new).await, State::Sent);
    let whole = say(store, &receipt("one", "p1", ReceiptStatus::Delivered)).await;
    assert_eq!(whole, matched(&new, Some(State::Delivered)));

    let new = sent_in_parts(store, "one", &["q1", "q2", "q3"]).await;
    let lost = say(store, &receipt("one", "q2", ReceiptStatus::Undelivered)).await;
    assert_eq!(lost, matched(&new, Some(State::Undelivered)));
    assert_eq!(say(store, &receipt("one", "q1", ReceiptStatus::Delivered)).await, matched(&new, None));
    assert_eq!(state(store, &new).await, State::Undelivered);
}

pub(super) async fn a_receipt_may_come_before_the_outcome(store: &dyn Store) {
    let new = new_message("one", "hello");
    store.insert(vec![new.clone()], None).await.unwrap();
    // Of a part that had this id long ago: it came before this message did.
    let old = Receipt {
        at: Timestamp::from_millis(NOON.as_millis() - 1),
        ..receipt("one", "a", ReceiptStatus::Undelivered)
    };
    let early =
        Receipt { at: NOON.plus(Duration::from_millis(6)), ..receipt("one", "a", ReceiptStatus::Delivered) };
    let elsewhere = receipt("two", "a", ReceiptStatus::Undelivered);
    let received = store.receive(vec![old.clone(), early, elsewhere.clone()]).await.unwrap();
    assert_eq!(received, [Received::Unmatched, Received::Unmatched, Received::Unmatched]);
    let recorded = store.record([in_parts(&new, &["a"])].into()).await.unwrap();
    assert_eq!(recorded, [Recorded { taken: true, receipts: 1, moved: Some(State::Delivered) }]);
    let message = store.message(new.id).await.unwrap().unwrap();
    assert_eq!(states(&message), [State::Queued, State::Sending, State::Sent, State::Delivered]);
    let times = message.events.iter().map(|event| event.at).collect::<Vec<_>>();
    assert!(times.is_sorted(), "{times:?}");

    let left = store.unmatched(None, None, 10).await.unwrap();
    let left = left.into_iter().map(|unmatched| unmatched.receipt).collect::<Vec<_>>();
    assert_eq!(left, [elsewhere, old]);
}

/// A service that knows the message, and gives it the same id again, says nothing more of it: before the host died it was said, or after
/// the first submission was recorded.
pub(super) async fn what_was_said_before_another_submission_counts(store: &dyn Store) {
    let new = new_message("one", "hello");
    store.insert(vec![new.clone()], None).await.unwrap();
    // Between acceptance and the submission that is recorded.
    let said =
        Receipt { at: NOON.plus(Duration::from_millis(2)), ..receipt("one", "a", ReceiptStatus::Delivered) };
    assert_eq!(say(store, &said).await, Received::Unmatched);
    let recorded = store.record([in_parts(&new, &["a"])].into()).await.unwrap();
    assert_eq!(recorded, [Recorded { taken: true, receipts: 1, moved: Some(State::Delivered) }]);

    let new = new_message("one", "hello");
    store.insert(vec![new.clone()], None).await.unwrap();
    let mut partly = goes_on(&new, OutcomeKind::Unavailable, "one", State::Queued, NOON);
    partly.attempt.as_mut().unwrap().outcome.provider_ids = vec!["b".into()];
    assert_eq!(store.record([partly].into()).await.unwrap(), [TAKEN]);
    assert_eq!(say(store, &receipt("one", "b", ReceiptStatus::Delivered)).await, matched(&new, None));
    let recorded = store.record([in_parts(&new, &["b"])].into()).await.unwrap();
    assert_eq!(recorded, [Recorded { taken: true, receipts: 0, moved: Some(State::Delivered) }]);
}

pub(super) async fn unmatched_receipts_are_kept_and_listed(store: &dyn Store) {
    for number in 0..7 {
        let gateway = ["one", "two"][number % 2];
        let id = number.to_string();
        assert_eq!(say(store, &receipt(gateway, &id, ReceiptStatus::Delivered)).await, Received::Unmatched);
    }
    let ids = |found: &[crate::store::Unmatched]| {
        found.iter().map(|unmatched| unmatched.receipt.provider_id.clone()).collect::<Vec<_>>().concat()
    };
    let first = store.unmatched(None, None, 4).await.unwrap();
    assert_eq!(ids(&first), "6543");
    let second = store.unmatched(None, Some(first[3].number), 4).await.unwrap();
    assert_eq!(ids(&second), "210");
    assert_eq!(ids(&store.unmatched(Some("two"), Some(first[0].number), 9).await.unwrap()), "531");
}

pub(super) async fn what_went_out_before_does_not_decide(store: &dyn Store) {
    let new = planned("one", &["one", "two"]);
    store.insert(vec![new.clone()], None).await.unwrap();
    // One of two parts went out.
    let mut partly = goes_on(&new, OutcomeKind::Unavailable, "two", State::Sending, NOON);
    partly.attempt.as_mut().unwrap().outcome.provider_ids = vec!["a".into()];
    assert_eq!(store.record([partly].into()).await.unwrap(), [TAKEN]);
    assert_eq!(say(store, &receipt("one", "a", ReceiptStatus::Delivered)).await, matched(&new, None));
    assert_eq!(state(store, &new).await, State::Sending);
    let second = NewMessage { gateway: "two".into(), ..new.clone() };
    assert_eq!(store.record([in_parts(&second, &["a"])].into()).await.unwrap(), [TAKEN]);
    assert_eq!(state(store, &new).await, State::Sent);
    let whole = say(store, &receipt("two", "a", ReceiptStatus::Undelivered)).await;
    assert_eq!(whole, matched(&new, Some(State::Undelivered)));

    // A message that failed stays so, whatever its parts come to.
    let failed = new_message("one", "hello");
    store.insert(vec![failed.clone()], None).await.unwrap();
    let next = Next::Finished { state: State::Failed, reason: Some(OutcomeKind::Uncertain) };
    let step = crate::store::Step { next, ..in_parts(&failed, &["b"]) };
    store.record([step].into()).await.unwrap();
    assert_eq!(say(store, &receipt("one", "b", ReceiptStatus::Delivered)).await, matched(&failed, None));
    assert_eq!(state(store, &failed).await, State::Failed);
}

pub(super) async fn an_id_that_is_given_twice_is_the_last_ones(store: &dyn Store) {
    let first = sent_in_parts(store, "one", &["a"]).await;
    let second = sent_in_parts(store, "one", &["a"]).await;
    let moved = say(store, &receipt("one", "a", ReceiptStatus::Delivered)).await;
    assert_eq!(moved, matched(&second, Some(State::Delivered)));
    assert_eq!(state(store, &first).await, State::Sent);
}
