//! Admission: a request becomes a message, and durable, or is refused with every reason at once.

mod batch;
mod fields;
mod history;
mod snapshot;
mod trace;
mod unbroken;

use crate::{
    config::{Endpoint, Reach},
    delivery::{Delivery, Ticket},
    message::{
        Clock, Content, Message, MessageId, MessageIds, NewMessage, Priority, Recipient, State, Timestamp,
        Validity, WebhookUrl,
    },
    store::{Canceled, Inserted, Once, Space, Store, StoreError, Unmatched},
    telemetry::{
        metrics::{Metrics, Moment},
        traces::Parent,
    },
};
pub use fields::FieldError;
use fields::{Fields, MOST_ERRORS, Way};
use futures_util::FutureExt as _;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
pub use snapshot::Snapshot;
use std::{
    fmt,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;
use unbroken::Unbroken;

/// When to try again after the bound of unfinished messages was reached, and after the disk was behind.
const QUEUE_RETRY: Duration = Duration::from_secs(10);
const DISK_RETRY: Duration = Duration::from_secs(1);

/// How long the store may take to say what is now, for figures: who reads them gives up after 10 s as a rule.
const LOOK: Duration = Duration::from_secs(2);

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// Name of the API key; `None` where the host has no keys.
    pub api_key: Option<String>,
    /// What it may use.
    pub reach: Reach,
    /// Where the changes of their messages are told that name no `callback_url`.
    pub callback_url: Option<Endpoint>,
}

/// How a message is to be taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Somebody waits for its end.
    pub wait: bool,
    /// The `Idempotency-Key`: the same one within 24 h stands for the same request.
    pub key: Option<String>,
    /// The caller's own span, for the trace of the message.
    pub parent: Option<Parent>,
}

/// Why a request was not accepted. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The request itself: every field that is wrong.
    #[error("the message has invalid fields")]
    Invalid(Vec<FieldError>),
    /// A route or gateway that whoever asks may not use.
    #[error("the API key does not permit it: {0}")]
    Forbidden(String),
    /// As many unfinished messages as `store.max_queued` allows, or too many requests wait for the disk.
    #[error("overloaded: {reason}")]
    Overloaded {
        /// Which bound was reached.
        reason: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// The same `Idempotency-Key` came with another request before.
    #[error("this Idempotency-Key was used for another request in the last 24 hours")]
    KeyReused,
    /// The store can't take it.
    #[error(transparent)]
    Store(StoreError),
    /// The host stops.
    #[error("the host is stopping")]
    Stopping,
}

impl Refusal {
    /// The word used in metrics.
    fn as_str(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid",
            Self::Forbidden(_) => "forbidden",
            Self::Overloaded { .. } => "overloaded",
            Self::KeyReused => "key_reused",
            Self::Store(_) => "store",
            Self::Stopping => "stopping",
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Closed => Self::Stopping,
            StoreError::Busy => Self::Overloaded { reason: error.to_string(), retry_after: DISK_RETRY },
            error => Self::Store(error),
        }
    }
}

/// An accepted message: on disk.
#[derive(Debug)]
pub struct Accepted {
    /// The message as it was stored: `queued`; of a request that came before, as it stands now.
    pub message: Message,
    /// Resolves when the message is finished, if that was asked for and it is not yet.
    pub finished: Option<Ticket>,
}

/// Admits messages.
pub struct Acceptor {
    store: Arc<dyn Store>,
    delivery: Arc<Delivery>,
    clock: Clock,
    ids: MessageIds,
    snapshot: watch::Sender<Arc<Snapshot>>,
    /// Messages that are being stored.
    storing: Arc<AtomicU64>,
    metrics: Arc<Metrics>,
}

impl Acceptor {
    /// Admits messages for the gateways of `delivery`, as `snapshot` has it at first.
    pub fn new(
        store: Arc<dyn Store>,
        delivery: Arc<Delivery>,
        snapshot: Snapshot,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Self {
        metrics.queue_limit(snapshot.config.store.max_queued);
        Self {
            store,
            delivery,
            clock,
            ids: MessageIds::default(),
            snapshot: watch::Sender::new(Arc::new(snapshot)),
            storing: Arc::default(),
            metrics,
        }
    }

    /// The configuration as it runs now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.borrow())
    }

