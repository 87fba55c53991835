use super::*;
use crate::{
    config::Endpoint,
    message::{Clock, NewMessage, WebhookUrl},
    store::{
        Store as _,
        conformance::{new_message, sent, webhooks},
        embedded::{ARRIVALS, Options},
    },
};
use std::{path::Path, time::Duration};

const NOON: Timestamp = Timestamp::from_millis(1_767_268_800_000);
const APP: &str = "https://app.example";

fn open(folder: &Path) -> EmbeddedStore {
    let clock = Clock::starting_at(NOON);
    let options = Options {
        retain: Duration::from_secs(86_400),
        clock,
        max_pages: None,
        arrivals: ARRIVALS,
        metrics: None,
    };
    EmbeddedStore::open(folder, options).unwrap()
}

fn raw(folder: &Path) -> Connection {
    Connection::open(folder.join("gatepost.db")).unwrap()
}

#[tokio::test]
async fn changes_on_disk_are_told_in_their_order() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let receipts = raw(root.path());
    webhooks::changes_of_a_message_are_due_one_after_the_other(&store, |id, state, at| {
        let url = Some("https://app.example/hook");
        assert_eq!(announce(&receipts, id, url, state, at).unwrap().as_deref(), Some(APP));
    })
    .await;
}

#[tokio::test]
async fn what_is_to_be_told_is_there_after_reopening() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let new = NewMessage {
        callback_url: Some(WebhookUrl::new("https://app.example/hook")),
        ..new_message("one", "hello")
    };
    store.insert(vec![new.clone()], None).await.unwrap();
    store.record([sent(&new)].into()).await.unwrap();
    let before = store.webhooks(APP, NOON.plus(Duration::from_secs(9)), 10).await.unwrap();
    assert_eq!(before.due.len(), 1);
    store.close().await;

    let store = open(root.path());
    assert_eq!(store.webhooks_waiting(), [(APP.to_owned(), 1)]);
    assert_eq!(store.webhooks(APP, NOON.plus(Duration::from_secs(9)), 10).await.unwrap(), before);
}

#[tokio::test]
async fn an_inbound_text_is_nowhere_on_the_disk_once_it_was_taken() {
    let root = tempfile::tempdir().unwrap();
    let on_disk = || {
        let files = ["gatepost.db-wal", "gatepost.db"].into_iter();
        files.flat_map(|name| std::fs::read(root.path().join(name)).unwrap_or_default()).collect::<Vec<_>>()
    };
    let secret = "the-one-and-only-answer-918273";
    let holds = |bytes: Vec<u8>| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
    let store = open(root.path());
    let to = Endpoint::parse("https://app.example/inbound").unwrap();
    let payload = Text::new(format!("{{\"text\":\"{secret}\"}}"));
    store.inbound(NewInbound { id: "in_1".into(), to, payload, at: NOON }).await.unwrap();
    assert!(holds(on_disk()));
    let due = store.webhooks(APP, NOON, 10).await.unwrap().due;
    store.settle_webhooks(vec![Settled { seq: due[0].seq, again_at: None }]).await.unwrap();
    store.close().await;
    assert!(!holds(on_disk()));
}

#[tokio::test]
async fn a_message_that_is_kept_no_longer_has_nothing_to_tell() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let url = Some("https://app.example/hook");
    announce(&raw(root.path()), MessageId::new(), url, State::Sent, NOON).unwrap();
    let due = store.webhooks(APP, NOON, 10).await.unwrap().due;
    assert_eq!((due.len(), &due[0].news), (1, &None));
}

#[test]
fn an_address_that_is_none_is_not_told() {
    let root = tempfile::tempdir().unwrap();
    drop(open(root.path()));
    let connection = raw(root.path());
    for url in [None, Some("ftp://app.example/"), Some("hook")] {
        assert_eq!(announce(&connection, MessageId::new(), url, State::Sent, NOON).unwrap(), None);
    }
}
