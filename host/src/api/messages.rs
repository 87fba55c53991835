//! `/v1/messages`

use super::{
    Api, Now,
    access::{self, Identity},
    body,
    problem::Problem,
    wait::{self, Wait},
};
use crate::{
    accept::{Accepted, Wishes},
    message::{Attempt, Message, ReceiptStatus, State, as_json},
    store::Canceled,
    telemetry::traces::Parent,
};
use axum::{
    Json,
    extract::{Path, Request, State as Extract, rejection::PathRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

/// The largest message, and the largest batch.
const LARGEST: usize = 1 << 20;
const LARGEST_BATCH: usize = 8 << 20;

/// `POST /v1/messages`
pub(super) async fn send(
    Extract(api): Extract<Api>,
    now: Now,
    request: Request,
) -> Result<Response, Problem> {
    let identity = access::identify(&now, request.headers())?;
    identity.must_send()?;
    let wait = wait::wanted(request.uri(), request.headers())?;
    let key = idempotency_key(request.headers())?;
    let parent = parent(&api, request.headers());
    let body = body::json(request, LARGEST).await?;
    let wishes = Wishes { wait: wait.is_some(), key, parent };
    let accepted = api.shared.acceptor.accept(&now, &body, &identity.caller(), &wishes).await?;
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

/// `POST /v1/messages/batch`: all of them or none.
pub(super) async fn send_batch(
    Extract(api): Extract<Api>,
    now: Now,
    request: Request,
) -> Result<Response, Problem> {
    let identity = access::identify(&now, request.headers())?;
    identity.must_send()?;
    wait::no_parameters(request.uri())?;
    let key = idempotency_key(request.headers())?;
    let parent = parent(&api, request.headers());
    let body = body::json(request, LARGEST_BATCH).await?;
    identity.count_batch(body.get("messages").and_then(Value::as_array).map_or(0, Vec::len))?;
    let wishes = Wishes { wait: false, key, parent };
    let messages = api.shared.acceptor.accept_batch(&now, &body, &identity.caller(), &wishes).await?;
    let messages = messages.iter().map(as_json).collect::<Vec<_>>();
    Ok((StatusCode::ACCEPTED, Json(json!({ "messages": messages }))).into_response())
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
        (State::Undelivered, _) => {
            let last = message.receipts.iter().find(|receipt| receipt.status == ReceiptStatus::Undelivered);
            let words = last.and_then(|receipt| receipt.detail.as_deref().or(receipt.code.as_deref()));
            format!("gateway {}: undelivered: {}", message.gateway, words.unwrap_or("no reason was given"))
        }
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
    now: Now,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let identity = access::identify(&now, &headers)?;
    let message = visible(&api, &identity, id, &uri).await?;
    Ok(json_response(StatusCode::OK, &message))
}

/// `DELETE /v1/messages/{id}`: cancels a message that is queued.
pub(super) async fn cancel(
    Extract(api): Extract<Api>,
    now: Now,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let identity = access::identify(&now, &headers)?;
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

/// The caller's span, where anything is traced.
fn parent(api: &Api, headers: &HeaderMap) -> Option<Parent> {
    if api.shared.acceptor.metrics().traces.is_on() { Parent::of(headers) } else { None }
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

fn json_response(status: StatusCode, message: &Message) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], as_json(message).to_string()).into_response()
}
