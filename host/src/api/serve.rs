//! Connections: accepted, bounded, ended in an orderly way.

use crate::telemetry::metrics::Held;
use axum::{Router, http::Request};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use prometheus::IntGauge;
use std::{
    io,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;
use tower::Service;

/// Connections at once. The next one waits to be accepted until another ends.
const CONNECTIONS: usize = 8192;

/// How long the head of a request may take to come: whoever sends it byte by byte holds a connection no longer.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// How long the first request of a connection may take to come. Hyper's own limit starts once it knows which HTTP is spoken: who
/// says nothing at all would hold a connection for ever.
const FIRST_REQUEST: Duration = Duration::from_secs(20);

/// How long connections may take to end once everything is answered.
const LINGER: Duration = Duration::from_secs(3);

/// After an error of `accept` that will be there again at once: too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop` is cancelled; then no connection is accepted any more, and those that are open end after the answer to their
/// present request, at the latest 3 s after `ended` was cancelled. `open` says how many there are.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    open: IntGauge,
    stop: CancellationToken,
    ended: CancellationToken,
) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(Duration::from_secs(30)))
        .max_concurrent_streams(256);
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = next(&listener, &connections) => accepted,
        };
        let (stream, turn) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let begun = CancellationToken::new();
        let service = TowerToHyperService::new(Begins { router: router.clone(), begun: begun.clone() });
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        let held = Held::new(&open);
        tokio::spawn(async move {
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = &mut connection => Some(ended),
                () = begun.cancelled() => Some(connection.await),
                () = tokio::time::sleep(FIRST_REQUEST) => None,
            };
            match ended {
                Some(Ok(())) => {}
                Some(Err(error)) => tracing::debug!(%error, "a connection broke"),
                None => tracing::debug!("a connection brought no request in time"),
            }
            drop((held, turn));
        });
    }
    drop(listener);
    let overdue = async {
        ended.cancelled().await;
        tokio::time::sleep(LINGER).await;
    };
    tokio::select! {
        () = graceful.shutdown() => {}
        () = overdue => tracing::warn!("connections were still open at the end"),
    }
}

/// Says when the first request is there.
#[derive(Clone)]
struct Begins {
    router: Router,
    begun: CancellationToken,
}

impl<B> Service<Request<B>> for Begins
where
    Router: Service<Request<B>>,
{
    type Response = <Router as Service<Request<B>>>::Response;
    type Error = <Router as Service<Request<B>>>::Error;
    type Future = <Router as Service<Request<B>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Service::<Request<B>>::poll_ready(&mut self.router, context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.begun.cancel();
        self.router.call(request)
    }
}

async fn next(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> io::Result<(tokio::net::TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let turn = Arc::clone(connections).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    // Answers are small and somebody waits for each.
    stream.set_nodelay(true)?;
    Ok((stream, turn))
}
