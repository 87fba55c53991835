//! The task that takes webhooks to one origin.

use super::{
    Shared, body,
    client::{Answer, Outgoing},
    pause::{Pause, Room},
    record,
};
use crate::{
    delivery::trace,
    message::Timestamp,
    store::{News, Settled, Webhook},
    telemetry::metrics::OriginMetrics,
};
use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::Notify,
    task::{JoinError, JoinSet},
    time::Instant,
};

/// What waits for its receiver for so long is dropped.
const KEPT: Duration = Duration::from_secs(86_400);

/// Webhooks in memory, and in one piece of work of dropping: a receiver that is down costs disk, not memory.
const BUFFERED: usize = 64;
const DROPPED: usize = 500;

/// Between two tries of one webhook: exponential with full jitter.
const FIRST: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_secs(300);

/// The longest that a receiver may put one off.
const LONGEST_AFTER: Duration = Duration::from_secs(3600);

/// Until the store is asked again after it could not be read or written.
const AGAIN: Duration = Duration::from_secs(1);

/// The longest sleep while something waits: a clock that was set back.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Between two lines in the log about single webhooks.
const WARN_EVERY: Duration = Duration::from_secs(60);

pub(super) struct Worker {
    origin: Arc<str>,
    wake: Arc<Notify>,
    shared: Arc<Shared>,
    /// The front of what is due, as far as it was read.
    buffer: VecDeque<Webhook>,
    /// Whether the store may hold more that is due than `buffer` does.
    more: bool,
    /// When the next is due that is not yet.
    next_due: Option<Timestamp>,
    /// Since when the oldest waits, or one that did when the store was last asked.
    oldest: Option<Timestamp>,
    ask_again_at: Option<Instant>,
    /// What is under way, until what came of it is on disk.
    under_way: HashSet<i64>,
    tasks: JoinSet<Ended>,
    pause: Pause,
    warned_at: Option<Instant>,
    figures: OriginMetrics,
}

/// A try is over, and what came of it on disk.
struct Ended {
    seq: i64,
    id: String,
    tries: u32,
    again_at: Option<Timestamp>,
    answer: Option<Answer>,
}

impl Worker {
    pub(super) fn new(origin: &str, wake: Arc<Notify>, shared: Arc<Shared>) -> Self {
        let figures = shared.metrics.origin(origin);
        Self {
            origin: origin.into(),
            wake,
            shared,
            buffer: VecDeque::new(),
            // What an earlier process left behind.
            more: true,
            next_due: None,
            oldest: None,
            ask_again_at: None,
            under_way: HashSet::new(),
            tasks: JoinSet::new(),
            pause: Pause::default(),
            warned_at: None,
            figures,
        }
    }

    pub(super) async fn run(mut self) {
        let mut stopping = self.shared.deadline.subscribe();
        while stopping.borrow_and_update().is_none() {
            let wake_at = self.fill().await;
            tokio::select! {
                _ = stopping.changed() => {}
                Some(ended) = self.tasks.join_next() => self.ended(ended),
                () = self.wake.notified() => self.more = true,
                () = tokio::time::sleep_until(wake_at.unwrap_or_else(Instant::now)), if wake_at.is_some() => {}
            }
        }
        self.drain().await;
    }

    /// Sends what there is room for. When to look again, if nothing happens before.
    async fn fill(&mut self) -> Option<Instant> {
        loop {
            // A time to ask again that has passed would be waited for without end.
            self.may_ask();
            self.drop_old().await;
            if self.shared.deadline.borrow().is_some() {
                return None;
            }
            if !self.shared.may_send(&self.origin) {
                // It only grows old.
                if self.more && self.may_ask() {
                    self.read().await;
                    self.buffer.clear();
                    self.more = self.ask_again_at.is_some();
                }
                self.next_due = None;
                return self.wake_at();
            }
            match self.pause.room(self.tasks.len(), Instant::now()) {
                Room::Free => {}
                Room::Full => return self.old_at(),
                Room::Later(at) => return [Some(at), self.old_at()].into_iter().flatten().min(),
            }
            let Some(webhook) = self.next().await else { return self.wake_at() };
            self.under_way.insert(webhook.seq);
            let (origin, figures) = (Arc::clone(&self.origin), self.figures.clone());
            self.tasks.spawn(tell(webhook, origin, figures, Arc::clone(&self.shared)));
        }
    }

