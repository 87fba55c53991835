//! `/v1/messages`

use super::{
    Api,
    problem::Problem,
    wait::{self, Wait},
};
use crate::{
    accept::Accepted,
    message::{Attempt, Message, State},
};
use axum::{
    body::Body,
    extract::{Path, Request, State as Extract, rejection::PathRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::time::Duration;

/// The largest body.
const LARGEST: usize = 1 << 20;

/// How much of a larger one is read before it is refused.
const DRAINED: usize = 8 << 20;

/// How long a body may take to come.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// `POST /v1/messages`
pub(super) async fn send(Extract(api): Extract<Api>, request: Request) -> Result<Response, Problem> {
    let identity = api.shared.access.identify(request.headers())?;
    identity.must_send()?;
    let wait = wait::wanted(request.uri(), request.headers())?;
    if request.headers().contains_key("idempotency-key") {
        // To ignore it would let a client that relies on it send twice.
        let detail = "not available in this version; leave the header out";
        return Err(Problem::invalid_parameter("Idempotency-Key", detail));
    }
    must_be_json(request.headers())?;
    let awaits_permission = request.headers().contains_key(header::EXPECT);
    let body = request.into_body();
    // Whoever asks before sending, or would send without end, is told at once.
    let announced = axum::body::HttpBody::size_hint(&body).lower();
    if announced > DRAINED as u64 || (announced > LARGEST as u64 && awaits_permission) {
        return Err(too_large());
    }
    let body = parse(&read(body).await?)?;
    let accepted = api.shared.acceptor.accept(&body, &identity.caller(), wait.is_some()).await?;
    // Whoever waits needs the text no longer, and there may be thousands of them.
    drop(body);
    let id = accepted.message.id;
    let mut response = answer(&api, accepted, wait).await;
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::try_from(format!("/v1/messages/{id}")) {
        headers.insert(header::LOCATION, location);
    }
    if let Some(Wait { span, preferred: true }) = wait
        && let Ok(applied) = HeaderValue::try_from(format!("wait={}", span.as_secs()))
    {
        headers.insert(HeaderName::from_static("preference-applied"), applied);
    }
    Ok(response)
}

/// What is known when the wait is over.
async fn answer(api: &Api, accepted: Accepted, wait: Option<Wait>) -> Response {
    let Accepted { message, finished } = accepted;
    let (Some(mut finished), Some(wait)) = (finished, wait) else {
        return json_response(StatusCode::ACCEPTED, &message);
    };
    let ended = tokio::select! {
        ended = tokio::time::timeout(wait.span, finished.finished()) => ended.ok().flatten(),
        () = api.shared.ending.cancelled() => None,
    };
    match ended {
        Some(message) if matches!(message.state, State::Sent | State::Delivered) => {
            json_response(StatusCode::OK, &message)
        }
        Some(message) => not_delivered(&message).into_response(),
        None => {
            // As it stands now; that it is stored is known, so an unreadable store is no reason for an error.
            let now = api.shared.acceptor.message(message.id).await.ok().flatten();
            json_response(StatusCode::ACCEPTED, &now.unwrap_or(message))
        }
    }
}

fn not_delivered(message: &Message) -> Problem {
    let last = message.attempts.last();
    let detail = match (message.state, last) {
        (State::Expired, _) => "its time passed before it could be submitted".to_owned(),
        (_, Some(Attempt { gateway, outcome, .. })) => {
            let words =
                outcome.detail.as_deref().or(outcome.code.as_deref()).unwrap_or("no reason was given");
            format!("gateway {gateway}: {}: {words}", outcome.kind)
        }
        (state, None) => format!("it is {state}"),
    };
    Problem::new(StatusCode::BAD_GATEWAY, "not-delivered", "The message was not delivered")
        .detail(detail)
        .member("message", as_json(message))
}

/// `GET /v1/messages/{id}`
pub(super) async fn show(
    Extract(api): Extract<Api>,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let identity = api.shared.access.identify(&headers)?;
    identity.must_see_some()?;
    wait::no_parameters(&uri)?;
    // What somebody may not see is not there for them.
    let missing = || Problem::new(StatusCode::NOT_FOUND, "no-such-message", "There is no such message");
    let Path(id) = id.map_err(|_| missing())?;
    let id = id.parse().map_err(|_| missing())?;
    let message = api.shared.acceptor.message(id).await?.filter(|message| identity.may_see(message));
    Ok(json_response(StatusCode::OK, &message.ok_or_else(missing)?))
}

fn must_be_json(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = given.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The body must be JSON")
        .detail("send it with `Content-Type: application/json`"))
}

/// Reads a body of at most 1 MiB. Of a larger one some more is read and dropped: a client that is still sending when the connection is
/// closed sees a broken pipe in place of the answer.
async fn read(mut body: Body) -> Result<Vec<u8>, Problem> {
    let collected = async {
        let mut bytes = Vec::new();
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            length += data.len();
            if length > DRAINED {
                break;
            }
            if length <= LARGEST {
                bytes.extend_from_slice(&data);
            }
        }
        Ok::<_, axum::Error>((bytes, length))
    };
    match tokio::time::timeout(BODY_TIMEOUT, collected).await {
        Ok(Ok((bytes, length))) if length <= LARGEST => Ok(bytes),
        Ok(Ok(_)) => Err(too_large()),
        Ok(Err(_)) => Err(Problem::new(StatusCode::BAD_REQUEST, "unreadable-body", "The body can't be read")
            .detail("it ended before its time")),
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", "The body took too long")),
    }
}

fn parse(body: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        // serde_json's own words may quote the body.
        let place = format!("it is no JSON at line {}, column {}", error.line(), error.column());
        Problem::new(StatusCode::BAD_REQUEST, "unreadable-body", "The body can't be read").detail(place)
    })
}

fn too_large() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large")
        .detail("a message has at most 1 MiB")
}

fn json_response(status: StatusCode, message: &Message) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], as_json(message).to_string()).into_response()
}

/// A message as the API shows it: everything but what it says.
pub fn as_json(message: &Message) -> Value {
    let attempts = message.attempts.iter().map(|attempt| {
        json!({
            "gateway": attempt.gateway,
            "started_at": attempt.started_at.to_string(),
            "ended_at": attempt.ended_at.to_string(),
            "outcome": attempt.outcome.kind.as_str(),
            "code": attempt.outcome.code,
            "detail": attempt.outcome.detail,
        })
    });
    let events = message
        .events
        .iter()
        .map(|event| json!({ "at": event.at.to_string(), "state": event.state.as_str() }));
    json!({
        "id": message.id.to_string(),
        "state": message.state.as_str(),
        "reason": message.reason.map(|reason| reason.as_str()),
        "to": message.to.expose(),
        "from": message.from,
        "gateway": message.gateway,
        "route": null,
        "tag": message.tag,
        "priority": message.priority.as_str(),
        "parts": message.parts,
        "provider_ids": message.provider_ids,
        "created_at": message.created_at.to_string(),
        "updated_at": message.updated_at.to_string(),
        "expires_at": message.expires_at.to_string(),
        "attempts": attempts.collect::<Vec<_>>(),
        "events": events.collect::<Vec<_>>(),
    })
}
