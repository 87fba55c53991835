mod migrations;

use super::{statements::Statements, *};
use crate::{
    message::{Receipt, State},
    store::{
        Filter, History as _,
        conformance::{self, new_message, sent},
    },
};
use std::{
    collections::BTreeMap, os::unix::fs::PermissionsExt as _, process::Command, sync::atomic::Ordering,
};

const NOON: Timestamp = Timestamp::from_millis(1_767_268_800_000);
const OPTIONS: Options = Options {
    retain: Duration::from_secs(86_400),
    clock: Clock::System,
    max_pages: None,
    arrivals: ARRIVALS,
    metrics: None,
};

fn raw(folder: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(folder.join("gatepost.db")).unwrap()
}

/// The bytes of the write-ahead log and the database; in this order, for a checkpoint moves them from the one to the other.
fn on_disk(folder: &Path) -> Vec<u8> {
    ["gatepost.db-wal", "gatepost.db"]
        .into_iter()
        .flat_map(|name| std::fs::read(folder.join(name)).unwrap_or_default())
        .collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_store_conforms() {
    let root = tempfile::tempdir().unwrap();
    let number = std::sync::atomic::AtomicU32::new(0);
    // Whether messages stay where they arrived, go on at once, or now and then.
    for arrivals in [ARRIVALS, 0, 2] {
        let options = Options { clock: Clock::starting_at(NOON), arrivals, ..OPTIONS };
        conformance::all(|| {
            let folder = root.path().join(number.fetch_add(1, Ordering::Relaxed).to_string());
            EmbeddedStore::open(&folder, options.clone()).unwrap()
        })
        .await;
    }
}

#[tokio::test]
async fn messages_that_make_room_are_read_like_those_that_stay() {
    let root = tempfile::tempdir().unwrap();
    let store = |name: &str, arrivals| {
        EmbeddedStore::open(&root.path().join(name), Options { arrivals, ..OPTIONS }).unwrap()
    };
    let stores = [store("stay", ARRIVALS), store("some", 100), store("none", 0)];
    let batch = (0..300).map(|number: u32| {
        let gateway = if number.is_multiple_of(3) { "two" } else { "one" };
        let deadline = NOON.plus(Duration::from_secs((number % 7).into()));
        let plan = if number.is_multiple_of(5) { vec!["one".into(), "two".into()] } else { Vec::new() };
        NewMessage { plan, deadline, ..new_message(gateway, &number.to_string()) }
    });
    let batch = batch.collect::<Vec<_>>();
    let mut seen = Vec::new();
    for store in &stores {
        for one in batch.chunks(2) {
            store.insert(one.to_vec(), None).await.unwrap();
        }
        store.record(batch.iter().step_by(4).map(sent).collect()).await.unwrap();
        assert_eq!(store.cancel(batch[1].id, NOON).await.unwrap(), Canceled::Done);
        let place = (batch[2].gateway.clone(), Place::first(&batch[2]));
        assert!(store.mark(batch[2].id, place, NOON).await.unwrap());
        let overdue = store.overdue(NOON.plus(Duration::from_secs(3)), 1000).await.unwrap();
        let mut late = overdue.ready;
        // Those that are late alike come in any order.
        late.sort_by_key(|ready| ready.place);
        let mut messages = Vec::new();
        for new in &batch {
            messages.push(store.message(new.id).await.unwrap());
        }
        seen.push((
            messages,
            (late, overdue.next),
            store.ready("one", NOON, 150, usize::MAX).await.unwrap(),
            store.planned("two", Some(Place::first(&batch[30])), 1000).await.unwrap(),
            store.oldest().await.unwrap(),
            store.list(&Filter { states: vec![State::Queued], ..Filter::default() }, None, 40).await.unwrap(),
            store
                .list(&Filter { gateway: Some("two".into()), ..Filter::default() }, None, 1000)
                .await
                .unwrap(),
            store.changes(7, 500).await.unwrap(),
            store.depths(),
            *store.latest().borrow(),
        ));
    }
    assert!(seen[0] == seen[1], "{:?}\n{:?}", seen[0], seen[1]);
    assert!(seen[0] == seen[2], "{:?}\n{:?}", seen[0], seen[2]);
    for store in &stores {
        store.close().await;
    }
    let arrivals = ["stay", "some", "none"].map(|name| {
        raw(&root.path().join(name)).query_row("SELECT count(*) FROM arrival", [], |row| row.get(0)).unwrap()
    });
    // 75 are sent, one of them the one that was marked or canceled at most.
    let [stay, some, none]: [u32; 3] = arrivals;
    assert_eq!(stay, 300 - 75 - 2);
    assert!((50..=100).contains(&some), "{some}");
    assert_eq!(none, 0);
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_reopening() {
    let root = tempfile::tempdir().unwrap();
    let (kept, done) = (new_message("one", "kept"), new_message("one", "done"));
    let options = Options { clock: Clock::starting_at(NOON), ..OPTIONS };
    let store = EmbeddedStore::open(root.path(), options.clone()).unwrap();
    store.insert(vec![kept.clone(), done.clone()], None).await.unwrap();
    store.record([sent(&done)].into()).await.unwrap();
    store.close().await;

    let store = EmbeddedStore::open(root.path(), options).unwrap();
    assert_eq!(store.unfinished(), 1);
    let ready = store.ready("one", NOON, 10, usize::MAX).await.unwrap().ready;
    assert_eq!(ready.iter().map(|ready| &ready.content).collect::<Vec<_>>(), [&kept.content]);
    assert_eq!(store.message(done.id).await.unwrap().unwrap().state, State::Sent);
}

#[tokio::test]
async fn the_write_ahead_log_stays_short_however_much_is_written() {
    let root = tempfile::tempdir().unwrap();
    let options = Options { clock: Clock::starting_at(NOON), ..OPTIONS };
    let store = EmbeddedStore::open(root.path(), options).unwrap();
    let size = |name: &str| std::fs::metadata(root.path().join(name)).unwrap().len();
    let long = 16 << 20;
    while size("gatepost.db") < 3 * long {
        let batch = (0..1000).map(|_| new_message("one", &"long ".repeat(200)));
        store.insert(batch.collect(), None).await.unwrap();
        assert!(size("gatepost.db-wal") < 2 * long, "{}", size("gatepost.db-wal"));
    }
    store.close().await;
}

/// Not a test of its own: the process that the next one kills. Says how far it came, and never ends by itself.
#[tokio::test]
async fn child_that_inserts_until_it_is_killed() {
    let Ok(folder) = std::env::var("GATEPOST_TEST_STORE_CHILD") else { return };
    let store = EmbeddedStore::open(Path::new(&folder), OPTIONS).unwrap();
    loop {
        let new = new_message("one", "hello");
        store.insert(vec![new.clone()], None).await.unwrap();
        println!("stored {}", new.id);
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    use std::io::{BufRead as _, BufReader};
    let root = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for round in 1..=3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "store::embedded::tests::child_that_inserts_until_it_is_killed"])
            .env("GATEPOST_TEST_STORE_CHILD", root.path())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ids = lines
            .by_ref()
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("stored ").map(|id| id.parse::<MessageId>().unwrap()));
        acknowledged.extend(ids.take(50 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        // What it had written to the pipe before it died counts as acknowledged too.
        let ids = lines
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("stored ")?.parse::<MessageId>().ok());
        acknowledged.extend(ids);

        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let store = EmbeddedStore::open(root.path(), OPTIONS).unwrap();
            for id in &acknowledged {
                assert!(store.message(*id).await.unwrap().is_some(), "{id} is lost");
            }
            store.close().await;
        });
        let check: String =
            raw(root.path()).query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok");
    }
    assert!(acknowledged.len() >= 300, "{}", acknowledged.len());
}

