//! Databases of earlier versions, opened by this one.

use super::*;
use crate::{
    message::{Attempt, Outcome, ReceiptStatus},
    store::{History as _, Matched, Next, Receipts as _, Received, Recorded, Respelt, Step},
};

const VERSION_3: &str = include_str!("version_3.sql");

/// When receipts come that are told of after the start of this version.
const LATER: Timestamp = Timestamp::from_millis(NOON.as_millis() + 60_000);

/// One of the database of version 3.
fn id(number: u8) -> MessageId {
    MessageId::from_bytes([number; 16])
}

fn delivered(number: u8) -> Matched {
    Matched { id: id(number), moved: Some(State::Delivered), callback_url: None }
}

async fn say(store: &EmbeddedStore, gateway: &str, provider_id: &str, spellings: &[&str]) -> Received {
    let receipt = Receipt {
        gateway: gateway.into(),
        provider_id: provider_id.into(),
        spellings: spellings.iter().map(|&spelling| spelling.to_owned()).collect(),
        status: ReceiptStatus::Delivered,
        code: None,
        detail: None,
        at: LATER,
    };
    store.receive(vec![receipt]).await.unwrap().remove(0)
}

async fn states(store: &EmbeddedStore, number: u8) -> Vec<State> {
    let message = store.message(id(number)).await.unwrap().unwrap();
    let states = message.events.iter().map(|event| event.state).collect::<Vec<_>>();
    assert_eq!(states.last(), Some(&message.state), "{message:?}");
    states
}

/// What was left unmatched: the ids, the latest first.
async fn left(store: &EmbeddedStore) -> Vec<String> {
    let left = store.unmatched(None, None, 100).await.unwrap();
    left.into_iter().map(|unmatched| unmatched.receipt.provider_id).collect()
}

/// A database of version 3, opened.
fn opened(root: &Path) -> EmbeddedStore {
    raw(root).execute_batch(VERSION_3).unwrap();
    EmbeddedStore::open(root, Options { clock: Clock::starting_at(NOON), ..OPTIONS }).unwrap()
}

/// Columns of tables and indexes, whoever wrote the statements and how.
fn shape(connection: &rusqlite::Connection) -> Vec<String> {
    let columns = "SELECT concat_ws(' ', m.name, c.name, c.type, c.\"notnull\", c.dflt_value, c.pk)
                   FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'";
    let indexes = "SELECT concat_ws(' ', m.name, m.tbl_name, i.seqno, i.name, m.sql LIKE '%WHERE%')
                   FROM sqlite_master m JOIN pragma_index_info(m.name) i WHERE m.type = 'index' AND m.sql IS NOT NULL";
    let mut statement = connection.prepare(&format!("{columns} UNION ALL {indexes} ORDER BY 1")).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn a_database_of_an_earlier_version_gets_the_shape_of_a_new_one() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    raw(old.path()).execute_batch(VERSION_3).unwrap();
    raw(new.path()).execute_batch(&schema::MIGRATIONS[..3].concat()).unwrap();
    assert_eq!(
        shape(&raw(old.path())),
        shape(&raw(new.path())),
        "a step that hosts have taken never changes"
    );

    schema::open(&old.path().join("gatepost.db")).unwrap();
    let new = tempfile::tempdir().unwrap();
    schema::open(&new.path().join("gatepost.db")).unwrap();
    assert_eq!(shape(&raw(old.path())), shape(&raw(new.path())));
}

#[tokio::test]
async fn a_database_of_the_first_version_is_brought_up_to_date() {
    let root = tempfile::tempdir().unwrap();
    let id = MessageId::new();
    let old = raw(root.path());
    old.execute_batch(&format!("BEGIN; {} PRAGMA user_version = 1; COMMIT;", schema::MIGRATIONS[0])).unwrap();
    let (noon, later) = (NOON.as_millis(), NOON.as_millis() + 120_000);
    let hex = id.to_string().replace('-', "");
    old.execute_batch(&format!(
        "INSERT INTO message VALUES (x'{hex}', '+49', NULL, 'one', NULL, 1, {noon}, {later}, NULL);
         INSERT INTO content VALUES (x'{hex}', 'hello', NULL, NULL);
         INSERT INTO state (id, state, due_at, updated_at) VALUES (x'{hex}', 0, {noon}, {noon});
         INSERT INTO ready VALUES ('one', 1, {noon}, x'{hex}');
         INSERT INTO event (id, at, state) VALUES (x'{hex}', {noon}, 0);"
    ))
    .unwrap();
    drop(old);
    let store = EmbeddedStore::open(root.path(), OPTIONS).unwrap();
    let ready = store.ready("one", NOON, 10, usize::MAX).await.unwrap().ready.remove(0);
    let two_minutes = Duration::from_secs(120);
    assert_eq!((ready.place.id, ready.deadline, ready.plan.len()), (id, NOON.plus(two_minutes), 0));
    assert_eq!((ready.validity.from, ready.validity.own), (NOON, Some(two_minutes)));
    assert_eq!(store.message(id).await.unwrap().unwrap().gateway, "one");
    assert_eq!(store.unfinished(), 1);
}

