//! The task that owns one gateway's queue, whichever definition the gateway has now, or none.

use super::{
    Drained, Shared, decide,
    mailbox::News,
    roster::Seat,
    submit::{self, Ended, UnderSubmission},
    sweep,
    tenure::Tenure,
};
use crate::{
    gateway::{Availability, Bucket, Gateway},
    message::{MessageId, Timestamp},
    store::{Place, Ready},
    telemetry::metrics::GatewayMetrics,
};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{
    sync::watch,
    task::{Id, JoinSet},
    time::Instant,
};

/// Messages of the queue in memory, and the bytes of their contents: a backlog costs disk, not memory.
pub(super) const BUFFERED: usize = 1024;
pub(super) const BUFFERED_BYTES: usize = 4 << 20;

/// Until the store is asked again after it could not be read or written.
const READ_AGAIN: Duration = Duration::from_secs(1);

pub(super) struct Actor {
    name: Arc<str>,
    seat: Arc<Seat>,
    /// By which definition it runs; `None`: the gateway is not in the configuration.
    tenure: Option<Tenure>,
    /// Earlier definitions, whose instances stop when their last submit has ended.
    ending: JoinSet<()>,
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
}

impl Actor {
    pub(super) fn new(name: Arc<str>, seat: Arc<Seat>, shared: Arc<Shared>) -> Self {
        let deadline = shared.deadline.subscribe();
        Self {
            name,
            seat,
            tenure: None,
            ending: JoinSet::new(),
            shared,
            deadline,
            bucket: None,
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
        }
    }

    pub(super) async fn run(mut self) -> Drained {
        self.redefine();
        let mut stopping = self.deadline.clone();
        let mut changes = self.shared.changes.subscribe();
        while stopping.borrow_and_update().is_none() {
            // One that came together with something else would be missed below.
            self.to_sweep |= !self.usable && changes.has_changed().unwrap_or_default();
            changes.borrow_and_update();
            let wake_at = self.fill().await;
            tokio::select! {
                _ = stopping.changed() => {}
                Some(ended) = self.tasks.join_next_with_id() => self.ended(ended),
                Some(ended) = self.ending.join_next() => self.tenure_ended(ended),
                () = self.seat.mailbox.woken() => {}
                _ = changes.changed(), if !self.usable => self.to_sweep = true,
                () = tokio::time::sleep_until(wake_at.unwrap_or_else(Instant::now)), if wake_at.is_some() => {}
            }
        }
        let drained = self.drain().await;
        if let Some(tenure) = self.tenure.take() {
            self.ending.spawn(tenure.end());
        }
        while let Some(ended) = self.ending.join_next().await {
            self.tenure_ended(ended);
        }
        drained
    }

    /// Goes on by the definition that the gateway has now. What is in flight ends by the one that it began with.
    fn redefine(&mut self) {
        let now = self.shared.roster().gateways.get(&self.name).cloned();
        match (&self.tenure, &now) {
            (Some(tenure), Some(now)) if tenure.gateway.is_same(now) => return,
            (_, Some(_)) => self.usable = true,
            (_, None) => {
                // What is read now may be handed over by the time that the gateway comes back.
                self.buffer.clear();
                self.more = true;
                self.to_sweep = true;
            }
        }
        let rate = now.as_ref().and_then(|gateway| gateway.limits.rate);
        self.bucket = rate.map(|rate| match self.bucket.take() {
            Some(bucket) => bucket.at(rate),
            None => Bucket::new(rate, Instant::now()),
        });
        let tenure = now.map(|gateway| Tenure::begin(gateway, self.shared.metrics.gateway(&self.name)));
        if let Some(before) = std::mem::replace(&mut self.tenure, tenure) {
            self.ending.spawn(before.end());
        }
    }

    fn figures(&self) -> Arc<GatewayMetrics> {
        let kept = self.tenure.as_ref().map(|tenure| Arc::clone(&tenure.figures));
        kept.unwrap_or_else(|| self.shared.metrics.gateway(&self.name))
    }

    fn tenure_ended(&self, ended: Result<(), tokio::task::JoinError>) {
        if let Err(error) = ended {
            tracing::error!(gateway = &*self.name, %error, "a provider did not stop as it should");
        }
    }

    /// Submits what there is room for. When to look again, if nothing happens before.
    async fn fill(&mut self) -> Option<Instant> {
        loop {
            let news = self.seat.mailbox.take();
            self.hear(news);
            if self.deadline.borrow().is_some() {
                return None;
            }
            let Some(tenure) = &self.tenure else { return self.hand_over().await };
            let gateway = tenure.gateway.clone();
            if self.tasks.len() >= gateway.limits.max_in_flight {
                return None;
            }
            if let Some(again_at) = self.unusable(&gateway) {
                if self.to_sweep {
                    self.sweep(decide::elsewhere).await;
                }
                return again_at;
            }
            let instant = Instant::now();
            if let Some(at) =
                self.bucket.as_mut().map(|bucket| bucket.next(1, instant)).filter(|at| *at > instant)
            {
                return Some(at);
            }
            let Some(ready) = self.next().await else { return self.wake_at() };
            self.begin(ready, gateway);
        }
    }