#[tokio::test]
async fn a_finished_text_is_nowhere_on_the_disk() {
    let root = tempfile::tempdir().unwrap();
    let secret = "the-one-and-only-code-918273";
    let store = EmbeddedStore::open(root.path(), OPTIONS).unwrap();
    let new = new_message("one", secret);
    store.insert(vec![new.clone()], None).await.unwrap();
    assert!(holds(&on_disk(root.path()), secret));
    store.record([sent(&new)].into()).await.unwrap();
    store.close().await;
    assert!(!holds(&on_disk(root.path()), secret));
}

#[test]
fn a_finished_text_leaves_the_write_ahead_log_while_the_host_runs() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path()).unwrap();
    let secret = "the-one-and-only-code-918273";
    let mut connection = schema::open(&root.path().join("gatepost.db")).unwrap();
    let mut maintenance = maintenance::Maintenance::new(&mut connection, OPTIONS).unwrap();
    maintenance.run(&mut connection);
    let new = new_message("one", secret);
    insert::batch(&Statements::on(&connection), std::slice::from_ref(&new), None).unwrap();
    assert!(record::step(&Statements::on(&connection), &sent(&new)).unwrap().taken);
    maintenance.erased();
    assert!(maintenance.due_in() <= Duration::from_secs(30), "within a minute, with room for a busy moment");
    assert!(holds(&on_disk(root.path()), secret));
    maintenance.last(&mut connection);
    assert!(!holds(&on_disk(root.path()), secret));
}

