//! The one thread that writes: everything that waits goes into its next transaction.

use super::{
    Depths, insert,
    maintenance::Maintenance,
    receipts, record, respelt,
    statements::{Known, Statements},
    store_error, webhooks,
};
use crate::{
    message::{MessageId, NewMessage, Receipt, Timestamp},
    store::{
        Canceled, Dropped, Inserted, Matched, NewInbound, Next, Once, Place, Received, Recorded, Respelt,
        Settled, Step, StoreError, webhooks::origin_of,
    },
    telemetry::metrics::Metrics,
};
use rusqlite::{Connection, TransactionBehavior};
use std::{
    collections::HashMap,
    fs::File,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Instant,
};
use tokio::sync::{oneshot, watch};

/// Requests that may wait for the disk. When so many do, the next is refused as busy.
const WAITING: usize = 4096;

/// Messages in one transaction, about: enough for the best rate, few enough that the last one's caller does not wait long.
const GROUP: usize = 1024;

type Done<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the writer can be asked.
pub(super) enum Request {
    Insert { batch: Vec<NewMessage>, once: Option<Once>, done: Done<Inserted> },
    Record { batch: Arc<[Step]>, done: Done<Vec<Recorded>> },
    Receive { batch: Vec<Receipt>, done: Done<Vec<Received>> },
    Respell { gateway: String, before: Timestamp, limit: usize, done: Done<Respelt> },
    Interrupted { gateways: Vec<String>, done: Done<()> },
    Mark { id: MessageId, from: (String, Place), at: Timestamp, done: Done<bool> },
    Cancel { id: MessageId, at: Timestamp, done: Done<Canceled> },
    Prove { done: Done<()> },
    Inbound { new: NewInbound, done: Done<()> },
    SettleWebhooks { batch: Vec<Settled>, done: Done<()> },
    DropWebhooks { origin: String, before: Timestamp, limit: usize, done: Done<Dropped> },
    Close { done: oneshot::Sender<()> },
}

impl Request {
    fn weight(&self) -> usize {
        match self {
            Self::Insert { batch, .. } => batch.len(),
            Self::Record { batch, .. } => batch.len(),
            Self::Receive { batch, .. } => batch.len(),
            Self::SettleWebhooks { batch, .. } => batch.len(),
            Self::DropWebhooks { limit, .. } | Self::Respell { limit, .. } => *limit,
            Self::Inbound { .. } | Self::Interrupted { .. } => 1,
            Self::Mark { .. } | Self::Cancel { .. } | Self::Prove { .. } | Self::Close { .. } => 1,
        }
    }
}

/// The way to the writer's thread. When it is dropped, the thread does what waits and ends.
pub(super) struct Writer {
    requests: SyncSender<Request>,
    closed: AtomicBool,
}

impl Writer {
    /// Starts the thread. It keeps the folder's `lock` until it has closed the database.
    pub(super) fn start(
        (connection, known): (Connection, Known),
        maintenance: Maintenance,
        lock: File,
        metrics: Option<Arc<Metrics>>,
        figures: Figures,
    ) -> io::Result<Self> {
        let (requests, waiting) = sync_channel(WAITING);
        let thread = Thread { connection, known, figures, maintenance, metrics, _lock: lock };
        thread::Builder::new().name("store-writer".into()).spawn(move || thread.run(&waiting))?;
        Ok(Self { requests, closed: AtomicBool::new(false) })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(super) fn send(&self, request: Request) -> Result<(), StoreError> {
        if self.is_closed() {
            return Err(StoreError::Closed);
        }
        self.requests.try_send(request).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Busy,
            TrySendError::Disconnected(_) => StoreError::Closed,
        })
    }

    /// Nothing is taken any more; `done` is answered, or dropped, when what waited is on disk and the database closed.
    pub(super) fn close(&self, done: oneshot::Sender<()>) {
        if self.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        let requests = self.requests.clone();
        // The channel may be full: wait for room without holding up the caller's thread.
        thread::spawn(move || requests.send(Request::Close { done }).unwrap_or_default());
    }
}

/// What is known without asking the database: brought up to date after each transaction.
#[derive(Debug, Default)]
pub(super) struct Figures {
    /// How many messages wait in each queue.
    pub(super) depths: Arc<Depths>,
    /// How many webhooks wait for each origin.
    pub(super) webhooks: Arc<Depths>,
    /// The number of the last change of a message's state.
    pub(super) latest: watch::Sender<u64>,
}

