//! `/v1/messages`

use super::{
    Api,
    access::Identity,
    problem::Problem,
    wait::{self, Wait},
};
use crate::{
    accept::{Accepted, Wishes},
    message::{Attempt, Message, State, as_json},
    store::Canceled,
};
use axum::{
    body::Body,
    extract::{Path, Request, State as Extract, rejection::PathRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use http_body_util::BodyExt as _;
use serde_json::Value;
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
    let key = idempotency_key(request.headers())?;
    must_be_json(request.headers())?;
    let awaits_permission = request.headers().contains_key(header::EXPECT);
    let body = request.into_body();
    // Whoever asks before sending, or would send without end, is told at once.
    let announced = axum::body::HttpBody::size_hint(&body).lower();
    if announced > DRAINED as u64 || (announced > LARGEST as u64 && awaits_permission) {
        return Err(too_large());
    }
    let body = parse(&read(body).await?)?;
    let wishes = Wishes { wait: wait.is_some(), key };
    let accepted = api.shared.acceptor.accept(&body, &identity.caller(), &wishes).await?;
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
    let Some(wait) = wait else { return json_response(StatusCode::ACCEPTED, &message) };
    let ended = match finished {
        Some(mut finished) => tokio::select! {
            ended = tokio::time::timeout(wait.span, finished.finished()) => ended.ok().flatten(),
            () = api.shared.ending.cancelled() => None,
        },
        // Of a request that came before, it may be over.
        None => Some(message.clone()).filter(|message| message.state.is_finished()),
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
    let message = visible(&api, &identity, id, &uri).await?;
    Ok(json_response(StatusCode::OK, &message))
}

/// `DELETE /v1/messages/{id}`: cancels a message that is queued.
pub(super) async fn cancel(
    Extract(api): Extract<Api>,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let identity = api.shared.access.identify(&headers)?;
    let mut message = visible(&api, &identity, id, &uri).await?;
    identity.must_cancel(&message)?;
    match api.shared.acceptor.cancel(&mut message).await? {
        Canceled::Done => Ok(json_response(StatusCode::OK, &message)),
        Canceled::Refused(state) => {
            Err(Problem::new(StatusCode::CONFLICT, "not-queued", "The message can't be canceled")
                .detail(format!("it is {state}: only a message that is queued can be canceled")))
        }
        Canceled::Unknown => Err(no_such_message()),
    }
}

/// The message of this id. What somebody may not see is not there for them.
async fn visible(
    api: &Api,
    identity: &Identity<'_>,
    id: Result<Path<String>, PathRejection>,
    uri: &Uri,
) -> Result<Message, Problem> {
    identity.must_see_some()?;
    wait::no_parameters(uri)?;
    let Path(id) = id.map_err(|_| no_such_message())?;
    let id = id.parse().map_err(|_| no_such_message())?;
    let message = api.shared.acceptor.message(id).await?.filter(|message| identity.may_see(message));
    message.ok_or_else(no_such_message)
}

fn no_such_message() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no-such-message", "There is no such message")
}

/// The header `Idempotency-Key`: 1 to 255 visible ASCII characters.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut given = headers.get_all("idempotency-key").iter();
    let Some(key) = given.next() else { return Ok(None) };
    let wrong = |detail| Err(Problem::invalid_parameter("Idempotency-Key", detail));
    if given.next().is_some() {
        return wrong("is given twice");
    }
    match key.to_str() {
        Ok(key) if (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Ok(Some(key.to_owned()))
        }
        _ => wrong("must be 1 to 255 visible ASCII characters, without spaces"),
    }
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
