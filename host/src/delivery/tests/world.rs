//! A host in one thread on a paused clock: the delivery, fake providers, a store in memory that can be slow and fail.

use crate::telemetry::metrics::Metrics;
use crate::{
    delivery::{Delivery, Inbox, webhooks::Webhooks},
    gateway::{Gateway, Limits},
    message::{
        Clock, Content, Message, MessageId, NewMessage, Priority, Receipt, Recipient, Text, Timestamp,
        Validity,
    },
    plugin::Handle,
    store::{
        Canceled, Change, Dropped, Filter, Front, History, Inserted, NewInbound, Once, Overdue, Place, Ready,
        Receipts, Received, Recorded, Respelt, Settled, Space, Step, Store, StoreError, Unmatched, Waiting,
        memory::MemoryStore,
    },
};
use futures_util::{FutureExt as _, future::BoxFuture};
use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

pub(super) fn gateway(name: &str, handle: Arc<dyn Handle>) -> Gateway {
    Gateway::new(name, handle, Limits::default())
}

pub(super) fn gateway_with(name: &str, handle: Arc<dyn Handle>, change: impl FnOnce(&mut Limits)) -> Gateway {
    let mut limits = Limits::default();
    change(&mut limits);
    Gateway::new(name, handle, limits)
}

/// A message about to be accepted.
pub(super) struct Draft {
    pub(super) plan: Vec<String>,
    pub(super) text: String,
    pub(super) priority: Priority,
    pub(super) own: Option<Duration>,
    pub(super) delay: Duration,
}

impl Draft {
    pub(super) fn through(plan: &[&str]) -> Self {
        Self {
            plan: plan.iter().map(|&name| name.to_owned()).collect(),
            text: "Your code is 123456".into(),
            priority: Priority::Normal,
            own: None,
            delay: Duration::ZERO,
        }
    }

    pub(super) fn text(self, text: impl Into<String>) -> Self {
        Self { text: text.into(), ..self }
    }

    pub(super) fn priority(self, priority: Priority) -> Self {
        Self { priority, ..self }
    }

    pub(super) fn valid_for(self, seconds: u64) -> Self {
        Self { own: Some(Duration::from_secs(seconds)), ..self }
    }

    pub(super) fn later(self, seconds: u64) -> Self {
        Self { delay: Duration::from_secs(seconds), ..self }
    }
}

pub(super) struct Host<S> {
    pub(super) store: Arc<S>,
    pub(super) delivery: Arc<Delivery>,
    pub(super) clock: Clock,
}

impl<S: Store> Host<S> {
    /// Waits are as long as they can be by chance, so that they can be told beforehand.
    pub(super) fn on(store: Arc<S>, gateways: Vec<Gateway>, clock: Clock) -> Self {
        let metrics = Arc::new(Metrics::new().unwrap());
        let webhooks = Webhooks::silent(store.clone(), clock, Arc::clone(&metrics));
        let inbox = Inbox::new(store.clone(), clock, metrics, webhooks);
        let delivery = Delivery::start_with(gateways, inbox, Box::new(|most| most));
        Self { store, delivery, clock }
    }

    /// What admission does.
    pub(super) fn admit(&self, draft: Draft) -> NewMessage {
        let now = self.clock.now();
        let from = now.plus(draft.delay);
        let validity = Validity { from, own: draft.own };
        let gateways = self.delivery.gateways();
        let deadlines = draft.plan.iter().map(|name| {
            let gateway = gateways.get(name);
            validity.deadline(gateway.map_or(Duration::ZERO, |gateway| gateway.limits.valid_for))
        });
        let gateway = gateways.first_usable(&draft.plan);
        let first = gateways.get(&gateway).unwrap();
        NewMessage {
            id: MessageId::new(),
            to: Recipient::new("+491701234567"),
            content: Content { text: Text::new(draft.text), title: None, data: None },
            from: None,
            route: (draft.plan.len() > 1).then(|| "default".into()),
            expires_at: deadlines.max().unwrap(),
            deadline: validity.deadline(first.limits.valid_for),
            plan: if draft.plan.len() > 1 { draft.plan } else { Vec::new() },
            gateway,
            tag: None,
            priority: draft.priority,
            created_at: now,
            due_at: from,
            validity,
            api_key: None,
            callback_url: None,
        }
    }