struct Thread {
    connection: Connection,
    known: Known,
    figures: Figures,
    maintenance: Maintenance,
    metrics: Option<Arc<Metrics>>,
    _lock: File,
}

impl Thread {
    fn run(mut self, waiting: &Receiver<Request>) {
        let mut closing = None;
        while closing.is_none() {
            match waiting.recv_timeout(self.maintenance.due_in()) {
                Ok(first) => closing = self.turn(first, waiting),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.maintenance.run(&mut self.connection);
        }
        // What was sent before the end of the channel was seen.
        while let Ok(first) = waiting.try_recv() {
            closing = self.turn(first, waiting).or(closing);
        }
        self.maintenance.last(&mut self.connection);
        let Self { connection, _lock, .. } = self;
        if let Err((_, error)) = connection.close() {
            tracing::error!(%error, "the database was not closed in an orderly way; nothing accepted is lost");
        }
        drop(_lock);
        if let Some(done) = closing {
            done.send(()).unwrap_or_default();
        }
    }

    /// Takes what waits besides `first` and commits it as one.
    fn turn(&mut self, first: Request, waiting: &Receiver<Request>) -> Option<oneshot::Sender<()>> {
        let mut closing = None;
        let mut weight = first.weight();
        let mut group = Vec::new();
        let mut next = Some(first);
        while let Some(request) = next {
            match request {
                Request::Close { done } => closing = Some(done),
                request => group.push(request),
            }
            next = if weight < GROUP { waiting.try_recv().ok() } else { None };
            weight += next.as_ref().map_or(0, Request::weight);
        }
        self.commit(group);
        closing
    }

    fn commit(&mut self, group: Vec<Request>) {
        match self.transaction(&group) {
            Ok((replies, change)) => self.answer_all(group, replies, change),
            Err(error) if group.len() == 1 => {
                for request in group {
                    self.refuse(request, &error);
                }
            }
            // One that can't be stored must not sink the others.
            Err(_) => {
                for request in group {
                    let result = self.transaction(std::slice::from_ref(&request));
                    match result {
                        Ok((replies, change)) => self.answer_all(vec![request], replies, change),
                        Err(error) => self.refuse(request, &error),
                    }
                }
            }
        }
    }

    fn refuse(&self, request: Request, error: &rusqlite::Error) {
        let error = store_error(error);
        if let (StoreError::Full | StoreError::Unwritable(_), Some(metrics)) = (&error, &self.metrics) {
            metrics.unwritable();
        }
        request.answer(Err(error));
    }

    fn answer_all(&mut self, group: Vec<Request>, replies: Vec<Reply>, change: Change) {
        self.figures.depths.apply(change.depths);
        if !change.webhooks.is_empty() {
            self.figures.webhooks.apply(change.webhooks);
        }
        if change.erased {
            self.maintenance.erased();
        }
        for (request, reply) in group.into_iter().zip(replies) {
            request.answer(Ok(reply));
        }
    }

    fn transaction(&mut self, group: &[Request]) -> rusqlite::Result<(Vec<Reply>, Change)> {
        let began = Instant::now();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut change = Change::default();
        let mut replies = Vec::with_capacity(group.len());
        let statements = Statements::new(&transaction, self.known);
        for request in group {
            replies.push(change.perform(&statements, request)?);
        }
        let known = statements.known();
        drop(statements);
        transaction.commit()?;
        self.known = known;
        let last = known.last_number.unsigned_abs();
        self.figures.latest.send_if_modified(|latest| std::mem::replace(latest, last) != last);
        if let Some(metrics) = &self.metrics {
            metrics.commit(group.iter().map(Request::weight).sum(), began.elapsed());
        }
        Ok((replies, change))
    }
}

/// What a request came to.
enum Reply {
    Inserted(Inserted),
    Recorded(Vec<Recorded>),
    Received(Vec<Received>),
    Respelt(Respelt),
    Marked(bool),
    Canceled(Canceled),
    Dropped(Dropped),
    Done,
}

/// What a transaction changes beside the database.
#[derive(Default)]
struct Change {
    depths: HashMap<String, i64>,
    webhooks: webhooks::Counts,
    erased: bool,
}

impl Change {
    /// Something is to be told there.
    fn announced(&mut self, url: Option<&str>) {
        if let Some(origin) = url.and_then(origin_of) {
            *self.webhooks.entry(origin).or_default() += 1;
        }
    }

