//! Connections: accepted, bounded, ended in an orderly way.

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use std::{io, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;

/// Connections at once. The next one waits to be accepted until another ends.
const CONNECTIONS: usize = 8192;

/// How long the head of a request may take to come: whoever sends it byte by byte holds a connection no longer.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// How long connections may take to end once everything is answered.
const LINGER: Duration = Duration::from_secs(3);

/// After an error of `accept` that will be there again at once: too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop` is cancelled; then no connection is accepted any more, and those that are open end after the answer to their
/// present request, at the latest 3 s after `ended` was cancelled.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken, ended: CancellationToken) {
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
        let service = TowerToHyperService::new(router.clone());
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke");
            }
            drop(turn);
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
