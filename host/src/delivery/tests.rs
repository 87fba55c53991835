use super::*;
use crate::{
    accept::{Acceptor, Caller},
    message::{Message, Outcome, OutcomeKind, State},
    plugin::{
        Handle,
        fake::{FakeProvider, NOON},
    },
    store::{Finish, Ready, conformance::new_message, memory::MemoryStore},
};
use futures_util::{FutureExt as _, future::BoxFuture};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};

fn gateway(name: &str, handle: Arc<dyn Handle>, max_in_flight: usize) -> Gateway {
    Gateway::new(name, handle, Duration::from_secs(600), None, max_in_flight)
}

struct Host {
    store: Arc<MemoryStore>,
    acceptor: Acceptor,
}

impl Host {
    async fn start(gateways: Vec<Gateway>) -> Self {
        Self::on(Arc::new(MemoryStore::default()), gateways).await
    }

    async fn on(store: Arc<MemoryStore>, gateways: Vec<Gateway>) -> Self {
        let clock = Clock::starting_at(NOON);
        let delivery = Delivery::start(store.clone(), gateways, clock).await.unwrap();
        Self { acceptor: Acceptor::new(store.clone(), delivery, clock, 1_000_000), store }
    }

    async fn send(&self, gateway: &str, text: &str, priority: &str) -> Message {
        let body = json!({"to": "+491701234567", "text": text, "gateway": gateway, "priority": priority});
        self.acceptor.accept(&body, &Caller::default(), false).await.unwrap().message
    }

    /// Sends and waits for the end.
    async fn send_and_wait(&self, gateway: &str) -> Message {
        let body = json!({"to": "+491701234567", "text": "hello", "gateway": gateway});
        let accepted = self.acceptor.accept(&body, &Caller::default(), true).await.unwrap();
        accepted.finished.unwrap().finished().await.unwrap()
    }