    fn matched(&mut self, matched: &Matched) {
        if matched.moved.is_some() {
            self.announced(matched.callback_url.as_deref());
        }
    }

    fn count(&mut self, gateway: &str, change: i64) {
        match self.depths.get_mut(gateway) {
            Some(depth) => *depth += change,
            None => {
                self.depths.insert(gateway.to_owned(), change);
            }
        }
    }

    fn perform(&mut self, transaction: &Statements<'_>, request: &Request) -> rusqlite::Result<Reply> {
        Ok(match request {
            Request::Insert { batch, once, .. } => {
                let inserted = insert::batch(transaction, batch, once.as_ref())?;
                if inserted == Inserted::Stored {
                    batch.iter().for_each(|new| self.count(&new.gateway, 1));
                }
                Reply::Inserted(inserted)
            }
            Request::Record { batch, .. } => {
                let mut taken = Vec::with_capacity(batch.len());
                for step in batch.iter() {
                    let recorded = record::step(transaction, step)?;
                    if recorded.taken {
                        self.count(&step.from.0, -1);
                        match &step.next {
                            Next::Finished { .. } => {
                                self.erased = true;
                                self.announced(step.callback_url.as_deref());
                            }
                            Next::Waits { gateway, .. } => self.count(gateway, 1),
                        }
                        if recorded.moved.is_some() {
                            self.announced(step.callback_url.as_deref());
                        }
                    }
                    taken.push(recorded);
                }
                Reply::Recorded(taken)
            }
            Request::Receive { batch, .. } => {
                let received = batch.iter().map(|receipt| receipts::receive(transaction, receipt));
                let received = received.collect::<rusqlite::Result<Vec<_>>>()?;
                for received in &received {
                    if let Received::Matched(matched) = received {
                        self.matched(matched);
                    }
                }
                Reply::Received(received)
            }
            Request::Respell { gateway, before, limit, .. } => {
                let respelt = respelt::decide(transaction, gateway, *before, *limit)?;
                respelt.matched.iter().for_each(|matched| self.matched(matched));
                Reply::Respelt(respelt)
            }
            Request::Interrupted { gateways, .. } => {
                gateways.iter().try_for_each(|gateway| respelt::doubt(transaction, gateway))?;
                Reply::Done
            }
            Request::Mark { id, from, at, .. } => Reply::Marked(record::mark(transaction, *id, from, *at)?),
            Request::Cancel { id, at, .. } => {
                let (canceled, gateway) = record::cancel(transaction, *id, *at)?;
                if let Some(gateway) = gateway {
                    self.count(&gateway, -1);
                    self.erased = true;
                }
                Reply::Canceled(canceled)
            }
            Request::Inbound { new, .. } => {
                webhooks::inbound(transaction, new)?;
                *self.webhooks.entry(new.to.origin().to_owned()).or_default() += 1;
                Reply::Done
            }
            Request::SettleWebhooks { batch, .. } => {
                self.erased |= webhooks::settle(transaction, batch, &mut self.webhooks)?;
                Reply::Done
            }
            Request::DropWebhooks { origin, before, limit, .. } => {
                let (dropped, erased) =
                    webhooks::drop_old(transaction, origin, *before, *limit, &mut self.webhooks)?;
                self.erased |= erased;
                Reply::Dropped(dropped)
            }
            Request::Prove { .. } => {
                // What an accept does, and nothing is left of it: the same pages are looked at and changed.
                let known = transaction.known();
                transaction.execute_batch("SAVEPOINT proof")?;
                insert::batch(transaction, &[insert::probe()], None)?;
                transaction.execute_batch("ROLLBACK TO proof; RELEASE proof")?;
                transaction.forget(known);
                // Another value each time: a page that does not change would not be written.
                transaction
                    .prepare_cached(
                        "INSERT INTO proof (id, at) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET at = at + 1",
                    )?
                    .execute([])?;
                Reply::Done
            }
            Request::Close { .. } => Reply::Done,
        })
    }
}

impl Request {
    /// Whoever asked may be gone: what was stored stays stored.
    fn answer(self, result: Result<Reply, StoreError>) {
        match (self, result) {
            (Self::Insert { done, .. }, Ok(Reply::Inserted(inserted))) => drop(done.send(Ok(inserted))),
            (Self::Record { done, .. }, Ok(Reply::Recorded(taken))) => drop(done.send(Ok(taken))),
            (Self::Receive { done, .. }, Ok(Reply::Received(received))) => drop(done.send(Ok(received))),
            (Self::Respell { done, .. }, Ok(Reply::Respelt(respelt))) => drop(done.send(Ok(respelt))),
            (Self::Mark { done, .. }, Ok(Reply::Marked(marked))) => drop(done.send(Ok(marked))),
            (Self::Cancel { done, .. }, Ok(Reply::Canceled(canceled))) => drop(done.send(Ok(canceled))),
            (Self::Prove { done }, Ok(_)) => drop(done.send(Ok(()))),
            (
                Self::Inbound { done, .. }
                | Self::SettleWebhooks { done, .. }
                | Self::Interrupted { done, .. },
                Ok(_),
            ) => drop(done.send(Ok(()))),
            (Self::DropWebhooks { done, .. }, Ok(Reply::Dropped(dropped))) => drop(done.send(Ok(dropped))),
            (Self::Insert { done, .. }, Err(error)) => drop(done.send(Err(error))),
            (Self::Record { done, .. }, Err(error)) => drop(done.send(Err(error))),
            (Self::Receive { done, .. }, Err(error)) => drop(done.send(Err(error))),
            (Self::Respell { done, .. }, Err(error)) => drop(done.send(Err(error))),
            (Self::Mark { done, .. }, Err(error)) => drop(done.send(Err(error))),
            (Self::Cancel { done, .. }, Err(error)) => drop(done.send(Err(error))),
            (
                Self::Prove { done }
                | Self::Inbound { done, .. }
                | Self::SettleWebhooks { done, .. }
                | Self::Interrupted { done, .. },
                Err(error),
            ) => drop(done.send(Err(error))),
            (Self::DropWebhooks { done, .. }, Err(error)) => drop(done.send(Err(error))),
            // Each request gets its own kind of reply; a dropped sender says that the store is closed.
            (_, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        message::Clock,
        store::{
            conformance::new_message,
            embedded::{ARRIVALS, Options, schema},
        },
    };
    use std::time::Duration;

    fn insert(batch: Vec<NewMessage>) -> (Request, oneshot::Receiver<Result<Inserted, StoreError>>) {
        let (done, wait) = oneshot::channel();
        (Request::Insert { batch, once: None, done }, wait)
    }

    #[test]
    fn what_waits_goes_into_one_transaction_and_a_bad_one_sinks_no_other() {
        let root = tempfile::tempdir().unwrap();
        let mut connection = schema::open(&root.path().join("gatepost.db")).unwrap();
        let options = Options {
            retain: Duration::from_secs(86_400),
            clock: Clock::System,
            max_pages: None,
            arrivals: ARRIVALS,
            metrics: None,
        };
        let maintenance = Maintenance::new(&mut connection, options).unwrap();
        let mut thread = Thread {
            known: Known::of(&connection, ARRIVALS).unwrap(),
            connection,
            figures: Figures::default(),
            maintenance,
            metrics: None,
            _lock: File::open(root.path()).unwrap(),
        };
        let (requests, waiting) = sync_channel(WAITING);
        let twice = new_message("one", "twice");
        let mut waits = Vec::new();
        for batch in [
            vec![twice.clone()],
            vec![new_message("one", "good")],
            vec![twice],
            vec![new_message("one", "good")],
        ] {
            let (request, wait) = insert(batch);
            requests.try_send(request).map_err(|_| ()).unwrap();
            waits.push(wait);
        }
        let first = waiting.recv().unwrap();
        assert!(thread.turn(first, &waiting).is_none());
        // One turn answered all of them.
        let answers = waits.iter_mut().map(|wait| wait.try_recv().unwrap().is_ok()).collect::<Vec<_>>();
        assert_eq!(answers, [true, true, false, true]);
        assert_eq!(thread.figures.depths.total(), 3);
    }
}
