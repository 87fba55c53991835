//! What every engine does with receipts whose ids are spelled otherwise than they were given.

use super::{
    NOON, TAKEN, goes_on, new_message,
    receipts::{LATER, in_parts, matched, receipt, say, sent_in_parts, state},
};
use crate::{
    message::{NewMessage, OutcomeKind, Receipt, ReceiptStatus, State, Timestamp, WebhookUrl},
    store::{Matched, Received, Recorded, Respelt, Store},
};
use std::time::Duration;

const DELIVERED: ReceiptStatus = ReceiptStatus::Delivered;

/// After [`LATER`], so that all receipts are decided on.
const AFTER: Timestamp = Timestamp::from_millis(LATER.as_millis() + 1);

pub(super) async fn all<S: Store>(fresh: &impl Fn() -> S) {
    an_id_of_another_spelling_is_found_once_nothing_is_under_way(&fresh()).await;
    what_was_seen_of_one_part_holds_for_all_it_says(&fresh()).await;
    the_very_id_goes_first_where_nothing_was_seen(&fresh()).await;
    a_service_that_gave_an_id_back_respells_none(&fresh()).await;
    a_service_that_respells_means_the_other_number(&fresh()).await;
    of_two_parts_none_is_taken(&fresh()).await;
    where_not_all_ids_are_known_a_short_one_convinces_nobody(&fresh()).await;
    other_gateways_and_later_messages_have_nothing_to_do_with_it(&fresh()).await;
    early_receipts_are_decided_on_in_pieces(&fresh()).await;
    the_first_word_stays_the_first(&fresh()).await;
    it_is_known_where_receipts_wait_to_be_decided_on(&fresh()).await;
}

fn spelled(provider_id: &str, spellings: &[&str]) -> Receipt {
    let spellings = spellings.iter().map(|&spelling| spelling.to_owned()).collect();
    Receipt { spellings, ..receipt("one", provider_id, DELIVERED) }
}

async fn decided(store: &dyn Store) -> Vec<Matched> {
    let Respelt { matched, more } = store.respell("one", AFTER, 100).await.unwrap();
    assert!(!more);
    matched
}

fn moved(new: &NewMessage) -> Matched {
    match matched(new, Some(State::Delivered)) {
        Received::Matched(matched) => matched,
        other => panic!("{other:?}"),
    }
}

async fn left(store: &dyn Store) -> Vec<String> {
    let left = store.unmatched(None, None, 100).await.unwrap();
    left.into_iter().map(|unmatched| unmatched.receipt.provider_id).collect()
}

async fn an_id_of_another_spelling_is_found_once_nothing_is_under_way(store: &dyn Store) {
    let callback_url = Some(WebhookUrl::new("http://127.0.0.1:1/"));
    let new = NewMessage { callback_url, ..new_message("one", "hello") };
    store.insert(vec![new.clone()], None).await.unwrap();
    store.record([in_parts(&new, &["26"])].into()).await.unwrap();
    assert_eq!(say(store, &spelled("1a", &["1A", "26"])).await, Received::Open);
    // A submission that began when it came is under way still.
    assert_eq!(store.respell("one", LATER, 100).await.unwrap(), Respelt::default());
    assert_eq!(state(store, &new).await, State::Sent);
    assert_eq!(decided(store).await, [moved(&new)]);
    let message = store.message(new.id).await.unwrap().unwrap();
    assert_eq!((message.state, message.updated_at), (State::Delivered, LATER));
    assert_eq!(message.receipts[0].provider_id, "26");
    assert!(left(store).await.is_empty());
    assert_eq!(decided(store).await, []);
}

async fn what_was_seen_of_one_part_holds_for_all_it_says(store: &dyn Store) {
    let new = sent_in_parts(store, "one", &["26", "27"]).await;
    let pending = Receipt { status: ReceiptStatus::Pending, ..spelled("1a", &["26"]) };
    for receipt in [pending, spelled("1a", &["26"]), spelled("1a", &["26"]), spelled("1b", &["27"])] {
        assert_eq!(say(store, &receipt).await, Received::Open);
        assert_eq!(decided(store).await.len(), 1, "{receipt:?}");
    }
    assert_eq!(state(store, &new).await, State::Delivered);
    assert!(left(store).await.is_empty());
}

