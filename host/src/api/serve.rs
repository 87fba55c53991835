//! Connections: accepted, bounded, ended in an orderly way.

use super::{
    doings::{Answer, Doing, Doings},
    head::{LARGEST_HEAD, MOST_HEADERS},
    places::{Place, Places},
    tls::{self, Tls},
    watched::Watched,
};
use crate::telemetry::metrics::Held;
use axum::{
    Router,
    http::{HeaderValue, Request, Response, header},
    response::IntoResponse as _,
};
use futures_util::future::{Either, Ready, ready};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use prometheus::IntGauge;
use rustix::{io::Errno, net::sockopt::set_tcp_user_timeout};
use std::{
    convert::Infallible,
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{self, Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tower::Service;

/// Connections that were given up and are not closed yet; beyond it nothing is accepted.
const WINDING_UP: usize = 16;

/// Requests at once on one connection of HTTP/2.
const STREAMS: u32 = 128;

/// How long a peer may leave unacknowledged what was sent: it has gone without a word.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// How long connections may take to end once everything is answered.
const LINGER: Duration = Duration::from_secs(3);

/// After an error of `accept` that will be there again at once: too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where connections come in.
#[derive(Debug)]
pub struct Door {
    /// Where they are accepted.
    pub listener: TcpListener,
    /// TLS, and nothing else then.
    pub tls: Option<Arc<Tls>>,
    /// Connections at once. When there are as many, a new one takes the place of the one that has been idle longest; while none is, it
    /// waits.
    pub connections: usize,
    /// How many there are.
    pub open: IntGauge,
}

/// Serves until `stop` is cancelled; then no connection is accepted any more, and those that are open end after the answer to their
/// present request, at the latest 3 s after `ended` was cancelled.
pub async fn serve(door: Door, router: Router, stop: CancellationToken, ended: CancellationToken) {
    let Door { listener, tls, connections, open: figure } = door;
    let places = Places::new(connections, Duration::ZERO);
    let host = Arc::new(Host { builder: builder(), router, tls, stop });
    let mut open = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = host.stop.cancelled() => break,
            accepted = listener.accept(), if open.len() < connections + WINDING_UP => accepted,
            Some(_) = open.join_next() => continue,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) if is_of_one_connection(&error) => {
                tracing::debug!(%error, "a connection ended before it was accepted");
                continue;
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                places.give_up_one();
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let place = tokio::select! {
            () = host.stop.cancelled() => break,
            place = places.take() => place,
        };
        let (host, held) = (Arc::clone(&host), Held::new(&figure));
        open.spawn(async move {
            host.serve(stream, place).await;
            drop(held);
        });
    }
    drop(listener);
    let overdue = async {
        ended.cancelled().await;
        tokio::time::sleep(LINGER).await;
    };
    tokio::select! {
        () = async { while open.join_next().await.is_some() {} } => {}
        () = overdue => tracing::warn!(connections = open.len(), "connections were still open at the end"),
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // `Doings` has limits of its own, which begin before it is known which HTTP is spoken.
        .header_read_timeout(None)
        // `Head` has looked at what comes here: nothing of it is too large for hyper.
        .max_buf_size(2 * LARGEST_HEAD)
        .max_headers(MOST_HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(Duration::from_secs(30)))
        .max_header_list_size(LARGEST_HEAD as u32)
        .max_concurrent_streams(STREAMS)
        // A client that opens streams only to reset them is told to calm down, and is gone.
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(100);
    builder
}

/// Errors of `accept` that are those of the connection that would have been next: Linux hands them on.
fn is_of_one_connection(error: &io::Error) -> bool {
    let too_many = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    Errno::from_io_error(error).is_none_or(|error| !too_many.contains(&error))
}

/// What serves each connection.
#[derive(Debug)]
struct Host {
    builder: Builder<TokioExecutor>,
    router: Router,
    tls: Option<Arc<Tls>>,
    stop: CancellationToken,
}

impl Host {
    async fn serve(self: Arc<Self>, stream: TcpStream, place: Place) {
        let doings = Doings::new(place);
        // Answers are small and somebody waits for each. Whatever can't be set is not worth the connection.
        let unacknowledged = u32::try_from(UNACKNOWLEDGED.as_millis()).unwrap_or(u32::MAX);
        if let Err(error) =
            stream.set_nodelay(true).and_then(|()| Ok(set_tcp_user_timeout(&stream, unacknowledged)?))
        {
            tracing::debug!(%error, "a connection can't be set up as it should be");
        }
        let Some(tls) = &self.tls else { return self.speak(stream, doings).await };
        let accepted = tokio::select! {
            accepted = tls::accept(tls, stream) => accepted,
            () = doings.revoked() => return,
            () = doings.overdue() => return tracing::debug!("a TLS handshake was not done in time"),
            () = self.stop.cancelled() => return,
        };
        match accepted {
            Ok(Some(stream)) => self.speak(stream, doings).await,
            Ok(None) => tracing::debug!("plain HTTP came to a TLS port"),
            Err(error) => tracing::debug!(%error, "a TLS handshake failed"),
        }
    }

    async fn speak<S>(&self, stream: S, doings: Arc<Doings>)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let service = Seen { router: self.router.clone(), doings: Arc::clone(&doings) };
        let stream = TokioIo::new(Watched::new(stream, Arc::clone(&doings)));
        let connection = self.builder.serve_connection(stream, TowerToHyperService::new(service));
        let mut connection = pin!(connection);
        let mut is_leaving = false;
        loop {
            tokio::select! {
                ended = &mut connection => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "a connection broke");
                    }
                    return;
                }
                () = self.stop.cancelled(), if !is_leaving => {}
                () = doings.revoked(), if !is_leaving => {
                    if doings.is_idle() {
                        return tracing::debug!("an idle connection makes room for another");
                    }
                }
                () = doings.overdue() => return tracing::debug!("a connection was idle for too long"),
            }
            // The present request is answered.
            connection.as_mut().graceful_shutdown();
            is_leaving = true;
        }
    }
}

/// Notes when requests come, and when their answers are taken.
#[derive(Clone)]
struct Seen {
    router: Router,
    doings: Arc<Doings>,
}

impl<B> Service<Request<B>> for Seen
where
    Router: Service<Request<B>, Response = axum::response::Response, Error = Infallible, Future: Unpin>,
{
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Either<
        Answered<<Router as Service<Request<B>>>::Future>,
        Ready<Result<Response<Answer>, Infallible>>,
    >;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<B>>::poll_ready(&mut self.router, context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (doing, refusal) = self.doings.begins(request.version());
        if let Some(problem) = refusal {
            tracing::debug!(why = problem.why(), "a request can't be read");
            let mut refused = problem.into_response();
            refused.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            refused.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            return Either::Right(ready(Ok(refused.map(|body| doing.answered(body)))));
        }
        Either::Left(Answered { answer: self.router.call(request), doing: Some(doing) })
    }
}

/// Notes when the answer is there.
struct Answered<F> {
    answer: F,
    doing: Option<Doing>,
}

impl<F> Future for Answered<F>
where
    F: Future<Output = Result<axum::response::Response, Infallible>> + Unpin,
{
    type Output = Result<Response<Answer>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = task::ready!(Pin::new(&mut self.answer).poll(context))?;
        // Nobody asks again after that.
        let Some(doing) = self.doing.take() else { return Poll::Pending };
        Poll::Ready(Ok(answer.map(|body| doing.answered(body))))
    }
}
