//! The task that owns one gateway's queue.

use super::{Drained, Shared, mailbox::Mailbox, submit};
use crate::{gateway::Gateway, message::MessageId, store::Ready};
use std::{
    collections::{HashMap, VecDeque},
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
    /// The front of the queue, as far as it was read.
    buffer: VecDeque<Ready>,
    /// Whether the store may hold more than `buffer` does.
    more: bool,
    read_again_at: Option<Instant>,
    /// The submits that are going on, until their outcome is on disk; with the size of their contents.
    in_flight: HashMap<MessageId, usize>,
    tasks: JoinSet<MessageId>,
    running: HashMap<Id, MessageId>,
}

impl Actor {
    pub(super) fn new(gateway: Gateway, mailbox: Arc<Mailbox>, shared: Arc<Shared>) -> Self {
        let deadline = shared.deadline.subscribe();
        Self {
            gateway,
            mailbox,
            shared,
            deadline,
            buffer: VecDeque::new(),
            // What an earlier process left behind.
            more: true,
            read_again_at: None,
            in_flight: HashMap::new(),
            tasks: JoinSet::new(),
            running: HashMap::new(),
        }
    }

    pub(super) async fn run(mut self) -> Drained {
        let started = tokio::spawn(self.gateway.handle.start());
        let mut stopping = self.deadline.clone();
        while stopping.borrow_and_update().is_none() {
            self.fill().await;
            let read_again_at = self.read_again_at;
            tokio::select! {
                _ = stopping.changed() => {}
                Some(ended) = self.tasks.join_next_with_id() => self.ended(ended),
                () = self.mailbox.woken() => {}
                () = tokio::time::sleep_until(read_again_at.unwrap_or_else(Instant::now)), if read_again_at.is_some() => {
                    self.read_again_at = None;
                }
            }
        }
        let drained = self.drain().await;
        started.abort();
        Arc::clone(&self.gateway.handle).stop().await;
        drained
    }

    /// Submits what there is room for.
    async fn fill(&mut self) {
        while self.tasks.len() < self.gateway.max_in_flight && self.deadline.borrow().is_none() {
            let Some(ready) = self.next().await else { return };
            let id = ready.place.id;
            self.in_flight.insert(id, ready.content.len());
            let task =
                self.tasks.spawn(submit::deliver(self.gateway.clone(), ready, Arc::clone(&self.shared)));
            self.running.insert(task.id(), id);
        }
    }

    /// The foremost message of the queue that is not being submitted.
    async fn next(&mut self) -> Option<Ready> {
        if let Some(place) = self.mailbox.take() {
            self.more = true;
            // It comes before what is in memory: the front of the queue is to be read again. Behind it, it is read in its turn.
            if self.buffer.back().is_some_and(|last| place < last.place) {
                self.buffer.clear();
            }
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
            Ok(found) => {
                // A submit that ended during the read is still in `in_flight`, though perhaps no longer in the queue: it is
                // taken out by this task alone, and this task was reading.
                self.buffer
                    .extend(found.into_iter().filter(|ready| !self.in_flight.contains_key(&ready.place.id)));
                self.more = !self.buffer.is_empty();
            }
            Err(error) => {
                tracing::warn!(gateway = &*self.gateway.name, %error, "the queue can't be read now; trying again");
                self.read_again_at = Some(Instant::now() + READ_AGAIN);
            }
        }
    }

    fn ended(&mut self, ended: Result<(Id, MessageId), tokio::task::JoinError>) {
        match ended {
            Ok((task, id)) => {
                self.running.remove(&task);
                self.in_flight.remove(&id);
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
