//! `/v1/messages`

use super::{
    Api, Now,
    access::{self, Identity},
    body,
    problem::{self, Document, Problem, problems},
    request::{NewMessage, NewMessages},
    wait::{self, Wait},
};
use crate::{
    accept::{Accepted, Wishes},
    message::{Attempt, Message, ReceiptStatus, Shown, State, as_json},
    store::Canceled,
    telemetry::traces::Parent,
};
use axum::{
    Json,
    extract::{Path, Request, State as Extract, rejection::PathRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// The largest message, and the largest batch.
const LARGEST: usize = 1 << 20;
const LARGEST_BATCH: usize = 8 << 20;

/// What both calls take besides the body, for the OpenAPI document.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is read by `idempotency_key`; this describes what that takes")]
struct Repeatable {
    /// Seen from the same API key within 24 hours, it stands for the same request: the answer is that request's, and nothing else happens.
    /// With another body: 409.
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]+$",
        nullable = false,
        example = "order-4711"
    )]
    idempotency_key: Option<String>,
}

/// The problem of a message whose outcome was waited for, and which was not delivered.
#[derive(Serialize, ToSchema)]
struct NotDelivered {
    #[serde(flatten)]
    problem: Document,
    /// The message as it ended.
    message: Shown<'static>,
}

problems!(
    NotAccepted: problem::ANY,
    problem::KEYED,
    problem::BODY,
    problem::STORED,
    &[
        problem::KEY_REUSED,
        problem::UNSUPPORTED_MEDIA_TYPE,
        problem::INVALID_FIELDS,
        problem::INVALID_PARAMETER,
    ],
);

/// Send a message.
///
/// Scope: `send`, for routes and gateways that the key may use. Answered with 202 once the message is on disk. With `wait`, as soon as the
/// outcome is known: 200 if a service took it, 502 if it was not delivered, and 202 if the time is up before.
#[utoipa::path(
    post,
    path = "/v1/messages",
    operation_id = "sendMessage",
    tag = "messages",
    security(("bearer" = ["send"]), ("basic" = ["send"])),
    params(
        ("wait" = Option<u8>, Query, description = "Wait for the outcome, at most this many seconds", maximum = 60, nullable = false,
            example = json!(10)),
        ("Prefer" = Option<String>, Header, description = "The same as a preference (RFC 7240); what can't be taken is ignored",
            nullable = false, example = json!("wait=10")),
        Repeatable,
    ),
    request_body(
        content = NewMessage,
        description = "The message, at most 1 MiB",
        examples(
            ("code" = (summary = "A one-time password", value = json!({
                "to": "+491701234567", "text": "Your code is 123456", "gateway": "clickatell", "from": "ACME", "tag": "login",
                "priority": "high", "valid_for": "120s"
            }))),
            ("shortest" = (summary = "The first route that fits", value = json!({ "to": "+491701234567", "text": "Your code is 123456" }))),
            ("push" = (summary = "A push notification", value = json!({
                "to": "fMEQ:APA91b", "title": "Login", "data": { "challenge": "abc" }, "route": "default"
            }))),
            ("later" = (summary = "Later, and told to the application", value = json!({
                "to": "+491701234567", "text": "Your parcel comes today", "send_at": "2026-01-01T12:00:00Z", "priority": "low",
                "callback_url": "https://app.example/hook"
            })))
        )
    ),
    responses(
        (status = 200, description = "A service took it, or it arrived", body = Shown<'_>, headers(
            ("Location" = String, description = "Where the message is"),
            ("Preference-Applied" = String, description = "The wait that was asked for by `Prefer`")
        )),
        (status = 202, description = "It is on disk", body = Shown<'_>, headers(
            ("Location" = String, description = "Where the message is"),
            ("Preference-Applied" = String, description = "The wait that was asked for by `Prefer`")
        ), links(
            ("show" = (operation_id = "showMessage", parameters(("id" = "$response.body#/id")), description = "See what became of it")),
            ("cancel" = (operation_id = "cancelMessage", parameters(("id" = "$response.body#/id")), description = "Cancel it"))
        )),
        (status = 502, description = "It was not delivered: it failed, expired, was canceled, or its receipt says so", body = NotDelivered,
            content_type = "application/problem+json",
            headers(("Location" = String, description = "Where the message is")), example = json!({
                "type": "urn:gatepost:problem:not-delivered", "title": "The message was not delivered", "status": 502,
                "detail": "gateway clickatell: rejected: barred recipient",
                "message": {
                    "id": "019b7992-6800-7c4e-a9d1-5b0f8e7a3c21", "state": "failed", "reason": "rejected", "to": "+491701234567",
                    "from": null, "gateway": "clickatell", "route": null, "tag": null, "priority": "high", "parts": 0,
                    "provider_ids": [], "created_at": "2026-01-01T12:00:00.000Z", "updated_at": "2026-01-01T12:00:00.412Z",
                    "expires_at": "2026-01-01T12:10:00.000Z",
                    "attempts": [{
                        "gateway": "clickatell", "started_at": "2026-01-01T12:00:00.003Z", "ended_at": "2026-01-01T12:00:00.412Z",
                        "outcome": "rejected", "code": "114", "detail": "barred recipient"
                    }],
                    "events": [
                        { "at": "2026-01-01T12:00:00.000Z", "state": "queued" },
                        { "at": "2026-01-01T12:00:00.003Z", "state": "sending" },
                        { "at": "2026-01-01T12:00:00.412Z", "state": "failed" }
                    ],
                    "receipts": []
                }
            })),
        NotAccepted
    )
)]
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