    pub(super) async fn send(&self, draft: Draft) -> MessageId {
        let new = self.admit(draft);
        let id = new.id;
        self.store(new).await.unwrap();
        id
    }

    /// Stores it, and hands it over.
    pub(super) async fn store(&self, new: NewMessage) -> Result<(), StoreError> {
        let batch = vec![new];
        let arrivals = self.delivery.expect(&batch);
        self.store.insert(batch, None).await?;
        arrivals.stored();
        Ok(())
    }

    pub(super) async fn message(&self, id: MessageId) -> Message {
        self.store.message(id).await.unwrap().unwrap()
    }

    /// The message after its end.
    pub(super) async fn ended(&self, id: MessageId) -> Message {
        let mut ticket = self.delivery.ticket(id);
        let message = self.message(id).await;
        if message.state.is_finished() { message } else { ticket.finished().await.unwrap() }
    }

    pub(super) async fn sent_and_ended(&self, draft: Draft) -> Message {
        let id = self.send(draft).await;
        self.ended(id).await
    }

    pub(super) async fn until_nothing_waits(&self) {
        while self.store.unfinished() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

type Before = dyn Fn() -> BoxFuture<'static, Result<(), StoreError>> + Send + Sync;

/// A store in memory before each of whose writes something happens: it takes time, or fails.
pub(in crate::delivery) struct Troubled {
    pub(super) inner: Arc<MemoryStore>,
    before: Box<Before>,
    /// Every step that was taken.
    pub(super) steps: Mutex<Vec<Step>>,
    /// How often a queue was read.
    pub(super) reads: AtomicUsize,
}

impl Troubled {
    pub(in crate::delivery) fn new(
        inner: Arc<MemoryStore>,
        before: impl Fn() -> BoxFuture<'static, Result<(), StoreError>> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            inner,
            before: Box::new(before),
            steps: Mutex::default(),
            reads: AtomicUsize::default(),
        })
    }
}

impl fmt::Debug for Troubled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Troubled").finish_non_exhaustive()
    }
}

impl History for Troubled {
    fn list(
        &self,
        filter: &Filter,
        before: Option<MessageId>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Message>, StoreError>> {
        self.inner.list(filter, before, limit)
    }

    fn changes(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Change>, StoreError>> {
        self.inner.changes(after, limit)
    }

    fn latest(&self) -> tokio::sync::watch::Receiver<u64> {
        self.inner.latest()
    }
}

impl Receipts for Troubled {
    fn receive(&self, batch: Vec<Receipt>) -> BoxFuture<'_, Result<Vec<Received>, StoreError>> {
        async move {
            (self.before)().await?;
            let received = self.inner.receive(batch).await?;
            (self.before)().await.unwrap_or_default();
            Ok(received)
        }
        .boxed()
    }

    fn respell(
        &self,
        gateway: &str,
        before: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Respelt, StoreError>> {
        let gateway = gateway.to_owned();
        async move {
            (self.before)().await?;
            let respelt = self.inner.respell(&gateway, before, limit).await?;
            (self.before)().await.unwrap_or_default();
            Ok(respelt)
        }
        .boxed()
    }

    fn undecided(&self) -> BoxFuture<'_, Result<Vec<(String, Timestamp)>, StoreError>> {
        self.inner.undecided()
    }

    fn interrupted(&self, gateways: Vec<String>) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            (self.before)().await?;
            self.inner.interrupted(gateways).await
        }
        .boxed()
    }

    fn unmatched(
        &self,
        gateway: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Unmatched>, StoreError>> {
        self.inner.unmatched(gateway, before, limit)
    }
}