    async fn until_nothing_waits(&self) {
        while self.store.unfinished() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn states(message: &Message) -> Vec<State> {
    message.events.iter().map(|event| event.state).collect()
}

#[tokio::test(start_paused = true)]
async fn a_plain_success_is_queued_sending_sent() {
    let provider = FakeProvider::accepting(Duration::from_millis(30));
    let host = Host::start(vec![gateway("one", provider.clone(), 64)]).await;
    let message = host.send_and_wait("one").await;
    assert_eq!(states(&message), [State::Queued, State::Sending, State::Sent]);
    assert_eq!(
        (message.state, message.parts, &*message.provider_ids),
        (State::Sent, 1, &["id-1".to_owned()][..])
    );
    assert_eq!(message.attempts[0].ended_at.since(message.attempts[0].started_at), Duration::from_millis(30));
    // What the waiter was told is what the store holds.
    assert_eq!(host.store.message(message.id).await.unwrap(), Some(message.clone()));
    let submission = &provider.submitted()[0];
    assert_eq!(
        (submission.id, submission.attempt, submission.expires_at),
        (message.id, 1, message.expires_at)
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_is_sending_while_its_submit_goes_on() {
    let host = Host::start(vec![gateway("one", FakeProvider::accepting(Duration::from_secs(5)), 64)]).await;
    let sent = host.send("one", "hello", "normal").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let message = host.acceptor.message(sent.id).await.unwrap().unwrap();
    assert_eq!(states(&message), [State::Queued, State::Sending]);
    host.until_nothing_waits().await;
    tokio::task::yield_now().await;
    let message = host.acceptor.message(sent.id).await.unwrap().unwrap();
    assert_eq!(states(&message), [State::Queued, State::Sending, State::Sent]);
}

#[tokio::test(start_paused = true)]
async fn the_more_urgent_goes_first_and_equals_go_in_order() {
    let provider = FakeProvider::accepting(Duration::from_millis(100));
    let host = Host::start(vec![gateway("one", provider.clone(), 1)]).await;
    host.send("one", "first", "low").await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    for (text, priority) in [("low", "low"), ("normal 1", "normal"), ("normal 2", "normal"), ("high", "high")]
    {
        host.send("one", text, priority).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    host.send("one", "high late", "high").await;
    host.until_nothing_waits().await;
    assert_eq!(provider.texts(), ["first", "high", "high late", "normal 1", "normal 2", "low"]);
}

#[tokio::test(start_paused = true)]
async fn an_urgent_message_overtakes_a_long_backlog() {
    let provider = FakeProvider::accepting(Duration::from_millis(1));
    let store = Arc::new(MemoryStore::default());
    let backlog = (0..5000).map(|_| new_message("one", "backlog")).collect();
    store.insert(backlog).await.unwrap();
    let host = Host::on(store, vec![gateway("one", provider.clone(), 4)]).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let before = provider.submitted().len();
    host.send("one", "code", "high").await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    let place = provider.texts().iter().position(|text| text == "code").unwrap();
    assert!(place < before + 8, "{place} of a backlog that had come to {before}");
    host.until_nothing_waits().await;
    assert_eq!(provider.submitted().len(), 5001);
}

#[tokio::test(start_paused = true)]
async fn a_slow_gateway_holds_up_no_other() {
    let slow = FakeProvider::new(|_| std::future::pending().boxed());
    let host = Host::start(vec![
        gateway("slow", slow, 2),
        gateway("quick", FakeProvider::accepting(Duration::from_millis(10)), 64),
    ])
    .await;
    for _ in 0..20 {
        host.send("slow", "stuck", "normal").await;
    }
    let message = host.send_and_wait("quick").await;
    assert_eq!(message.updated_at.since(message.created_at), Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn submits_at_once_are_bounded() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counted = (now.clone(), most.clone());
    let provider = FakeProvider::new(move |_| {
        let (now, most) = counted.clone();
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(10)).await;
            now.fetch_sub(1, Ordering::Relaxed);
            Outcome::accepted(Vec::new(), 1)
        }
        .boxed()
    });
    let host = Host::start(vec![gateway("one", provider, 3)]).await;
    for _ in 0..30 {
        host.send("one", "hello", "normal").await;
    }
    host.until_nothing_waits().await;
    assert_eq!(most.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn whatever_is_not_accepted_fails_with_its_outcome() {
    for kind in
        [OutcomeKind::Rejected, OutcomeKind::Unavailable, OutcomeKind::Throttled, OutcomeKind::Misconfigured]
    {
        let provider = FakeProvider::new(move |_| {
            async move { Outcome { code: Some("42".into()), ..Outcome::new(kind, "no") } }.boxed()
        });
        let host = Host::start(vec![gateway("one", provider, 64)]).await;
        let message = host.send_and_wait("one").await;
        assert_eq!((message.state, message.reason), (State::Failed, Some(kind)));
        assert_eq!(message.attempts[0].outcome.code.as_deref(), Some("42"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_submit_that_takes_too_long_is_cancelled_as_uncertain() {
    let provider = FakeProvider::new(|_| std::future::pending().boxed());
    let host = Host::start(vec![gateway("one", provider, 64)]).await;
    let message = host.send_and_wait("one").await;
    assert_eq!((message.state, message.reason), (State::Failed, Some(OutcomeKind::Uncertain)));
    assert_eq!(message.updated_at.since(message.created_at), crate::gateway::SUBMIT_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_uncertain_and_the_rest_goes_on() {
    let provider = FakeProvider::new(|submission| {
        assert!(submission.content.text.expose() != "now", "at once");
        async move {
            assert!(submission.content.text.expose() != "later", "later");
            Outcome::accepted(Vec::new(), 1)
        }
        .boxed()
    });
    let host = Host::start(vec![gateway("one", provider, 64)]).await;
    let (now, later) = (host.send("one", "now", "high").await, host.send("one", "later", "high").await);
    assert_eq!(host.send_and_wait("one").await.state, State::Sent);
    host.until_nothing_waits().await;
    for id in [now.id, later.id] {
        let message = host.store.message(id).await.unwrap().unwrap();
        assert_eq!((message.state, message.reason), (State::Failed, Some(OutcomeKind::Uncertain)));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_too_old_is_never_submitted() {
    let provider = FakeProvider::accepting(Duration::from_secs(10));
    let host = Host::start(vec![gateway("one", provider.clone(), 1)]).await;
    host.send("one", "first", "high").await;
    let body =
        json!({"to": "1234", "text": "short-lived", "gateway": "one", "valid_for": "5s", "priority": "low"});
    let accepted = host.acceptor.accept(&body, &Caller::default(), true).await.unwrap();
    let message = accepted.finished.unwrap().finished().await.unwrap();
    assert_eq!(states(&message), [State::Queued, State::Expired]);
    assert!(message.attempts.is_empty());
    assert_eq!(provider.texts(), ["first"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_queued_is_delivered_after_a_start_and_only_once() {
    let store = Arc::new(MemoryStore::default());
    let stuck = FakeProvider::new(|_| std::future::pending().boxed());
    let host = Host::on(store.clone(), vec![gateway("one", stuck, 2)]).await;
    for number in 0..5 {
        host.send("one", &number.to_string(), "normal").await;
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    // Like a kill: nothing of the first host gets to end.
    drop(host);

    let provider = FakeProvider::accepting(Duration::from_millis(1));
    let host = Host::on(store, vec![gateway("one", provider.clone(), 2)]).await;
    host.until_nothing_waits().await;
    assert_eq!(provider.texts(), ["0", "1", "2", "3", "4"]);
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_what_goes_on_and_leaves_the_rest_queued() {
    let provider = FakeProvider::accepting(Duration::from_secs(5));
    let stuck = FakeProvider::new(|_| std::future::pending().boxed());
    let host = Host::start(vec![gateway("one", provider.clone(), 2), gateway("two", stuck, 2)]).await;
    let mut ids = Vec::new();
    for gateway in ["one", "one", "one", "two"] {
        ids.push(host.send(gateway, "hello", "normal").await.id);
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    let drained = host.acceptor.delivery().drain(Duration::from_secs(20)).await;
    assert_eq!(drained, Drained { finished: 2, cut_off: 1 });
    let mut ended = Vec::new();
    for id in ids {
        ended.push(host.store.message(id).await.unwrap().unwrap().state);
    }
    assert_eq!(ended, [State::Sent, State::Sent, State::Queued, State::Queued]);
    let refused = host.acceptor.accept(&json!({}), &Caller::default(), false).await.unwrap_err();
    assert!(matches!(refused, crate::accept::Refusal::Stopping));
}

#[tokio::test(start_paused = true)]
async fn messages_for_a_gateway_that_is_gone_expire() {
    let store = Arc::new(MemoryStore::default());
    let orphan = new_message("gone", "hello");
    store.insert(vec![orphan.clone()]).await.unwrap();
    let host = Host::on(store, Vec::new()).await;
    tokio::time::sleep(Duration::from_secs(590)).await;
    assert_eq!(host.store.unfinished(), 1);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(host.store.message(orphan.id).await.unwrap().unwrap().state, State::Expired);
}

/// A store that fails at what the test says, and notes what is asked of it.
struct Faulty {
    inner: MemoryStore,
    failures: AtomicUsize,
    most_read: AtomicUsize,
}

impl Store for Faulty {
    fn insert(&self, batch: Vec<crate::message::NewMessage>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.insert(batch)
    }

    fn finish(&self, batch: Vec<Finish>) -> BoxFuture<'_, Result<(), StoreError>> {
        let left =
            self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        match left {
            Ok(_) => std::future::ready(Err(StoreError::Full)).boxed(),
            Err(_) => self.inner.finish(batch),
        }
    }

    fn ready(
        &self,
        gateway: &str,
        now: Timestamp,
        limit: usize,
        max_bytes: usize,
    ) -> BoxFuture<'_, Result<Vec<Ready>, StoreError>> {
        self.most_read.fetch_max(limit, Ordering::Relaxed);
        self.inner.ready(gateway, now, limit, max_bytes)
    }

    fn queues(&self) -> BoxFuture<'_, Result<Vec<(String, u64)>, StoreError>> {
        self.inner.queues()
    }

    fn message(&self, id: MessageId) -> BoxFuture<'_, Result<Option<Message>, StoreError>> {
        self.inner.message(id)
    }

    fn unfinished(&self) -> u64 {
        self.inner.unfinished()
    }

    fn writable(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.writable()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}

#[tokio::test(start_paused = true)]
async fn an_outcome_is_recorded_once_the_store_takes_it_and_a_backlog_stays_on_disk() {
    let store = Arc::new(Faulty {
        inner: MemoryStore::default(),
        failures: AtomicUsize::new(5),
        most_read: AtomicUsize::new(0),
    });
    store.insert((0..10_000).map(|_| new_message("one", "hello")).collect()).await.unwrap();
    let provider = FakeProvider::accepting(Duration::from_millis(1));
    let delivery =
        Delivery::start(store.clone(), vec![gateway("one", provider.clone(), 8)], Clock::starting_at(NOON))
            .await
            .unwrap();
    while store.unfinished() > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Nothing was submitted twice for a record that failed, and no more than a piece was ever read.
    assert_eq!(provider.submitted().len(), 10_000);
    assert!(store.most_read.load(Ordering::Relaxed) <= 8 + 256);
    delivery.drain(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_wait_misses_its_end() {
    let provider = FakeProvider::new(|_| std::future::ready(Outcome::accepted(Vec::new(), 1)).boxed());
    let store = Arc::new(MemoryStore::default());
    let delivery =
        Delivery::start(store.clone(), vec![gateway("one", provider, 64)], Clock::System).await.unwrap();
    let acceptor = Arc::new(Acceptor::new(store, delivery, Clock::System, 1_000_000));
    let clients = (0..50).map(|_| {
        let acceptor = Arc::clone(&acceptor);
        tokio::spawn(async move {
            for _ in 0..100 {
                let body = json!({"to": "1234", "text": "hello", "gateway": "one"});
                let accepted = acceptor.accept(&body, &Caller::default(), true).await.unwrap();
                assert_eq!(accepted.finished.unwrap().finished().await.unwrap().state, State::Sent);
            }
        })
    });
    let all = futures_util::future::join_all(clients.collect::<Vec<_>>());
    for ended in tokio::time::timeout(Duration::from_secs(60), all).await.unwrap() {
        ended.unwrap();
    }
}