/// Messages that were accepted together.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AcceptedMessages<'m> {
    /// In the order of the request.
    messages: Vec<Shown<'m>>,
}

/// Send many messages at once, all or none.
///
/// Scope: `send`, for routes and gateways that the key may use. Answered with 202 once all of them are on disk. One that can't be taken
/// has none of them taken: `errors` names every wrong field of every message, as `/messages/3/to`.
#[utoipa::path(
    post,
    path = "/v1/messages/batch",
    operation_id = "sendMessages",
    tag = "messages",
    security(("bearer" = ["send"]), ("basic" = ["send"])),
    params(Repeatable),
    request_body(
        content = NewMessages,
        description = "The messages, at most 8 MiB",
        example = json!({ "messages": [
            { "to": "+491701234567", "text": "Your code is 123456", "gateway": "clickatell" },
            { "to": "+431701234567", "text": "Your code is 654321" }
        ] })
    ),
    responses((status = 202, description = "They are on disk", body = AcceptedMessages<'_>), NotAccepted)
)]
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
    let messages = messages.iter().map(Shown::from).collect();
    Ok((StatusCode::ACCEPTED, Json(AcceptedMessages { messages })).into_response())
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
    Problem::of(problem::NOT_DELIVERED).detail(detail).member("message", as_json(message))
}

problems!(
    NotShown: problem::ANY,
    problem::KEYED,
    problem::STORED,
    &[problem::NO_SUCH_MESSAGE, problem::INVALID_PARAMETER],
);

/// Show one message.
///
/// Scope: `read`; with `send` alone, one's own: another's is 404.
#[utoipa::path(
    get,
    path = "/v1/messages/{id}",
    operation_id = "showMessage",
    tag = "messages",
    params(("id" = String, Path, description = "Its id", format = "uuid", example = json!("019b7992-6800-7c4e-a9d1-5b0f8e7a3c21"))),
    responses((status = 200, description = "The message as it stands", body = Shown<'_>), NotShown)
)]
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

problems!(
    NotCanceled: problem::ANY,
    problem::KEYED,
    problem::STORED,
    &[problem::NO_SUCH_MESSAGE, problem::NOT_QUEUED, problem::INVALID_PARAMETER],
);

/// Cancel a message that is queued.
///
/// Scope: `send` for one's own, `admin` for all. The message stays, as `canceled`.
#[utoipa::path(
    delete,
    path = "/v1/messages/{id}",
    operation_id = "cancelMessage",
    tag = "messages",
    params(("id" = String, Path, description = "Its id", format = "uuid", example = json!("019b7992-6800-7c4e-a9d1-5b0f8e7a3c21"))),
    responses((status = 200, description = "It is canceled", body = Shown<'_>), NotCanceled)
)]
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
            let why = format!("it is {state}: only a message that is queued can be canceled");
            Err(Problem::of(problem::NOT_QUEUED).detail(why))
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
    Problem::of(problem::NO_SUCH_MESSAGE)
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
    (status, Json(Shown::from(message))).into_response()
}