    /// Whether the store may be asked: not right after it failed.
    fn may_ask(&mut self) -> bool {
        self.ask_again_at = self.ask_again_at.filter(|at| *at > Instant::now());
        self.ask_again_at.is_none()
    }

    /// The next that is due and not under way.
    async fn next(&mut self) -> Option<Webhook> {
        if self.next_due.is_some_and(|due| due <= self.shared.clock.now()) {
            self.next_due = None;
            self.more = true;
        }
        if self.buffer.is_empty() && self.more && self.may_ask() {
            self.read().await;
        }
        self.buffer.pop_front()
    }

    async fn read(&mut self) {
        // Those under way are in the store still, at the front.
        let limit = self.under_way.len() + BUFFERED;
        let now = self.shared.clock.now();
        match self.shared.store.webhooks(&self.origin, now, limit).await {
            Ok(waiting) => {
                self.more = waiting.due.len() == limit;
                let due = waiting.due.into_iter();
                self.buffer.extend(due.filter(|webhook| !self.under_way.contains(&webhook.seq)));
                self.next_due = [self.next_due, waiting.next_due].into_iter().flatten().min();
                self.oldest = waiting.oldest;
            }
            Err(error) => self.store_failed(&error),
        }
    }

    fn store_failed(&mut self, error: &dyn std::error::Error) {
        tracing::warn!(origin = &*self.origin, %error, "webhooks can't be looked up now; trying again");
        self.ask_again_at = Some(Instant::now() + AGAIN);
    }

    /// Drops what nobody took within a day.
    async fn drop_old(&mut self) {
        let now = self.shared.clock.now();
        while self.oldest.is_some_and(|oldest| now.since(oldest) >= KEPT)
            && self.shared.deadline.borrow().is_none()
            && self.may_ask()
        {
            let kept = i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX);
            let before = Timestamp::from_millis(now.as_millis().saturating_sub(kept));
            match self.shared.store.drop_webhooks(&self.origin, before, DROPPED).await {
                Ok(dropped) => {
                    self.oldest = dropped.oldest;
                    // Some of it may be in memory; and what waited behind it is due.
                    self.buffer.clear();
                    self.more = true;
                    if dropped.count > 0 {
                        self.figures.webhooks("given_up", dropped.count);
                        tracing::warn!(
                            origin = &*self.origin,
                            webhooks = dropped.count,
                            "nobody took these webhooks within a day: dropped"
                        );
                    }
                }
                Err(error) => self.store_failed(&error),
            }
        }
    }

    /// When the oldest is too old, and the store may be asked.
    fn old_at(&self) -> Option<Instant> {
        self.ask_again_at.or_else(|| self.oldest.map(|oldest| self.instant(oldest.plus(KEPT))))
    }

    fn wake_at(&self) -> Option<Instant> {
        let due = self.next_due.map(|due| self.instant(due)).filter(|_| self.ask_again_at.is_none());
        [due, self.old_at()].into_iter().flatten().min()
    }

    fn instant(&self, at: Timestamp) -> Instant {
        Instant::now() + at.since(self.shared.clock.now()).min(LONGEST_SLEEP)
    }

    fn ended(&mut self, ended: Result<Ended, JoinError>) {
        let ended = match ended {
            Ok(ended) => ended,
            Err(error) => {
                // Left in `under_way`: it would do the same again, for ever.
                tracing::error!(origin = &*self.origin, %error, "a webhook broke; it is tried again after the next start");
                return;
            }
        };
        self.under_way.remove(&ended.seq);
        match ended.again_at {
            Some(again_at) => {
                self.next_due = Some(self.next_due.map_or(again_at, |due| due.min(again_at)));
            }
            // What waited behind it is due.
            None => self.more = true,
        }
        self.report(&ended);
    }

    /// Puts down how the receiver does.
    fn report(&mut self, ended: &Ended) {
        let Some(answer) = &ended.answer else { return };
        let (origin, id, tries) = (Arc::clone(&self.origin), &ended.id, ended.tries);
        let trouble = answer.is_trouble();
        if let Answer::Silent(_) = answer {
            if self.pause.failed(Instant::now()) {
                let waiting = self.waiting();
                tracing::warn!(origin = &*origin, reason = %answer, waiting, "a receiver does not answer; it is left alone for a while, and tried again");
                return;
            }
        } else if trouble && self.pause.refused() {
            let waiting = self.waiting();
            tracing::warn!(origin = &*origin, reason = %answer, waiting, "a receiver refuses webhooks; it gets one after the other");
            return;
        }
        if !trouble && self.pause.answered() {
            tracing::info!(origin = &*origin, waiting = self.waiting(), "a receiver of webhooks is back");
        }
        let warned = self.warned_at.is_some_and(|at| at.elapsed() < WARN_EVERY);
        match answer {
            Answer::Taken => tracing::debug!(origin = &*origin, id, tries, "webhook taken"),
            Answer::Gone => {
                tracing::info!(origin = &*origin, id, "a receiver wants a webhook no longer (410): dropped");
            }
            _ if trouble || warned => {
                tracing::debug!(origin = &*origin, id, tries, reason = %answer, "a webhook was not taken; it is tried again");
            }
            _ => {
                self.warned_at = Some(Instant::now());
                tracing::warn!(origin = &*origin, id, tries, reason = %answer, "a webhook was not taken; it is tried again");
            }
        }
    }

    /// How many wait for this origin.
    fn waiting(&self) -> u64 {
        let all = self.shared.store.webhooks_waiting();
        all.into_iter().find(|(origin, _)| **origin == *self.origin).map_or(0, |(_, count)| count)
    }

    /// Lets what is under way end until the deadline.
    async fn drain(&mut self) {
        let deadline = self.shared.deadline.borrow().unwrap_or_else(Instant::now);
        while !self.tasks.is_empty() {
            match tokio::time::timeout_at(deadline, self.tasks.join_next()).await {
                Ok(Some(ended)) => self.ended(ended),
                Ok(None) => break,
                Err(_) => {
                    let webhooks = self.tasks.len();
                    tracing::warn!(
                        origin = &*self.origin,
                        webhooks,
                        "webhooks were cut off; they are repeated after the next start"
                    );
                    break;
                }
            }
        }
        self.tasks.shutdown().await;
    }
}