    /// Without a definition: whatever can go through another gateway does, the rest waits for this one to come back.
    async fn hand_over(&mut self) -> Option<Instant> {
        if self.to_sweep {
            self.sweep(decide::away).await;
        }
        self.to_sweep.then(|| Instant::now() + READ_AGAIN)
    }

    fn hear(&mut self, news: News) {
        for ready in news.handed {
            self.handed(ready);
        }
        for id in news.left {
            self.buffer.retain(|ready| ready.place.id != id);
            self.canceling.remove(&id);
            self.shared.hub.forget(id);
        }
        if news.redefined {
            self.redefine();
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

    /// A message was stored here just now, and need not be read: unless it stands behind what is not in memory.
    fn handed(&mut self, ready: Ready) {
        let place = ready.place;
        self.to_sweep |= !self.usable || self.tenure.is_none();
        let is_next = !self.more || self.buffer.back().is_some_and(|last| place < last.place);
        if self.tenure.is_none() || !is_next {
            self.more = true;
            return;
        }
        self.buffer.insert(self.buffer.partition_point(|waiting| waiting.place < place), ready);
        if self.buffer.len() > BUFFERED {
            self.buffer.pop_back();
            self.more = true;
        }
    }

    /// A message waits here that may not be in memory.
    fn arrived(&mut self, place: Place) {
        self.to_sweep |= !self.usable || self.tenure.is_none();
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
    fn unusable(&mut self, gateway: &Gateway) -> Option<Option<Instant>> {
        let (usable, again_at) = match gateway.status.availability() {
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
    fn begin(&mut self, mut ready: Ready, gateway: Gateway) {
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
        // The definition may allow less than the one did by which the message came here.
        ready.deadline = ready.deadline.min(ready.validity.deadline(gateway.limits.valid_for));
        if shared.clock.now() >= ready.deadline {
            drop(sending);
            return self.spawn(id, size, submit::lapse(ready, shared));
        }
        let under_way = shared.respelling.under_way(&self.name, shared.clock.now(), id);
        match gateway.status.begin() {
            Ok(permit) => {
                if let Some(bucket) = &mut self.bucket {
                    bucket.take(1);
                }
                let instance = self.tenure.as_ref().map(Tenure::hold);
                let held = UnderSubmission { permit, sending, under_way, instance };
                self.spawn(id, size, submit::deliver(gateway, ready, held, self.figures(), shared));
            }
            // A submit that ended this moment has made it unusable.
            Err(_) => self.buffer.push_front(ready),
        }
    }

    fn spawn(&mut self, id: MessageId, size: usize, task: impl Future<Output = Ended> + Send + 'static) {
        self.in_flight.insert(id, size);
        // In a box: it is large, and would be moved several times on its way into the runtime.
        let task = self.tasks.spawn(Box::pin(task));
        self.running.insert(task.id(), id);
        self.seat.in_flight.store(self.tasks.len(), Ordering::Relaxed);
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
        // Those being submitted are still in the queue, at its front. Those that are about to be handed over wake this task then.
        let limit = self.in_flight.len() + self.canceling.len() + self.seat.mailbox.expected() + BUFFERED;
        let max_bytes = self.in_flight.values().sum::<usize>() + BUFFERED_BYTES;
        let now = self.shared.clock.now();
        match self.shared.store.ready(&self.name, now, limit, max_bytes).await {
            Ok(mut front) => {
                // A submit that ended during the read is still in `in_flight`, though perhaps no longer in the queue: it is
                // taken out by this task alone, and this task was reading.
                let taken = |id: &MessageId| self.in_flight.contains_key(id) || self.canceling.contains(id);
                front.ready.retain(|ready| !taken(&ready.place.id));
                self.seat.mailbox.retain_unexpected(&mut front.ready);
                self.buffer.extend(front.ready);
                self.more = front.more;
                let later = [self.next_due, front.next_due];
                self.next_due = later.into_iter().flatten().min();
            }
            Err(error) => {
                tracing::warn!(gateway = &*self.name, %error, "the queue can't be read now; trying again");
                self.read_again_at = Some(Instant::now() + READ_AGAIN);
            }
        }
    }

    /// Hands over what another gateway can take.
    async fn sweep(&mut self, decide: sweep::Decide) {
        match sweep::queue(&self.name, &self.shared, decide).await {
            Ok(left) => {
                self.to_sweep = false;
                if !left.is_empty() {
                    tracing::info!(
                        gateway = &*self.name,
                        messages = left.len(),
                        "messages go on to other gateways of their routes"
                    );
                    self.seat.mailbox.withdraw(left.iter().map(|place| place.id));
                    self.buffer.retain(|ready| !left.contains(&ready.place));
                }
            }
            Err(error) => {
                tracing::warn!(gateway = &*self.name, %error, "the queue can't be handed over now");
            }
        }
    }

    fn ended(&mut self, ended: Result<(Id, Ended), tokio::task::JoinError>) {
        self.seat.in_flight.store(self.tasks.len(), Ordering::Relaxed);
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
                    gateway = &*self.name,
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
                        tracing::warn!(gateway = &*self.name, %id, "a submit was cut off; it is repeated after the next start");
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
