//! What a connection is doing, and until when its peer may keep it waiting.

use super::{
    head::Head,
    places::{Place, Waits},
};
use axum::{
    body::{Body, Bytes},
    http::Version,
};
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::{
    io,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::Notify,
    time::Instant,
};

/// How long the head of a request may take to come; of a connection's first one with the TLS handshake, from its acceptance on.
const HEAD: Duration = Duration::from_secs(15);

/// How long a connection may be idle between two requests: longer than proxies in front keep theirs, usually for 60 s, so that it is
/// they who end it, and never while a request is on its way.
const IDLE: Duration = Duration::from_secs(75);

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
    /// The head that comes next. Of HTTP/2, which has frames, there is none.
    head: Option<Head>,
    /// When that began.
    head_since: Option<Instant>,
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
            head: Some(Head::default()),
            head_since: None,
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

    /// A request is there.
    pub(super) fn begins(self: &Arc<Self>, version: Version) -> Doing {
        let mut now = self.now();
        now.handled += 1;
        (now.waits, now.head_since, now.patience) = (None, None, IDLE);
        // Its head was read, perhaps together with what came before it: what comes now is its body.
        now.head = (version < Version::HTTP_2).then(Head::over);
        drop(now);
        Doing { doings: Arc::clone(self), is_answered: false }
    }

    fn has_read(&self, bytes: &mut [u8]) {
        let mut now = self.now();
        let is_idle = now.is_idle();
        let Some(head) = &mut now.head else { return };
        head.look(bytes);
        if is_idle && now.head_since.is_none() && !bytes.is_empty() {
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
        now.head = now.head.map(|_| Head::default());
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

/// A stream whose bytes are looked at as they come.
#[derive(Debug)]
pub(super) struct Watched<S> {
    pub(super) stream: S,
    pub(super) doings: Arc<Doings>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(pin!(&mut self.stream).poll_read(context, buffer))?;
        self.doings.has_read(buffer.filled_mut().get_mut(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        pin!(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        pin!(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        pin!(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        pin!(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
