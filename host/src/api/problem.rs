//! Errors as RFC 9457 problem documents.

use crate::{
    accept::{FieldError, Refusal},
    store::StoreError,
};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// A problem document. Its `type` is `urn:gatepost:problem:` and a word.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    body: Map<String, Value>,
    retry_after: Option<Duration>,
    challenge: bool,
}

impl Problem {
    pub(super) fn new(status: StatusCode, word: &str, title: &str) -> Self {
        let mut body = Map::new();
        body.insert("type".into(), format!("urn:gatepost:problem:{word}").into());
        body.insert("title".into(), title.into());
        body.insert("status".into(), status.as_u16().into());
        Self { status, body, retry_after: None, challenge: false }
    }

    pub(super) fn detail(self, detail: impl Into<String>) -> Self {
        self.member("detail", detail.into())
    }

    /// Adds a member of the problem's own.
    pub(super) fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.body.insert(name.into(), value.into());
        self
    }

    pub(super) fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Adds `WWW-Authenticate`.
    pub(super) fn challenge(mut self) -> Self {
        self.challenge = true;
        self
    }

    /// Fields of the body that can't be taken.
    pub(super) fn invalid_fields(errors: Vec<FieldError>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-fields", "The request has invalid fields")
            .errors(errors)
    }

    /// Adds everything that is wrong, with a `detail` that says as much.
    pub(super) fn errors(self, errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [FieldError { pointer, detail }] if pointer.is_empty() => detail.clone(),
            [error] => format!("{}: {}", error.pointer, error.detail),
            errors => format!("{} things are wrong: see errors", errors.len()),
        };
        let errors =
            errors.into_iter().map(|error| json!({ "pointer": error.pointer, "detail": error.detail }));
        self.detail(detail).member("errors", errors.collect::<Value>())
    }

    /// A parameter of the query, or a header, that can't be taken.
    pub(super) fn invalid_parameter(name: &str, detail: &str) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid-parameter",
            "The request has an invalid parameter",
        )
        .detail(format!("{name}: {detail}"))
        .member("errors", json!([{ "pointer": "", "parameter": name, "detail": detail }]))
    }

    /// Something that the API key does not permit.
    pub(super) fn forbidden(what: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "This API key may not do that").detail(what)
    }

    pub(super) fn stopping() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "The host is stopping")
            .detail("send it again in a moment")
            .retry_after(Duration::from_secs(5))
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid(errors) => Self::invalid_fields(errors),
            Refusal::Forbidden(what) => Self::forbidden(what),
            Refusal::Overloaded { reason, retry_after } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "Overloaded")
                    .detail(reason)
                    .retry_after(retry_after)
            }
            refusal @ Refusal::KeyReused => {
                Self::new(StatusCode::CONFLICT, "key-reused", "The Idempotency-Key was used before")
                    .detail(format!("{refusal}; use another one for another request"))
            }
            Refusal::Store(error) => error.into(),
            Refusal::Stopping => Self::stopping(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if let StoreError::Closed = error {
            return Self::stopping();
        }
        tracing::error!(%error, "the store does not work");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "store-unavailable", "The store is unavailable")
            .detail(format!("{error}; nothing was accepted, and what was accepted before is kept"))
            .retry_after(Duration::from_secs(10))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Value::Object(self.body).to_string();
        let mut response =
            (self.status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        let headers = response.headers_mut();
        if let Some(after) = self.retry_after {
            headers.insert(header::RETRY_AFTER, after.as_secs().max(1).into());
        }
        if self.challenge {
            headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"gatepost\""));
            headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"gatepost\""));
        }
        response
    }
}