/// One try, and what comes of it on disk.
async fn tell(webhook: Webhook, origin: Arc<str>, figures: OriginMetrics, shared: Arc<Shared>) -> Ended {
    let Webhook { seq, id, url, news, at, tries } = webhook;
    let (tries, began) = (tries + 1, shared.clock.now());
    let settings = shared.settings();
    let answer = match (&news, &settings.post) {
        (Some(news), Some(post)) => {
            let (id, body) = (id.clone(), body::of(news, at));
            Some(post.post(Outgoing { url, id, body, at: shared.clock.now() }).await)
        }
        // Its message is kept no longer: there is nothing that could be told.
        _ => None,
    };
    let (outcome, again_at) = match &answer {
        Some(Answer::Taken) => ("delivered", None),
        Some(Answer::Gone) | None => ("given_up", None),
        Some(Answer::Refused { after, .. }) => ("failed", Some(after.unwrap_or_default())),
        Some(Answer::Silent(_)) => ("failed", Some(Duration::ZERO)),
    };
    figures.webhooks(outcome, 1);
    if let Some(News::Changed(message)) = &news {
        let now = shared.clock.now();
        shared.metrics.traces.record(|| trace::webhook(message, &origin, outcome, tries, began, now));
    }
    drop(news);
    let again_at = again_at.map(|after| {
        let pause = (shared.jitter)(backoff(tries));
        shared.clock.now().plus(pause.max(after.min(LONGEST_AFTER)))
    });
    let settled = Settled { seq, again_at };
    // An error means that the host stops: it is tried again then.
    record::until_on_disk(&id, || shared.store.settle_webhooks(vec![settled])).await.unwrap_or_default();
    Ended { seq, id, tries, again_at, answer }
}

/// The longest pause after so many tries.
fn backoff(tries: u32) -> Duration {
    let factor = 1_u32.checked_shl(tries.saturating_sub(1).min(31)).unwrap_or(u32::MAX);
    FIRST.saturating_mul(factor).min(MOST)
}
