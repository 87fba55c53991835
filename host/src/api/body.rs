//! Bodies of requests: bounded in size and time.

use super::{
    places::Place,
    problem::{self, Problem},
};
use axum::{
    body::{Body, HttpBody as _},
    extract::Request,
    http::{HeaderMap, header},
};
use http_body_util::BodyExt as _;
use serde_json::Value;
use std::{pin::pin, task::Poll, time::Duration};

/// How much of a body that is too large is read before it is refused.
const DRAINED: usize = 8 << 20;

/// From this size on a body is not parsed in passing.
const LONG: usize = 256 << 10;

/// How long a body may take to come.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The JSON document that a request brings, of at most `largest` bytes.
pub(super) async fn json(request: Request, largest: usize) -> Result<Value, Problem> {
    must_be_json(request.headers())?;
    let body = bytes(request, largest).await?;
    if body.len() < LONG {
        return parse(&body);
    }
    // It takes a while, and the threads of the runtime are few.
    tokio::task::spawn_blocking(move || parse(&body)).await.unwrap_or_else(|_| Err(Problem::stopping()))
}

/// What a request brings, of at most `largest` bytes.
pub(super) async fn bytes(request: Request, largest: usize) -> Result<Vec<u8>, Problem> {
    let awaits_permission = request.headers().contains_key(header::EXPECT);
    // While the body comes, the request may lose its place to others.
    let place = request.extensions().get::<Place>().cloned();
    let body = request.into_body();
    let drained = DRAINED.max(largest);
    // Whoever asks before sending, or would send without end, is told at once.
    let announced = body.size_hint().lower();
    if announced > drained as u64 || (announced > largest as u64 && awaits_permission) {
        return Err(too_large(largest));
    }
    let mut read = pin!(read(body, largest, drained));
    // Most have come with their head.
    if let Poll::Ready(read) = futures_util::poll!(&mut read) {
        return read;
    }
    let Some(place) = place else { return read.await };
    let _waits = place.waits();
    tokio::select! {
        read = read => read,
        () = place.revoked() => Err(Problem::overloaded("the rest of the body kept others waiting", Duration::from_secs(1))),
    }
}

fn must_be_json(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = given.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Problem::of(problem::UNSUPPORTED_MEDIA_TYPE).detail("send it with `Content-Type: application/json`"))
}

/// Reads a body. Of one that is too large some more is read and dropped: a client that is still sending when the connection is
/// closed sees a broken pipe in place of the answer.
async fn read(mut body: Body, largest: usize, drained: usize) -> Result<Vec<u8>, Problem> {
    let collected = async {
        let mut bytes = Vec::new();
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            length += data.len();
            if length > drained {
                break;
            }
            if length <= largest {
                bytes.extend_from_slice(&data);
            }
        }
        Ok::<_, axum::Error>((bytes, length))
    };
    match tokio::time::timeout(BODY_TIMEOUT, collected).await {
        Ok(Ok((bytes, length))) if length <= largest => Ok(bytes),
        Ok(Ok(_)) => Err(too_large(largest)),
        Ok(Err(_)) => Err(Problem::of(problem::UNREADABLE_BODY).detail("it ended before its time")),
        Err(_) => Err(Problem::of(problem::TOO_SLOW)
            .detail(format!("it has to come within {} seconds", BODY_TIMEOUT.as_secs()))),
    }
}

fn parse(body: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        // serde_json's own words may quote the body.
        let place = format!("it is no JSON at line {}, column {}", error.line(), error.column());
        Problem::of(problem::UNREADABLE_BODY).detail(place)
    })
}

fn too_large(largest: usize) -> Problem {
    Problem::of(problem::TOO_LARGE).detail(format!("it may have at most {} MiB", largest >> 20))
}
