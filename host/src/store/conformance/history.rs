//! What every [`History`](crate::store::History) must do, as tests that each engine runs.

use super::{LEFT, NOON, TAKEN, new_message, sent};
use crate::{
    message::{MessageId, MessageIds, NewMessage, OutcomeKind, Recipient, State, Timestamp},
    store::{Canceled, Change, Filter, Next, Place, Step, Store, StoreError},
};
use std::{sync::Arc, time::Duration};

/// Runs every test, each on a fresh store.
pub(super) async fn all<S: Store>(fresh: impl Fn() -> S) {
    a_list_is_what_the_filter_wants(&fresh()).await;
    a_walk_from_page_to_page_is_stable(&fresh()).await;
    changes_come_in_order_with_the_message_as_it_stood(&fresh()).await;
    changes_under_way_are_all_told(Arc::new(fresh())).await;
    a_closed_store_lists_nothing(&fresh()).await;
}

fn after(seconds: u64) -> Timestamp {
    NOON.plus(Duration::from_secs(seconds))
}

/// Messages of every kind, one a second from noon on, of which each third is sent, and each third canceled.
async fn messages_of_every_kind(store: &dyn Store) -> Vec<NewMessage> {
    let ids = MessageIds::default();
    let of = |number: u64, words: [&'static str; 3]| words[usize::try_from(number).unwrap() % words.len()];
    let messages = (0..60).map(|number| {
        let id = ids.at(after(number));
        let gateway = of(number / 3, ["one", "two", "one"]);
        NewMessage {
            id,
            to: Recipient::new(of(number / 5, ["+491", "+492", "+493"])),
            tag: Some(of(number / 2, ["login", "alert", ""]).to_owned()).filter(|tag| !tag.is_empty()),
            api_key: Some(of(number / 7, ["app", "web", ""]).to_owned()).filter(|key| !key.is_empty()),
            created_at: id.time(),
            ..new_message(gateway, "hello")
        }
    });
    let messages = messages.collect::<Vec<_>>();
    store.insert(messages.clone(), None).await.unwrap();
    for (number, new) in messages.iter().enumerate() {
        match number % 3 {
            0 => assert_eq!(store.record([sent(new)].into()).await.unwrap(), [TAKEN]),
            1 => assert_eq!(store.cancel(new.id, after(100)).await.unwrap(), Canceled::Done),
            _ => {}
        }
    }
    messages
}

async fn a_list_is_what_the_filter_wants(store: &dyn Store) {
    let messages = messages_of_every_kind(store).await;
    let mut all = Vec::new();
    for new in messages.iter().rev() {
        all.push(store.message(new.id).await.unwrap().unwrap());
    }
    assert_eq!(store.list(&Filter::default(), None, 1000).await.unwrap(), all);
    let states: [&[State]; 4] = [&[], &[State::Sent], &[State::Canceled, State::Queued], &[State::Failed]];
    let (mut lists, mut longest) = (0, 0);
    for number in 0..4 * 32 {
        let has = |bit: usize| (number / 4) & (1 << bit) > 0;
        let filter = Filter {
            states: states[number % 4].to_vec(),
            gateway: has(0).then(|| "one".into()),
            to: has(1).then(|| Recipient::new("+492")),
            tag: has(2).then(|| "login".into()),
            api_key: has(3).then(|| "app".into()),
            since: has(4).then(|| after(10)),
            until: has(4).then(|| after(50)),
        };
        let wanted = all.iter().filter(|message| filter.fits(message)).cloned().collect::<Vec<_>>();
        assert_eq!(store.list(&filter, None, 1000).await.unwrap(), wanted, "{filter:?}");
        let first = wanted.iter().take(3).cloned().collect::<Vec<_>>();
        assert_eq!(store.list(&filter, None, 3).await.unwrap(), first, "{filter:?}");
        lists += usize::from(!wanted.is_empty());
        longest = longest.max(wanted.len());
    }
    assert!(lists > 40 && longest == 60, "{lists} lists with something in them, the longest of {longest}");

    let times = Filter { since: Some(after(7)), until: Some(after(9)), ..Filter::default() };
    let found = store.list(&times, None, 10).await.unwrap();
    let created = found.iter().map(|message| message.created_at).collect::<Vec<_>>();
    assert_eq!(created, [after(8), after(7)], "from `since` on, before `until`");
    let nobody = Filter { to: Some(Recipient::new("+49")), ..Filter::default() };
    assert!(store.list(&nobody, None, 10).await.unwrap().is_empty(), "a part of a number is another number");
}

async fn a_walk_from_page_to_page_is_stable(store: &dyn Store) {
    let mut expected = messages_of_every_kind(store).await.into_iter().map(|new| new.id).collect::<Vec<_>>();
    expected.reverse();
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = store.list(&Filter::default(), before, 7).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        seen.extend(page.iter().map(|message| message.id));
        // What is accepted meanwhile is newer.
        store.insert(vec![new_message("one", "later")], None).await.unwrap();
    }
    assert_eq!(seen, expected);
    let one = store.list(&Filter::default(), Some(expected[4]), 1).await.unwrap();
    assert_eq!(one[0].id, expected[5], "the cursor's own message is not listed again");
}