impl crate::store::Webhooks for Troubled {
    fn webhooks(
        &self,
        origin: &str,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Waiting, StoreError>> {
        self.inner.webhooks(origin, now, limit)
    }

    fn settle_webhooks(&self, batch: Vec<Settled>) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            (self.before)().await?;
            self.inner.settle_webhooks(batch).await
        }
        .boxed()
    }

    fn drop_webhooks(
        &self,
        origin: &str,
        before: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Dropped, StoreError>> {
        self.inner.drop_webhooks(origin, before, limit)
    }

    fn inbound(&self, new: NewInbound) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            (self.before)().await?;
            self.inner.inbound(new).await
        }
        .boxed()
    }

    fn webhooks_waiting(&self) -> Vec<(String, u64)> {
        self.inner.webhooks_waiting()
    }
}

impl Store for Troubled {
    fn insert(
        &self,
        batch: Vec<NewMessage>,
        once: Option<Once>,
    ) -> BoxFuture<'_, Result<Inserted, StoreError>> {
        async move {
            (self.before)().await?;
            let inserted = self.inner.insert(batch, once).await?;
            // The answer takes its time too: the message may be read before it is handed over.
            (self.before)().await.unwrap_or_default();
            Ok(inserted)
        }
        .boxed()
    }

    fn known(&self, once: &Once) -> BoxFuture<'_, Result<Option<Inserted>, StoreError>> {
        self.inner.known(once)
    }

    fn record(&self, batch: Arc<[Step]>) -> BoxFuture<'_, Result<Vec<Recorded>, StoreError>> {
        async move {
            (self.before)().await?;
            let taken = self.inner.record(batch.clone()).await?;
            let steps =
                batch.iter().zip(&taken).filter(|(_, recorded)| recorded.taken).map(|(step, _)| step.clone());
            self.steps.lock().unwrap().extend(steps);
            // The answer takes its time too: the step may be on disk, and nobody know of it.
            (self.before)().await.unwrap_or_default();
            Ok(taken)
        }
        .boxed()
    }

    fn mark(
        &self,
        id: MessageId,
        from: (String, Place),
        at: Timestamp,
    ) -> BoxFuture<'_, Result<bool, StoreError>> {
        async move {
            (self.before)().await?;
            self.inner.mark(id, from, at).await
        }
        .boxed()
    }

    fn cancel(&self, id: MessageId, at: Timestamp) -> BoxFuture<'_, Result<Canceled, StoreError>> {
        async move {
            (self.before)().await?;
            self.inner.cancel(id, at).await
        }
        .boxed()
    }

    fn ready(
        &self,
        gateway: &str,
        now: Timestamp,
        limit: usize,
        max_bytes: usize,
    ) -> BoxFuture<'_, Result<Front, StoreError>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.ready(gateway, now, limit, max_bytes)
    }

    fn planned(
        &self,
        gateway: &str,
        after: Option<Place>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Ready>, StoreError>> {
        self.inner.planned(gateway, after, limit)
    }

    fn overdue(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Overdue, StoreError>> {
        self.inner.overdue(now, limit)
    }

    fn oldest(&self) -> BoxFuture<'_, Result<Vec<(String, Timestamp)>, StoreError>> {
        self.inner.oldest()
    }

    fn depths(&self) -> Vec<(String, u64)> {
        self.inner.depths()
    }

    fn message(&self, id: MessageId) -> BoxFuture<'_, Result<Option<Message>, StoreError>> {
        self.inner.message(id)
    }

    fn unfinished(&self) -> u64 {
        self.inner.unfinished()
    }

    fn space(&self) -> BoxFuture<'_, Result<Option<Space>, StoreError>> {
        self.inner.space()
    }

    fn writable(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.writable()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}
