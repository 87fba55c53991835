//! The task that owns one gateway's queue.

use super::{
    Drained, Shared, decide,
    mailbox::{Mailbox, News},
    submit::{self, Ended},
    sweep,
};
use crate::{
    gateway::{Availability, Bucket, Gateway},
    message::{MessageId, Timestamp},
    store::{Place, Ready},
};
use prometheus::IntGauge;
use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::watch,
    task::{Id, JoinSet},
    time::Instant,
};

/// Messages of the queue in memory, and the bytes of their contents: a backlog costs disk, not memory.
const BUFFERED: usize = 256;
const BUFFERED_BYTES: usize = 4 << 20;

/// Until the store is asked again after it could not be read.
const READ_AGAIN: Duration = Duration::from_secs(1);

pub(super) struct Actor {
    gateway: Gateway,
    mailbox: Arc<Mailbox>,
    shared: Arc<Shared>,
    deadline: watch::Receiver<Option<Instant>>,
    bucket: Option<Bucket>,
    /// The front of the queue, as far as it was read.
    buffer: VecDeque<Ready>,
    /// Passed over, since they are being canceled; the mailbox says what came of that.
    canceling: HashSet<MessageId>,
    /// Whether the store may hold more that is due than `buffer` does.
    more: bool,
    /// When the next message is due that is not yet: it may come before what is in memory.
    next_due: Option<Timestamp>,
    read_again_at: Option<Instant>,
    /// Whether the gateway could be used when it was last looked at.
    usable: bool,
    /// Whether messages may wait here, since the gateway can't be used, that could go elsewhere.
    to_sweep: bool,
    /// The submits that are going on, until their outcome is on disk; with the size of their contents.
    in_flight: HashMap<MessageId, usize>,
    tasks: JoinSet<Ended>,
    running: HashMap<Id, MessageId>,
    figure: IntGauge,
}

impl Actor {
    pub(super) fn new(gateway: Gateway, mailbox: Arc<Mailbox>, shared: Arc<Shared>) -> Self {
        let deadline = shared.deadline.subscribe();
        let figure = shared.metrics.in_flight(&gateway.name);
        let bucket = gateway.limits.rate.map(|rate| Bucket::new(rate, Instant::now()));
        Self {
            gateway,
            mailbox,
            shared,
            deadline,
            bucket,
            buffer: VecDeque::new(),
            canceling: HashSet::new(),
            // What an earlier process left behind.
            more: true,
            next_due: None,
            read_again_at: None,
            usable: true,
            to_sweep: false,
            in_flight: HashMap::new(),
            tasks: JoinSet::new(),
            running: HashMap::new(),
            figure,
        }
    }

    pub(super) async fn run(mut self) -> Drained {
        let started = tokio::spawn(self.gateway.handle.start());
        let mut stopping = self.deadline.clone();
        let mut changes = self.shared.changes.subscribe();
        while stopping.borrow_and_update().is_none() {
            changes.borrow_and_update();
            let wake_at = self.fill().await;
            tokio::select! {
                _ = stopping.changed() => {}
                Some(ended) = self.tasks.join_next_with_id() => self.ended(ended),
                () = self.mailbox.woken() => {}
                _ = changes.changed(), if !self.usable => self.to_sweep = true,
                () = tokio::time::sleep_until(wake_at.unwrap_or_else(Instant::now)), if wake_at.is_some() => {}
            }
        }
        let drained = self.drain().await;
        started.abort();
        Arc::clone(&self.gateway.handle).stop().await;
        drained
    }

    /// Submits what there is room for. When to look again, if nothing happens before.
    async fn fill(&mut self) -> Option<Instant> {
        loop {
            let news = self.mailbox.take();
            self.hear(news);
            if self.deadline.borrow().is_some() || self.tasks.len() >= self.gateway.limits.max_in_flight {
                return None;
            }
            if let Some(again_at) = self.unusable() {
                if self.to_sweep {
                    self.sweep().await;
                }
                return again_at;
            }
            let instant = Instant::now();
            if let Some(at) =
                self.bucket.as_mut().map(|bucket| bucket.next(instant)).filter(|at| *at > instant)
            {
                return Some(at);
            }
            let Some(ready) = self.next().await else { return self.wake_at() };
            self.begin(ready);
        }
    }

    fn hear(&mut self, news: News) {
        for id in news.left {
            self.buffer.retain(|ready| ready.place.id != id);
            self.canceling.remove(&id);
            self.shared.hub.forget(id);
        }
        if news.read_again {
            self.canceling.clear();
            self.buffer.clear();
            self.more = true;
        }
        for place in [news.foremost, news.later].into_iter().flatten() {
            self.arrived(place);
        }
    }

    /// A message waits here that may not be in memory.
    fn arrived(&mut self, place: Place) {
        self.to_sweep |= !self.usable;
        if place.due_at > self.shared.clock.now() {
            self.next_due = Some(self.next_due.map_or(place.due_at, |due| due.min(place.due_at)));
            return;
        }
        self.more = true;
        // It comes before what is in memory: the front of the queue is to be read again. Behind it, it is read in its turn.
        if self.buffer.back().is_some_and(|last| place < last.place) {
            self.buffer.clear();
        }
    }

    /// Whether the gateway can't be used now; and when to look again.
    fn unusable(&mut self) -> Option<Option<Instant>> {
        let (usable, again_at) = match self.gateway.status.availability() {
            Availability::Usable => (true, None),
            Availability::Until(at) => (false, Some(at)),
            Availability::Trying => (false, None),
        };
        if usable != self.usable {
            self.usable = usable;
            self.to_sweep = !usable;
            if usable {
                // Others may hand messages over.
                self.shared.changes.tell();
            }
        }
        (!usable).then_some(again_at)
    }