#[test]
fn a_second_host_is_refused_with_the_first_ones_process() {
    let root = tempfile::tempdir().unwrap();
    let _first = EmbeddedStore::open(root.path(), OPTIONS).unwrap();
    let refused = EmbeddedStore::open(root.path(), OPTIONS).unwrap_err().to_string();
    assert!(refused.contains(&format!("in use by process {}", std::process::id())), "{refused}");
}

#[test]
fn the_folder_is_for_its_owner_alone() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("open");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    let _store = EmbeddedStore::open(&folder, OPTIONS).unwrap();
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn its_files_are_for_their_owner_alone_whatever_they_were_before() {
    let root = tempfile::tempdir().unwrap();
    let modes = || {
        let files = std::fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap());
        let mode = |file: &std::fs::DirEntry| file.metadata().unwrap().permissions().mode() & 0o777;
        files.map(|file| (file.file_name().into_string().unwrap(), mode(&file))).collect::<BTreeMap<_, _>>()
    };
    let store = EmbeddedStore::open(root.path(), OPTIONS).unwrap();
    store.insert(vec![new_message("one", "hello")], None).await.unwrap();
    let closed = modes();
    assert!(closed.contains_key("gatepost.db-wal") && closed.contains_key("gatepost.db-shm"), "{closed:?}");
    assert!(closed.values().all(|mode| *mode == 0o600), "{closed:?}");
    store.close().await;
    // Restored, or made by an earlier version.
    for file in std::fs::read_dir(root.path()).unwrap() {
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(file.unwrap().path(), open).unwrap();
    }
    let store = EmbeddedStore::open(root.path(), OPTIONS).unwrap();
    store.insert(vec![new_message("two", "hello")], None).await.unwrap();
    assert_eq!(modes(), closed);
}

#[test]
fn a_database_of_a_later_version_is_refused() {
    let root = tempfile::tempdir().unwrap();
    raw(root.path()).pragma_update(None, "user_version", 99).unwrap();
    let refused = EmbeddedStore::open(root.path(), OPTIONS).unwrap_err().to_string();
    assert!(refused.contains("has version 99"), "{refused}");
}