#[tokio::test]
async fn messages_of_version_3_are_what_they_were() {
    use State::{Canceled, Delivered, Expired, Failed, Queued, Sending, Sent, Undelivered};
    let root = tempfile::tempdir().unwrap();
    let store = opened(root.path());
    for (number, wanted) in [
        (1, &[Queued, Sending, Sent][..]),
        (2, &[Queued, Sending]),
        (3, &[Queued, Sending, Sent]),
        (4, &[Queued, Sending, Sent, Delivered]),
        (5, &[Queued, Sending, Sent, Undelivered]),
        (6, &[Queued, Sending, Failed]),
        (7, &[Queued, Expired]),
        (8, &[Queued, Canceled]),
    ] {
        assert_eq!(states(&store, number).await, wanted, "{number}");
    }
    assert_eq!(store.unfinished(), 1);
    let ready = store.ready("one", NOON, 10, usize::MAX).await.unwrap().ready;
    let attempts = store.message(id(2)).await.unwrap().unwrap().attempts.len();
    let wanted = [(id(2), u32::try_from(attempts).unwrap())];
    assert_eq!(ready.iter().map(|ready| (ready.place.id, ready.attempts)).collect::<Vec<_>>(), wanted);
    // What was said of parts stays.
    let parts = store.message(id(3)).await.unwrap().unwrap().receipts;
    let detail = parts.iter().map(|part| (part.provider_id.as_str(), part.detail.as_deref()));
    assert_eq!(detail.collect::<Vec<_>>(), [("c", Some("as the service said"))]);
    assert_eq!(left(&store).await, ["nobody", "b", "b"]);
}

#[tokio::test]
async fn changes_of_version_3_keep_their_numbers_and_none_is_given_again() {
    let root = tempfile::tempdir().unwrap();
    let old = raw(root.path());
    old.execute_batch(VERSION_3).unwrap();
    // Eleven more were made, and removed with their messages.
    old.execute_batch("UPDATE sqlite_sequence SET seq = seq + 11 WHERE name = 'event'").unwrap();
    drop(old);
    let options = Options { clock: Clock::starting_at(NOON), ..OPTIONS };
    let store = EmbeddedStore::open(root.path(), options).unwrap();
    let numbers = async |after| -> Vec<u64> {
        store.changes(after, 100).await.unwrap().iter().map(|change| change.number).collect()
    };
    assert_eq!(numbers(0).await, (1..=29).collect::<Vec<_>>());
    store.insert(vec![new_message("one", "next")], None).await.unwrap();
    assert_eq!(numbers(29).await, [41]);
}

#[tokio::test]
async fn receipts_that_waited_in_version_3_are_matched() {
    let root = tempfile::tempdir().unwrap();
    let store = opened(root.path());
    let ready = store.ready("one", NOON, 10, usize::MAX).await.unwrap().ready.remove(0);
    let (started_at, ended_at) = (NOON.plus(Duration::from_millis(5)), NOON.plus(Duration::from_millis(9)));
    let outcome = Outcome::accepted(vec!["b".into()], 1);
    let step = Step {
        id: id(2),
        from: ("one".into(), ready.place),
        attempt: Some(Attempt { gateway: "one".into(), started_at, ended_at, outcome }),
        at: ended_at,
        next: Next::Finished { state: State::Sent, reason: None },
        callback_url: None,
    };
    let moved = Some(State::Delivered);
    assert_eq!(store.record([step].into()).await.unwrap(), [Recorded { taken: true, receipts: 1, moved }]);
    assert_eq!(states(&store, 2).await, [State::Queued, State::Sending, State::Sent, State::Delivered]);
    // The one that came before the message did, and nobody's.
    assert_eq!(left(&store).await, ["nobody", "b"]);
}

#[tokio::test]
async fn parts_of_version_3_get_the_receipts_that_come_now() {
    let root = tempfile::tempdir().unwrap();
    let store = opened(root.path());
    assert_eq!(say(&store, "one", "a", &[]).await, Received::Matched(delivered(1)));
    assert_eq!(say(&store, "one", "d", &[]).await, Received::Matched(delivered(3)));
    // The first word stays.
    let unmoved = Matched { moved: None, ..delivered(5) };
    assert_eq!(say(&store, "one", "f", &[]).await, Received::Matched(unmoved));
    assert_eq!(states(&store, 5).await.last(), Some(&State::Undelivered));
    // In another spelling.
    assert_eq!(say(&store, "one", "bc614e", &["12345678"]).await, Received::Open);
    let later = LATER.plus(Duration::from_millis(1));
    let respelt = store.respell("one", later, 100).await.unwrap();
    assert_eq!(respelt, Respelt { matched: vec![delivered(9)], more: false });
}

#[tokio::test]
async fn what_version_3_has_not_written_down_of_lost_answers_is_taken_for_possible() {
    let root = tempfile::tempdir().unwrap();
    let store = opened(root.path());
    assert_eq!(say(&store, "two", "10", &["16"]).await, Received::Open);
    let later = LATER.plus(Duration::from_millis(1));
    assert_eq!(store.respell("two", later, 100).await.unwrap(), Respelt::default());
    assert_eq!(states(&store, 10).await.last(), Some(&State::Sent));
    assert_eq!(left(&store).await[0], "10");
}