async fn the_very_id_goes_first_where_nothing_was_seen(store: &dyn Store) {
    let (own, other) =
        (sent_in_parts(store, "one", &["10"]).await, sent_in_parts(store, "one", &["16"]).await);
    assert_eq!(say(store, &spelled("10", &["a", "16"])).await, Received::Open);
    assert_eq!(decided(store).await, [moved(&own)]);
    assert_eq!(state(store, &other).await, State::Sent);
    // Its part is known later than it came.
    let early = new_message("one", "hello");
    store.insert(vec![early.clone()], None).await.unwrap();
    assert_eq!(say(store, &spelled("20", &["14", "32"])).await, Received::Unmatched);
    let recorded = store.record([in_parts(&early, &["20"])].into()).await.unwrap();
    assert_eq!(recorded, [Recorded { taken: true, receipts: 1, moved: Some(State::Delivered) }]);
}

async fn a_service_that_gave_an_id_back_respells_none(store: &dyn Store) {
    let (own, other) =
        (sent_in_parts(store, "one", &["12"]).await, sent_in_parts(store, "one", &["16"]).await);
    say(store, &spelled("12", &["c", "18"])).await;
    assert_eq!(decided(store).await, [moved(&own)]);
    // Nothing is to be waited for from now on, and nothing else is meant than what is said.
    assert_eq!(say(store, &spelled("10", &["a", "16"])).await, Received::Unmatched);
    assert_eq!(decided(store).await, []);
    let said = say(store, &spelled("16", &["10", "22"])).await;
    assert_eq!(said, matched(&other, Some(State::Delivered)));
    assert_eq!(left(store).await, ["10"]);
}

async fn a_service_that_respells_means_the_other_number(store: &dyn Store) {
    let mut sent = Vec::new();
    for id in ["10", "16", "22"] {
        sent.push(sent_in_parts(store, "one", &[id]).await);
    }
    // 16 and 22 as it spells them are ids of others; that of 10 says what it does.
    for receipt in [spelled("10", &["a", "16"]), spelled("16", &["10", "22"]), spelled("a", &["A", "10"])] {
        assert_eq!(say(store, &receipt).await, Received::Open);
    }
    assert_eq!(decided(store).await, [moved(&sent[0]), moved(&sent[1]), moved(&sent[2])]);
    assert!(left(store).await.is_empty());
}

async fn of_two_parts_none_is_taken(store: &dyn Store) {
    let sent = [sent_in_parts(store, "one", &["26"]).await, sent_in_parts(store, "one", &["026"]).await];
    say(store, &spelled("1a", &["26", "026"])).await;
    assert_eq!(decided(store).await, []);
    assert_eq!(left(store).await, ["1a"]);
    for new in &sent {
        assert_eq!(state(store, new).await, State::Sent);
    }
}

async fn where_not_all_ids_are_known_a_short_one_convinces_nobody(store: &dyn Store) {
    let lost = new_message("one", "hello");
    store.insert(vec![lost.clone()], None).await.unwrap();
    // The service may have taken it, as its 10.
    let uncertain = goes_on(&lost, OutcomeKind::Uncertain, "one", State::Queued, NOON);
    assert_eq!(store.record([uncertain].into()).await.unwrap(), [TAKEN]);
    let (short, long) =
        (sent_in_parts(store, "one", &["16"]).await, sent_in_parts(store, "one", &["12345678"]).await);
    say(store, &spelled("10", &["a", "16"])).await;
    assert_eq!(decided(store).await, []);
    say(store, &spelled("bc614e", &["12345678"])).await;
    assert_eq!(decided(store).await, [moved(&long)]);
    assert_eq!(state(store, &short).await, State::Sent);

    // The same where submissions were cut off.
    let short = sent_in_parts(store, "two", &["16"]).await;
    store.interrupted(vec!["two".into()]).await.unwrap();
    say(store, &Receipt { gateway: "two".into(), ..spelled("10", &["16"]) }).await;
    assert_eq!(store.respell("two", AFTER, 100).await.unwrap(), Respelt::default());
    assert_eq!(state(store, &short).await, State::Sent);
}