#[test]
fn what_is_no_database_is_refused_and_left_alone() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("gatepost.db");
    std::fs::write(&file, "this is no database, and it is long enough to be told from one").unwrap();
    let before = std::fs::read(&file).unwrap();
    let refused = EmbeddedStore::open(root.path(), OPTIONS).unwrap_err().to_string();
    assert!(refused.contains("gatepost.db can't be opened"), "{refused}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[tokio::test]
async fn a_full_disk_refuses_and_loses_nothing() {
    let root = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(root.path(), Options { max_pages: Some(60), ..OPTIONS }).unwrap();
    let mut stored = Vec::new();
    let refused = loop {
        let new = new_message("one", &"x".repeat(2000));
        match store.insert(vec![new.clone()], None).await {
            Ok(_) => stored.push(new),
            Err(error) => break error,
        }
        assert!(stored.len() < 1000);
    };
    assert!(matches!(refused, StoreError::Full), "{refused:?}");
    assert_eq!(store.unfinished(), stored.len() as u64);
    for new in &stored {
        assert!(store.message(new.id).await.unwrap().is_some());
    }
    // Finishing frees pages, and then there is room again.
    for new in &stored {
        store.record([sent(new)].into()).await.unwrap();
    }
    store.insert(vec![new_message("one", "again")], None).await.unwrap();
}

fn plan(connection: &rusqlite::Connection, query: &str) -> String {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
    let parameters = vec![rusqlite::types::Value::Null; statement.parameter_count()];
    let plan = statement.query_map(rusqlite::params_from_iter(parameters), |row| row.get::<_, String>(3));
    plan.unwrap().collect::<Result<Vec<_>, _>>().unwrap().join("\n")
}

#[test]
fn every_read_goes_along_an_index() {
    let root = tempfile::tempdir().unwrap();
    let connection = schema::open(&root.path().join("gatepost.db")).unwrap();
    for (query, wanted) in [
        (reads::READY, "SEARCH r USING PRIMARY KEY (gateway=? AND priority=? AND due_at<?)"),
        (reads::NEXT_DUE, "PRIMARY KEY (gateway=? AND priority=? AND due_at>?)"),
        (reads::PLANNED, "SEARCH r USING INDEX ready_routed (gateway=? AND (priority,due_at,id)>(?,?,?))"),
        (reads::OVERDUE, "INDEX ready_deadline (deadline<?)"),
        (reads::NEXT_DEADLINE, "INDEX ready_deadline (deadline>?)"),
        (reads::FIRST_SINCE, "SEARCH r USING PRIMARY KEY (gateway=? AND priority=?)"),
        (webhooks::DUE, "INDEX webhook_due (origin=? AND due_at<?)"),
        (webhooks::NEXT_DUE, "INDEX webhook_due (origin=? AND due_at>? AND due_at<?)"),
        (webhooks::OLDEST, "INDEX webhook_at (origin=?)"),
        (webhooks::OLD, "INDEX webhook_at (origin=? AND at<?)"),
    ] {
        let plan = plan(&connection, query);
        let (plan, of_arrivals) = plan.split_once("\nRIGHT\n").unwrap_or((&plan, ""));
        assert!(plan.contains(wanted), "{query}\n{plan}");
        assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{query}\n{plan}");
        // They are few.
        let whole = of_arrivals.strip_suffix("\nUSE TEMP B-TREE FOR ORDER BY").unwrap_or(of_arrivals);
        assert!(["", "SCAN a", "SCAN arrival"].contains(&whole), "{query}\n{of_arrivals}");
    }
    // This index has those rows alone that are looked for.
    assert_eq!(plan(&connection, respelt::UNDECIDED), "SCAN receipt USING INDEX receipt_open");
}

#[test]
fn requests_are_forgotten_after_a_day() {
    let root = tempfile::tempdir().unwrap();
    let mut connection = schema::open(&root.path().join("gatepost.db")).unwrap();
    let now = Clock::System.now();
    for (key, at) in [("old", NOON), ("young", now)] {
        let once = Once { api_key: "app".into(), key: key.into(), fingerprint: [1; 32], at };
        insert::batch(&Statements::on(&connection), &[new_message("one", key)], Some(&once)).unwrap();
    }
    maintenance::Maintenance::new(&mut connection, OPTIONS).unwrap().run(&mut connection);
    let left: String = connection.query_row("SELECT key FROM idempotency", [], |row| row.get(0)).unwrap();
    assert_eq!(left, "young");
}

#[test]
fn finished_messages_are_removed_when_their_time_has_passed() {
    let root = tempfile::tempdir().unwrap();
    let mut connection = schema::open(&root.path().join("gatepost.db")).unwrap();
    // Noon of the messages is long ago by the system's clock.
    let (old, waiting) = (new_message("one", "old"), new_message("one", "waiting"));
    let young = NewMessage { created_at: Clock::System.now(), ..new_message("one", "young") };
    for new in [&old, &waiting, &young] {
        insert::batch(&Statements::on(&connection), std::slice::from_ref(new), None).unwrap();
    }
    record::step(&Statements::on(&connection), &sent(&old)).unwrap();
    for (id, at) in [("long ago", NOON), ("just now", Clock::System.now())] {
        let status = crate::message::ReceiptStatus::Delivered;
        let (gateway, provider_id) = ("one".into(), id.into());
        let spellings = Vec::new();
        let receipt = Receipt { gateway, provider_id, spellings, status, code: None, detail: None, at };
        receipts::receive(&Statements::on(&connection), &receipt).unwrap();
    }
    let count = |connection: &rusqlite::Connection, table: &str| -> i64 {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!((count(&connection, "part"), count(&connection, "receipt")), (2, 2));
    let mut maintenance = maintenance::Maintenance::new(&mut connection, OPTIONS).unwrap();
    maintenance.run(&mut connection);
    assert_eq!(reads::message(&connection, old.id).unwrap(), None);
    assert!(reads::message(&connection, waiting.id).unwrap().is_some());
    assert!(reads::message(&connection, young.id).unwrap().is_some());
    // The last one is kept for its number.
    assert_eq!((count(&connection, "change"), count(&connection, "arrival")), (1, 2));
    assert_eq!((count(&connection, "part"), count(&connection, "receipt")), (0, 1));
}

#[test]
fn no_change_gets_the_number_of_one_that_was_removed() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("gatepost.db");
    let mut connection = schema::open(&path).unwrap();
    assert_eq!(changes::last(&connection).unwrap(), 0);
    let (first, last) = (new_message("one", "1"), new_message("one", "2"));
    for new in [&first, &last] {
        insert::batch(&Statements::on(&connection), std::slice::from_ref(new), None).unwrap();
        record::step(&Statements::on(&connection), &sent(new)).unwrap();
    }
    assert_eq!(changes::last(&connection).unwrap(), 6);
    maintenance::Maintenance::new(&mut connection, OPTIONS).unwrap().run(&mut connection);
    assert_eq!(reads::message(&connection, last.id).unwrap(), None);
    assert_eq!(changes::after(&connection, 0, 10).unwrap(), []);
    drop(connection);
    assert_eq!(changes::last(&schema::open(&path).unwrap()).unwrap(), 6);
}

#[tokio::test]
async fn what_is_remembered_of_a_request_can_not_be_guessed_from_the_database() {
    let root = tempfile::tempdir().unwrap();
    let once = crate::store::Once {
        api_key: String::new(),
        key: "order-1".into(),
        fingerprint: *b"thirty-two bytes, made of a text",
        at: NOON,
    };
    let options = Options { clock: Clock::starting_at(NOON), ..OPTIONS };
    let open = || EmbeddedStore::open(root.path(), options.clone()).unwrap();
    let store = open();
    let new = new_message("one", "hello");
    assert_eq!(store.insert(vec![new.clone()], Some(once.clone())).await.unwrap(), Inserted::Stored);
    assert!(!holds(&on_disk(root.path()), "thirty-two bytes, made of a text"));
    store.close().await;
    // The next start knows it all the same,
    let store = open();
    assert_eq!(store.known(&once).await.unwrap(), Some(Inserted::Known(vec![new.id])));
    store.close().await;
    // and one that has the database alone takes nothing for the same.
    std::fs::remove_file(root.path().join("fingerprint.key")).unwrap();
    assert_eq!(open().known(&once).await.unwrap(), Some(Inserted::Conflict));
    let mode = std::fs::metadata(root.path().join("fingerprint.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