    /// To be told of the next one.
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshot.subscribe()
    }

    /// From now on requests see this one.
    pub fn switch(&self, snapshot: Snapshot) {
        self.snapshot.send_replace(Arc::new(snapshot));
    }

    /// The delivery behind it.
    pub fn delivery(&self) -> &Arc<Delivery> {
        &self.delivery
    }

    /// Receipts that belong to no message, of one gateway or of all, the latest first.
    ///
    /// # Errors
    /// The store can't be read.
    pub async fn unmatched_receipts(
        &self,
        gateway: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Unmatched>, StoreError> {
        self.store.unmatched(gateway, before, limit).await
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The figures, as Prometheus reads them. What a store in trouble does not say is left out: the rest is needed most then.
    ///
    /// # Errors
    /// They can't be written down.
    pub async fn figures(&self) -> Result<Vec<u8>, prometheus::Error> {
        let space = tokio::time::timeout(LOOK, self.store.space()).await;
        let space = space.ok().and_then(Result::ok).flatten();
        let moment = Moment {
            gateways: self.delivery.figures(LOOK).await,
            webhooks_waiting: self.delivery.webhooks().waiting(),
            store_bytes: space.map(|Space { used, free }| (used, free)),
        };
        self.metrics.render(&moment)
    }

    /// Whether a message could be stored durably now.
    ///
    /// # Errors
    /// Why not.
    pub async fn writable(&self) -> Result<(), StoreError> {
        self.store.writable().await
    }

    /// Admits a message as `snapshot` has it: checks `body`, stores it, and has its gateway look.
    ///
    /// # Errors
    /// Why not; nothing was stored then.
    ///
    /// # Cancellation
    /// A future that is dropped has done all of it or nothing.
    pub async fn accept(
        &self,
        snapshot: &Snapshot,
        body: &Value,
        caller: &Caller,
        wishes: &Wishes,
    ) -> Result<Accepted, Refusal> {
        self.counted(self.accept_one(snapshot, body, caller, wishes).await)
    }

    async fn accept_one(
        &self,
        snapshot: &Snapshot,
        body: &Value,
        caller: &Caller,
        wishes: &Wishes,
    ) -> Result<Accepted, Refusal> {
        let began = self.clock.now();
        let once = self.once(body, caller, wishes);
        if let Some(ids) = self.known(once.as_ref()).await? {
            return self.again(&ids, wishes.wait).await;
        }
        let draft = self.check(snapshot, body, caller)?;
        let new = self.admit(snapshot, draft, caller, wishes.wait);
        let message = Message::queued(&new);
        // Before it is stored: its end could be there before the store's answer is.
        let ticket = wishes.wait.then(|| self.delivery.ticket(new.id));
        match self.store(snapshot, vec![new], once, wishes, began).await? {
            None => Ok(Accepted { message, finished: ticket }),
            Some(ids) => self.again(&ids, wishes.wait).await,
        }
    }

    /// Admits a batch, all or none: `{"messages": […]}`. The messages in their order: as they were stored; of a request that came
    /// before, as they stand now.
    ///
    /// # Errors
    /// Why not, with every field of every message that is wrong; nothing was stored then.
    ///
    /// # Cancellation
    /// A future that is dropped has done all of it or nothing.
    pub async fn accept_batch(
        &self,
        snapshot: &Snapshot,
        body: &Value,
        caller: &Caller,
        wishes: &Wishes,
    ) -> Result<Vec<Message>, Refusal> {
        self.counted(self.accept_all(snapshot, body, caller, wishes).await)
    }

    async fn accept_all(
        &self,
        snapshot: &Snapshot,
        body: &Value,
        caller: &Caller,
        wishes: &Wishes,
    ) -> Result<Vec<Message>, Refusal> {
        let began = self.clock.now();
        let once = self.once(body, caller, wishes);
        if let Some(ids) = self.known(once.as_ref()).await? {
            return self.all_again(&ids).await;
        }
        let bodies = batch::messages(body).map_err(Refusal::Invalid)?;
        let (mut drafts, mut errors) = (Vec::with_capacity(bodies.len()), Vec::new());
        for (number, body) in bodies.iter().enumerate() {
            match self.check(snapshot, body, caller) {
                Ok(draft) => drafts.push(draft),
                Err(Refusal::Invalid(found)) => {
                    errors.extend(found.into_iter().map(|error| batch::of_message(number, error)));
                    if errors.len() >= MOST_ERRORS {
                        break;
                    }
                }
                Err(refusal) => return Err(refusal),
            }
        }
        if !errors.is_empty() {
            return Err(Refusal::Invalid(errors));
        }
        // Only now, since each takes its route's turn.
        let new =
            drafts.into_iter().map(|draft| self.admit(snapshot, draft, caller, false)).collect::<Vec<_>>();
        let messages = new.iter().map(Message::queued).collect();
        match self.store(snapshot, new, once, wishes, began).await? {
            None => Ok(messages),
            Some(ids) => self.all_again(&ids).await,
        }
    }

    /// The same; a refusal is counted.
    fn counted<T>(&self, result: Result<T, Refusal>) -> Result<T, Refusal> {
        result.inspect_err(|refusal| self.metrics.refused(refusal.as_str()))
    }

    fn once(&self, body: &Value, caller: &Caller, wishes: &Wishes) -> Option<Once> {
        wishes.key.as_ref().map(|key| Once {
            api_key: caller.api_key.clone().unwrap_or_default(),
            key: key.clone(),
            fingerprint: fingerprint(body),
            at: self.clock.now(),
        })
    }

    /// The messages of the same request that came before. Looked up before anything else: what was accepted stays so, whatever has become
    /// of its gateway, and takes nobody's place.
    async fn known(&self, once: Option<&Once>) -> Result<Option<Vec<MessageId>>, Refusal> {
        if self.delivery.is_stopping() {
            return Err(Refusal::Stopping);
        }
        let Some(once) = once else { return Ok(None) };
        match self.store.known(once).await? {
            None | Some(Inserted::Stored) => Ok(None),
            Some(Inserted::Known(ids)) => Ok(Some(ids)),
            Some(Inserted::Conflict) => Err(Refusal::KeyReused),
        }
    }

    /// Stores the messages and has their gateways look; or the ids of those that the same request made before.
    async fn store(
        &self,
        snapshot: &Snapshot,
        new: Vec<NewMessage>,
        once: Option<Once>,
        wishes: &Wishes,
        began: Timestamp,
    ) -> Result<Option<Vec<MessageId>>, Refusal> {
        let count = new.len() as u64;
        // Those that wait for the disk are not counted by the store yet.
        let reserved = Reserved::new(&self.storing, count);
        let max_queued = snapshot.config.store.max_queued;
        if self.store.unfinished().saturating_add(reserved.all) > max_queued {
            let reason =
                format!("with it more than {max_queued} messages would wait, as `max_queued` has it");
            return Err(Refusal::Overloaded { reason, retry_after: QUEUE_RETRY });
        }
        let store = Arc::clone(&self.store);
        let ids = new.iter().map(|new| new.id).collect::<Vec<_>>();
        let arrivals = self.delivery.expect(&new);
        let (metrics, clock) = (Arc::clone(&self.metrics), self.clock);
        let request = trace::Request { began, handed_over: clock.now(), parent: wishes.parent.clone() };
        // Whoever asks may hang up at any moment, and a message that was stored must be delivered, and counted.
        let stored = Unbroken::new(async move {
            let inserted = store.insert(new, once).await?;
            drop(reserved);
            if inserted == Inserted::Stored {
                let on_disk = clock.now();
                metrics.accepted(count);
                for id in ids {
                    trace::accepted(&metrics.traces, id, &request, on_disk);
                }
                arrivals.stored();
            }
            Ok::<_, StoreError>(inserted)
        });
        // A panic in there breaks no connection.
        let stored = AssertUnwindSafe(stored).catch_unwind().await.unwrap_or(Err(StoreError::Closed));
        match stored? {
            Inserted::Stored => Ok(None),
            Inserted::Known(ids) => Ok(Some(ids)),
            Inserted::Conflict => Err(Refusal::KeyReused),
        }
    }

    /// What a request made when it came first.
    async fn again(&self, ids: &[MessageId], wait: bool) -> Result<Accepted, Refusal> {
        self.metrics.replayed();
        let id = *ids.first().ok_or_else(gone)?;
        let ticket = wait.then(|| self.delivery.ticket(id));
        let message = self.message(id).await?.ok_or_else(gone)?;
        let finished = ticket.filter(|_| !message.state.is_finished());
        Ok(Accepted { message, finished })
    }

    async fn all_again(&self, ids: &[MessageId]) -> Result<Vec<Message>, Refusal> {
        self.metrics.replayed();
        let mut messages = Vec::with_capacity(ids.len());
        for id in ids {
            messages.push(self.message(*id).await?.ok_or_else(gone)?);
        }
        Ok(messages)
    }

    /// Cancels a message that is `queued`; it becomes what it is then.
    ///
    /// # Errors
    /// The store can't do it.
    pub async fn cancel(&self, message: &mut Message) -> Result<Canceled, StoreError> {
        let canceled = self.delivery.cancel(message.id).await?;
        if canceled == Canceled::Done {
            match self.message(message.id).await {
                Ok(Some(now)) => *message = now,
                // That it is canceled is on disk: a store that can't be read is no reason to say otherwise.
                _ => message.change(State::Canceled, self.clock.now(), None),
            }
        }
        Ok(canceled)
    }

    /// A message as it stands now.
    ///
    /// # Errors
    /// The store can't be read.
    pub async fn message(&self, id: MessageId) -> Result<Option<Message>, StoreError> {
        Ok(self.store.message(id).await?.map(|message| self.as_it_stands(message)))
    }

    /// The message with a submission that goes on right now: it need not be on disk.
    fn as_it_stands(&self, message: Message) -> Message {
        match self.delivery.sending_since(message.id) {
            Some(began) => message.submitted_since(began),
            None => message,
        }
    }

    /// Checks a message; it is not admitted yet.
    fn check<'s>(&self, snapshot: &'s Snapshot, body: &Value, caller: &Caller) -> Result<Draft<'s>, Refusal> {
        let mut fields = Fields::of(body).map_err(Refusal::Invalid)?;
        let to = fields.recipient();
        let content = fields.content();
        let from = fields.short_text("from");
        let tag = fields.short_text("tag");
        let way = fields.way(snapshot, to.as_ref(), tag.as_deref(), &caller.reach);
        let priority = fields.priority();
        let own = fields.valid_for();
        let now = self.clock.now();
        let send_at = fields.send_at(now);
        let callback =
            fields.callback(&snapshot.config.webhooks.allow).or_else(|| caller.callback_url.clone());
        if let Some(what) = fields.forbidden() {
            return Err(Refusal::Forbidden(what));
        }
        match ((to, content, way), fields.errors()) {
            ((Some(to), Some(content), Some(way)), []) => {
                Ok(Draft { to, content, from, tag, way, priority, own, now, send_at, callback })
            }
            _ => Err(Refusal::Invalid(fields.into_errors())),
        }
    }

    fn admit(&self, snapshot: &Snapshot, draft: Draft<'_>, caller: &Caller, wait: bool) -> NewMessage {
        let Draft { to, content, from, tag, way, priority, own, now, send_at, callback } = draft;
        let default = if wait { Priority::High } else { Priority::Normal };
        let from_when = send_at.unwrap_or(now);
        let validity = Validity { from: from_when, own };
        let (gateways, route) = way.take();
        let gateway = snapshot.gateways.first_usable(&gateways);
        let id = self.ids.at(now);
        let valid_for = |name: &String| Some(snapshot.gateways.get(name)?.limits.valid_for);
        let longest = gateways.iter().filter_map(valid_for).max().unwrap_or_default();
        NewMessage {
            id,
            to,
            content,
            from,
            deadline: validity.deadline(valid_for(&gateway).unwrap_or(longest)),
            gateway,
            plan: if route.is_some() { gateways } else { Vec::new() },
            route,
            tag,
            priority: priority.unwrap_or(default),
            created_at: id.time(),
            due_at: from_when,
            validity,
            expires_at: validity.deadline(longest),
            api_key: caller.api_key.clone(),
            callback_url: callback.map(|callback| WebhookUrl::new(callback.url())),
        }
    }
}

/// A message whose members are right.
struct Draft<'r> {
    to: Recipient,
    content: Content,
    from: Option<String>,
    tag: Option<String>,
    way: Way<'r>,
    priority: Option<Priority>,
    own: Option<Duration>,
    now: Timestamp,
    send_at: Option<Timestamp>,
    callback: Option<Endpoint>,
}

/// Room for messages that are being stored; given back when it is dropped.
struct Reserved {
    storing: Arc<AtomicU64>,
    count: u64,
    /// With those of everybody else.
    all: u64,
}

impl Reserved {
    fn new(storing: &Arc<AtomicU64>, count: u64) -> Self {
        let all = storing.fetch_add(count, Ordering::AcqRel) + count;
        Self { storing: Arc::clone(storing), count, all }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.storing.fetch_sub(self.count, Ordering::AcqRel);
    }
}

fn gone() -> Refusal {
    Refusal::Store(StoreError::Damaged("a remembered request has no message".into()))
}

/// Of the request's content: how it is written does not matter, nor in which order its members stand, which JSON leaves open.
fn fingerprint(body: &Value) -> [u8; 32] {
    let mut body = body.clone();
    body.sort_all_objects();
    Sha256::digest(body.to_string()).into()
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").field("snapshot", &self.snapshot()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
