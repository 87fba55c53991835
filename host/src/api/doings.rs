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
    /// Its peer has less time than was thought when it was looked at last.
    sooner: Notify,
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
    /// When it is looked at next. Most changes give the peer more time: they are seen then, and need not wake anybody.
    looked_at: Instant,
}

impl Doings {
    /// A connection that was accepted just now.
    pub(super) fn new(place: Place) -> Arc<Self> {
        let since = Instant::now();
        let now = Now {
            handled: 0,
            answered: 0,
            since,
            patience: HEAD,
            is_framed: false,
            head_since: None,
            passed: 0,
            refusal: None,
            waits: Some(place.waits()),
            looked_at: since + HEAD,
        };
        Arc::new(Self { place, now: Mutex::new(now), sooner: Notify::new() })
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
        let mut look = pin!(tokio::time::sleep_until(self.now().looked_at));
        loop {
            tokio::select! {
                () = self.sooner.notified() => {}
                () = &mut look => {}
            }
            let Some(again_at) = self.now().look(Instant::now()) else { return };
            look.as_mut().reset(again_at);
        }
    }

    /// Changes what it is doing.
    fn change<T>(&self, change: impl FnOnce(&mut Now) -> T) -> T {
        let mut now = self.now();
        let changed = change(&mut now);
        let is_sooner = now.deadline().is_some_and(|deadline| deadline < now.looked_at);
        drop(now);
        if is_sooner {
            self.sooner.notify_one();
        }
        changed
    }

    /// A request is there, and why it is refused if it is.
    pub(super) fn begins(self: &Arc<Self>, version: Version) -> (Doing, Option<Problem>) {
        let refusal = self.change(|now| {
            now.handled += 1;
            (now.waits, now.head_since, now.patience) = (None, None, IDLE);
            now.is_framed = version >= Version::HTTP_2;
            now.passed = now.passed.saturating_sub(1);
            let refusal = if now.passed == 0 { now.refusal.take() } else { None };
            if refusal.is_some() {
                now.patience = REFUSED;
            }
            refusal
        });
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
        self.change(|now| {
            if !now.is_framed && now.is_idle() && now.head_since.is_none() {
                now.head_since = Some(Instant::now());
            }
        });
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

    /// When to look again; `None`: it is overdue.
    fn look(&mut self, at: Instant) -> Option<Instant> {
        // While nobody is waited for: often enough that whoever is next has no less time.
        let again_at = self.deadline().unwrap_or(at + HEAD);
        self.looked_at = again_at;
        (again_at > at).then_some(again_at)
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
        self.doings.change(|now| {
            (now.handled, now.answered, now.since) = (now.handled - 1, now.answered + 1, Instant::now());
        });
        self.is_answered = true;
        Answer { body, doing: self }
    }
}

impl Drop for Doing {
    fn drop(&mut self) {
        self.doings.change(|now| {
            if self.is_answered {
                now.answered -= 1;
            } else {
                now.handled -= 1;
            }
            // While it was handled nobody was waited for, not even whoever is to take another answer.
            if !self.is_answered || now.is_idle() {
                now.since = Instant::now();
            }
            if now.is_idle() {
                now.waits = Some(self.doings.place.waits());
            }
        });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{places::Places, problem};
    use futures_util::FutureExt as _;

    fn doings() -> Arc<Doings> {
        Doings::new(Places::new(1, Duration::ZERO).try_take().unwrap())
    }

    fn request(doings: &Arc<Doings>) {
        doings.has_read();
        doings.passes(None);
        let (doing, refusal) = doings.begins(Version::HTTP_11);
        assert!(refusal.is_none());
        drop(doing.answered(Body::empty()));
    }

    fn is_woken(doings: &Doings) -> bool {
        doings.sooner.notified().now_or_never().is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_is_woken_only_when_the_peer_has_less_time_than_was_thought() {
        let doings = doings();
        for _ in 0..10 {
            request(&doings);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert!(!is_woken(&doings));
        doings.passes(Some(Problem::of(problem::TOO_SLOW)));
        drop(doings.begins(Version::HTTP_11).0.answered(Body::empty()));
        assert!(is_woken(&doings), "a request was refused: three seconds are left, not five");
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_overdue_when_its_time_is_over_however_often_that_was_put_off() {
        let doings = doings();
        let began = Instant::now();
        let overdue = tokio::spawn({
            let doings = Arc::clone(&doings);
            async move { doings.overdue().await }
        });
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_secs(10)).await;
            request(&doings);
        }
        overdue.await.unwrap();
        assert_eq!(began.elapsed().as_secs(), 100 + IDLE.as_secs());
        let (_doing, _) = doings.begins(Version::HTTP_11);
        let never = tokio::time::timeout(Duration::from_secs(3600), doings.overdue()).await;
        assert!(never.is_err(), "an answer that takes its time is not the peer's fault");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_not_taken_has_its_time_however_long_the_connection_could_be_idle() {
        let doings = doings();
        request(&doings);
        // When that has passed, the connection may be idle for longer than an answer may wait.
        assert!(tokio::time::timeout(HEAD, doings.overdue()).await.is_err());
        let (doing, _) = doings.begins(Version::HTTP_2);
        let answer = doing.answered(Body::empty());
        let began = Instant::now();
        // Given up in between, as that of a handshake is.
        assert!(tokio::time::timeout(Duration::from_secs(10), doings.overdue()).await.is_err());
        let (reset, _) = doings.begins(Version::HTTP_2);
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(reset);
        doings.overdue().await;
        assert_eq!(
            began.elapsed(),
            Duration::from_secs(70) + STALLED,
            "while one was handled nobody was waited for"
        );
        drop(answer);
    }
}