fn told(changes: &[Change]) -> Vec<(MessageId, State)> {
    changes.iter().map(|change| (change.message.id, change.message.state)).collect()
}

async fn changes_come_in_order_with_the_message_as_it_stood(store: &dyn Store) {
    let latest = store.latest();
    assert_eq!(*latest.borrow(), 0);
    assert!(store.changes(0, 10).await.unwrap().is_empty());
    let (one, two) = (new_message("one", "1"), new_message("one", "2"));
    store.insert(vec![one.clone(), two.clone()], None).await.unwrap();
    let queued = store.message(one.id).await.unwrap().unwrap();
    let marked_at = NOON.plus(Duration::from_millis(5));
    assert!(store.mark(two.id, ("one".into(), Place::first(&two)), marked_at).await.unwrap());
    let sending = store.message(two.id).await.unwrap().unwrap();
    store.record([sent(&one)].into()).await.unwrap();
    let end = store.message(one.id).await.unwrap().unwrap();
    let mut failed = sent(&two);
    failed.next = Next::Finished { state: State::Failed, reason: Some(OutcomeKind::Rejected) };
    failed.attempt.as_mut().unwrap().outcome.kind = OutcomeKind::Rejected;
    // What is not taken changes nothing.
    let late = Step { next: Next::Finished { state: State::Expired, reason: None }, ..sent(&one) };
    assert_eq!(store.record([failed, late].into()).await.unwrap(), [TAKEN, LEFT]);

    let changes = store.changes(0, 100).await.unwrap();
    let expected = [
        (one.id, State::Queued),
        (two.id, State::Queued),
        (two.id, State::Sending),
        (one.id, State::Sending),
        (one.id, State::Sent),
        (two.id, State::Failed),
    ];
    assert_eq!(told(&changes), expected);
    assert!(changes.is_sorted_by(|one, other| one.number < other.number));
    assert_eq!(changes.last().unwrap().number, *latest.borrow());
    assert_eq!((&changes[0].message, &changes[2].message), (&queued, &sending));
    assert_eq!(changes[3].message, queued.sending(end.attempts[0].started_at));
    assert_eq!(changes[4].message, end);
    assert_eq!(changes[5].message.reason, Some(OutcomeKind::Rejected));

    // From anywhere, in pieces, it is the same.
    for from in 0..=changes.len() {
        let mut position = from.checked_sub(1).map_or(0, |last| changes[last].number);
        let mut rest = Vec::new();
        loop {
            let piece = store.changes(position, 2).await.unwrap();
            let Some(last) = piece.last() else { break };
            position = last.number;
            rest.extend(piece);
        }
        assert_eq!(rest, changes[from..]);
    }
    assert!(store.changes(u64::MAX, 10).await.unwrap().is_empty());
}

/// Whoever reads whenever something is told gets each change once, and each message's in order.
async fn changes_under_way_are_all_told<S: Store>(store: Arc<S>) {
    const CLIENTS: usize = 20;
    let clients = (0..CLIENTS).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for _ in 0..10 {
                let new = new_message("one", "hello");
                store.insert(vec![new.clone()], None).await.unwrap();
                store.record([sent(&new)].into()).await.unwrap();
            }
        })
    });
    let clients = clients.collect::<Vec<_>>();
    let (mut latest, mut position) = (store.latest(), 0);
    let mut states = std::collections::HashMap::<MessageId, Vec<State>>::new();
    let mut count = 0;
    while count < CLIENTS * 10 * 3 {
        let last = *latest.wait_for(|last| *last > position).await.unwrap();
        let changes = store.changes(position, 16).await.unwrap();
        assert!(!changes.is_empty(), "change {last} was told, and nothing is there after {position}");
        for change in changes {
            assert!(change.number > position);
            position = change.number;
            states.entry(change.message.id).or_default().push(change.message.state);
            count += 1;
        }
    }
    for client in clients {
        client.await.unwrap();
    }
    assert_eq!(states.len(), CLIENTS * 10);
    assert!(states.values().all(|states| *states == [State::Queued, State::Sending, State::Sent]));
}

async fn a_closed_store_lists_nothing(store: &dyn Store) {
    store.insert(vec![new_message("one", "hello")], None).await.unwrap();
    store.close().await;
    assert!(matches!(store.list(&Filter::default(), None, 1).await, Err(StoreError::Closed)));
    assert!(matches!(store.changes(0, 1).await, Err(StoreError::Closed)));
}
