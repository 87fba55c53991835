//! What a connection is doing, and until when its peer may keep it waiting.

use super::{
    places::{Place, Waits},
    problem::Problem,
};
use axum::{
    body::{Body, Bytes},
    http::Version,
};
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::{
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

/// How long the head of a request may take to come; of a connection's first one with the TLS handshake, from its acceptance on.
const HEAD: Duration = Duration::from_secs(15);

/// How long a connection may be idle between two requests: longer than proxies in front keep theirs, usually for 60 s, so that it is
/// they who end it, and never while a request is on its way.
const IDLE: Duration = Duration::from_secs(75);

/// How long a client whose request was refused unread may take to close its side, so that the answer does not get lost.
const REFUSED: Duration = Duration::from_secs(3);

/// How long a client may take nothing of an answer. A stream of events has something to say every 15 s.
const STALLED: Duration = Duration::from_secs(30);

/// What a connection is doing.
#[derive(Debug)]
pub(super) struct Doings {
    place: Place,
    now: Mutex<Now>,
    /// It has begun to wait for its peer.
    changed: Notify,
}

#[derive(Debug)]
struct Now {
    /// Requests that are being handled.
    handled: usize,
    /// Answers that are being taken.
    answered: usize,
    /// Since when it is idle, or when something of an answer was taken last.
    since: Instant,
    /// How long it may be idle.
    patience: Duration,
    /// Whether it is of HTTP/2, which has frames.
    is_framed: bool,
    /// When the head that comes next began. Of frames there is none.
    head_since: Option<Instant>,
    /// Heads that were passed on and are no requests yet.
    passed: usize,
    /// Why the last of them stands for one that is refused.
    refusal: Option<Problem>,
    /// While it is idle.
    waits: Option<Waits>,
}

impl Doings {
    /// A connection that was accepted just now.
    pub(super) fn new(place: Place) -> Arc<Self> {
        let now = Now {
            handled: 0,
            answered: 0,
            since: Instant::now(),
            patience: HEAD,
            is_framed: false,
            head_since: None,
            passed: 0,
            refusal: None,
            waits: Some(place.waits()),
        };
        Arc::new(Self { place, now: Mutex::new(now), changed: Notify::new() })
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.now().is_idle()
    }

    /// Resolves when another connection needs its place.
    pub(super) async fn revoked(&self) {
        self.place.revoked().await;
    }

    /// Resolves when its peer has kept it waiting for too long.
    pub(super) async fn overdue(&self) {
        loop {
            let deadline = self.now().deadline();
            let passed = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.changed.notified() => {}
                () = passed => {
                    // Something may have been taken meanwhile.
                    if self.now().deadline().is_some_and(|deadline| deadline <= Instant::now()) {
                        return;
                    }
                }
            }
        }
    }

    /// A request is there, and why it is refused if it is.
    pub(super) fn begins(self: &Arc<Self>, version: Version) -> (Doing, Option<Problem>) {
        let mut now = self.now();
        now.handled += 1;
        (now.waits, now.head_since, now.patience) = (None, None, IDLE);
        now.is_framed = version >= Version::HTTP_2;
        now.passed = now.passed.saturating_sub(1);
        let refusal = if now.passed == 0 { now.refusal.take() } else { None };
        if refusal.is_some() {
            now.patience = REFUSED;
        }
        drop(now);
        (Doing { doings: Arc::clone(self), is_answered: false }, refusal)
    }

    /// A head is passed on, or something that stands for one that is refused; nothing comes after that.
    pub(super) fn passes(&self, refusal: Option<Problem>) {
        let mut now = self.now();
        now.passed += 1;
        now.refusal = refusal;
    }

    /// Something has come.
    pub(super) fn has_read(&self) {
        let mut now = self.now();
        if !now.is_framed && now.is_idle() && now.head_since.is_none() {
            now.head_since = Some(Instant::now());
            drop(now);
            self.changed.notify_one();
        }
    }
}

impl Now {
    fn is_idle(&self) -> bool {
        self.handled + self.answered == 0
    }

    fn deadline(&self) -> Option<Instant> {
        if self.handled > 0 {
            return None;
        }
        if self.answered > 0 {
            return Some(self.since + STALLED);
        }
        let idle = self.since + self.patience;
        Some(self.head_since.map_or(idle, |since| idle.min(since + HEAD)))
    }
}

/// A request, from its head to the end of its answer.
#[derive(Debug)]
pub(super) struct Doing {
    doings: Arc<Doings>,
    is_answered: bool,
}

impl Doing {
    /// The answer's body, watched.
    pub(super) fn answered(mut self, body: Body) -> Answer {
        let mut now = self.doings.now();
        (now.handled, now.answered, now.since) = (now.handled - 1, now.answered + 1, Instant::now());
        drop(now);
        self.is_answered = true;
        self.doings.changed.notify_one();
        Answer { body, doing: self }
    }
}

impl Drop for Doing {
    fn drop(&mut self) {
        let mut now = self.doings.now();
        if self.is_answered {
            now.answered -= 1;
        } else {
            now.handled -= 1;
        }
        if !now.is_idle() {
            return;
        }
        now.since = Instant::now();
        now.waits = Some(self.doings.place.waits());
        drop(now);
        self.doings.changed.notify_one();
    }
}

/// An answer's body. Whoever takes something of it asks for more: that is seen here.
#[derive(Debug)]
pub(super) struct Answer {
    body: Body,
    doing: Doing,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.doing.doings.now().since = Instant::now();
        pin!(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