async fn other_gateways_and_later_messages_have_nothing_to_do_with_it(store: &dyn Store) {
    sent_in_parts(store, "two", &["26"]).await;
    let old = Receipt { at: NOON.plus(Duration::ZERO), ..spelled("1a", &["26"]) };
    let old = Receipt { at: Timestamp::from_millis(old.at.as_millis() - 1), ..old };
    say(store, &old).await;
    let new = sent_in_parts(store, "one", &["26"]).await;
    assert_eq!(decided(store).await, []);
    say(store, &spelled("1a", &["26"])).await;
    assert_eq!(decided(store).await, [moved(&new)]);
    assert_eq!(left(store).await, ["1a"]);
}

async fn early_receipts_are_decided_on_in_pieces(store: &dyn Store) {
    let mut sent = Vec::new();
    for number in 1..=5 {
        let new = new_message("one", "hello");
        store.insert(vec![new.clone()], None).await.unwrap();
        let (hex, decimal) = (format!("{:x}", 5000 + number), (5000 + number).to_string());
        assert_eq!(say(store, &spelled(&hex, &[&decimal])).await, Received::Open);
        sent.push((new, decimal));
    }
    for (new, id) in &sent {
        // Not by its id, which is another.
        assert_eq!(store.record([in_parts(new, &[id])].into()).await.unwrap(), [TAKEN]);
    }
    let first = store.respell("one", AFTER, 3).await.unwrap();
    let second = store.respell("one", AFTER, 3).await.unwrap();
    assert_eq!((first.matched.len(), first.more, second.matched.len(), second.more), (3, true, 2, false));
    for (new, _) in &sent {
        assert_eq!(state(store, new).await, State::Delivered);
    }
}

async fn the_first_word_stays_the_first(store: &dyn Store) {
    let (first, second) =
        (sent_in_parts(store, "one", &["20"]).await, sent_in_parts(store, "one", &["21"]).await);
    let says = |at: u64, id, other, status| Receipt {
        at: LATER.plus(Duration::from_millis(at)),
        status,
        ..spelled(id, &[other])
    };
    assert_eq!(say(store, &says(0, "20", "32", DELIVERED)).await, Received::Open);
    assert_eq!(say(store, &says(1, "21", "33", ReceiptStatus::Undelivered)).await, Received::Open);
    // Of the first alone, which says that the service respells nothing.
    assert_eq!(store.respell("one", AFTER, 100).await.unwrap().matched, [moved(&first)]);
    assert_eq!(say(store, &says(2, "21", "33", DELIVERED)).await, Received::Open);
    let later = AFTER.plus(Duration::from_millis(2));
    assert_eq!(store.respell("one", later, 100).await.unwrap().matched.len(), 2);
    assert_eq!(state(store, &second).await, State::Undelivered);
}

async fn it_is_known_where_receipts_wait_to_be_decided_on(store: &dyn Store) {
    assert_eq!(store.undecided().await.unwrap(), []);
    let later = LATER.plus(Duration::from_millis(5));
    let elsewhere = Receipt { gateway: "two".into(), ..spelled("1a", &["26"]) };
    say(store, &Receipt { at: later, ..spelled("1b", &["27"]) }).await;
    say(store, &spelled("1a", &["26"])).await;
    say(store, &elsewhere).await;
    // This one has one spelling, and waits for nothing but its message.
    say(store, &spelled("x-1", &[])).await;
    let mut undecided = store.undecided().await.unwrap();
    undecided.sort_unstable();
    assert_eq!(undecided, [("one".to_owned(), LATER), ("two".to_owned(), LATER)]);
    store.respell("one", later.plus(Duration::from_millis(1)), 100).await.unwrap();
    assert_eq!(store.undecided().await.unwrap(), [("two".to_owned(), LATER)]);
}