    fn wake_at(&self) -> Option<Instant> {
        let due = self.next_due.map(|due| Instant::now() + due.since(self.shared.clock.now()));
        [due, self.read_again_at].into_iter().flatten().min()
    }

    /// Has one message submitted, or ended if its time has passed.
    fn begin(&mut self, ready: Ready) {
        let (id, size) = (ready.place.id, ready.content.len());
        let shared = Arc::clone(&self.shared);
        if let Some(marked_at) = ready.marked_at {
            return self.spawn(id, size, submit::interrupted(ready, marked_at, shared));
        }
        // First this, then the look at the time: whoever ends messages whose time has passed leaves alone what is being submitted.
        let Some(sending) = shared.hub.sending(id, shared.clock.now()) else {
            self.canceling.insert(id);
            return;
        };
        if shared.clock.now() >= ready.deadline {
            drop(sending);
            return self.spawn(id, size, submit::lapse(ready, shared));
        }
        let under_way = shared.respelling.under_way(&self.gateway.name, shared.clock.now(), id);
        match self.gateway.status.begin() {
            Ok(permit) => {
                if let Some(bucket) = &mut self.bucket {
                    bucket.take();
                }
                let gateway = self.gateway.clone();
                self.spawn(id, size, submit::deliver(gateway, ready, permit, (sending, under_way), shared));
            }
            // A submit that ended this moment has made it unusable.
            Err(_) => self.buffer.push_front(ready),
        }
    }

    fn spawn(&mut self, id: MessageId, size: usize, task: impl Future<Output = Ended> + Send + 'static) {
        self.in_flight.insert(id, size);
        let task = self.tasks.spawn(task);
        self.running.insert(task.id(), id);
        self.figure.inc();
    }

    /// The foremost message of the queue that is not being submitted.
    async fn next(&mut self) -> Option<Ready> {
        if self.next_due.is_some_and(|due| due <= self.shared.clock.now()) {
            self.next_due = None;
            self.buffer.clear();
            self.more = true;
        }
        if self.read_again_at.is_some_and(|at| at <= Instant::now()) {
            self.read_again_at = None;
        }
        if self.buffer.is_empty() && self.more && self.read_again_at.is_none() {
            self.read().await;
        }
        self.buffer.pop_front()
    }

    async fn read(&mut self) {
        // Those being submitted are still in the queue, at its front.
        let limit = self.in_flight.len() + BUFFERED;
        let max_bytes = self.in_flight.values().sum::<usize>() + BUFFERED_BYTES;
        let now = self.shared.clock.now();
        match self.shared.store.ready(&self.gateway.name, now, limit, max_bytes).await {
            Ok(front) => {
                // A submit that ended during the read is still in `in_flight`, though perhaps no longer in the queue: it is
                // taken out by this task alone, and this task was reading.
                let found = front.ready.into_iter();
                let taken = |id: &MessageId| self.in_flight.contains_key(id) || self.canceling.contains(id);
                self.buffer.extend(found.filter(|ready| !taken(&ready.place.id)));
                self.more = !self.buffer.is_empty();
                let later = [self.next_due, front.next_due];
                self.next_due = later.into_iter().flatten().min();
            }
            Err(error) => {
                tracing::warn!(gateway = &*self.gateway.name, %error, "the queue can't be read now; trying again");
                self.read_again_at = Some(Instant::now() + READ_AGAIN);
            }
        }
    }

    /// Hands over what another gateway can take.
    async fn sweep(&mut self) {
        match sweep::queue(&self.gateway.name, &self.shared, decide::elsewhere).await {
            Ok(left) => {
                self.to_sweep = false;
                if !left.is_empty() {
                    tracing::info!(
                        gateway = &*self.gateway.name,
                        messages = left.len(),
                        "messages go on to other gateways of their routes"
                    );
                    self.buffer.retain(|ready| !left.contains(&ready.place));
                }
            }
            Err(error) => {
                tracing::warn!(gateway = &*self.gateway.name, %error, "the queue can't be handed over now");
            }
        }
    }

    fn ended(&mut self, ended: Result<(Id, Ended), tokio::task::JoinError>) {
        self.figure.dec();
        match ended {
            Ok((task, Ended { id, waits_here })) => {
                self.running.remove(&task);
                self.in_flight.remove(&id);
                if let Some(place) = waits_here {
                    self.arrived(place);
                }
            }
            Err(error) => {
                // Left in `in_flight`: were it taken from the queue again now, it would do the same again, for ever.
                let id = self.running.remove(&error.id()).map(|id| id.to_string());
                tracing::error!(
                    gateway = &*self.gateway.name,
                    id,
                    "a delivery broke; it is tried again after the next start"
                );
            }
        }
    }

    /// Lets what is going on end until the deadline.
    async fn drain(&mut self) -> Drained {
        let deadline = self.deadline.borrow().unwrap_or_else(Instant::now);
        let before = self.tasks.len();
        while !self.tasks.is_empty() {
            match tokio::time::timeout_at(deadline, self.tasks.join_next_with_id()).await {
                Ok(Some(ended)) => self.ended(ended),
                Ok(None) => break,
                Err(_) => {
                    for id in self.running.values() {
                        tracing::warn!(gateway = &*self.gateway.name, %id, "a submit was cut off; it is repeated after the next start");
                    }
                    break;
                }
            }
        }
        let cut_off = self.tasks.len();
        self.tasks.shutdown().await;
        Drained { finished: before - cut_off, cut_off }
    }
}
