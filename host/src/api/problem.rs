//! Errors as RFC 9457 problem documents.

mod kind;
mod schema;

use crate::{
    accept::{FieldError, Refusal},
    store::StoreError,
};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
pub(super) use kind::*;
pub(super) use schema::{problems, responses};
use serde::Serialize;
use serde_json::{Map, Value};
use std::time::Duration;
use utoipa::ToSchema;

/// The media type of a problem document.
const TYPE: &str = "application/problem+json";

const PREFIX: &str = "urn:gatepost:problem:";

/// An answer that is a problem document.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    document: Box<Document>,
    retry_after: Option<Duration>,
    challenge: bool,
}

/// What is wrong and how to mend it, as RFC 9457 has it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct Document {
    /// Which kind of problem it is: `urn:gatepost:problem:` and a word, always the same for the same kind.
    #[serde(rename = "type")]
    #[schema(pattern = "^urn:gatepost:problem:[a-z-]+$")]
    kind: String,
    /// The same in a few words, for people.
    title: String,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong here, and how to mend it. It never quotes a text or a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    detail: Option<String>,
    /// Every field or parameter that can't be taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<InvalidField>,
    /// Members of its own, as RFC 9457 section 3.2 allows.
    #[serde(flatten)]
    #[schema(ignore)]
    members: Map<String, Value>,
}

/// A field or parameter that can't be taken.
#[derive(Debug, Serialize, ToSchema)]
struct InvalidField {
    /// JSON pointer to the field of the body; empty for a parameter, and for the body as a whole.
    #[schema(examples("/to"))]
    pointer: String,
    /// Name of the parameter or header.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, examples("wait"))]
    parameter: Option<String>,
    /// What is wrong with it, and how to mend it.
    detail: String,
}

impl Problem {
    pub(super) fn of(kind: Kind) -> Self {
        let document = Document {
            kind: format!("{PREFIX}{}", kind.word),
            title: kind.title.into(),
            status: kind.status.as_u16(),
            // Where nothing more is to be said.
            detail: Some(kind.title.into()),
            errors: Vec::new(),
            members: Map::new(),
        };
        Self { status: kind.status, document: Box::new(document), retry_after: None, challenge: false }
    }

    pub(super) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.document.detail = Some(detail.into());
        self
    }

    /// Adds a member of the problem's own.
    pub(super) fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.document.members.insert(name.into(), value.into());
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
        Self::of(INVALID_FIELDS).errors(errors)
    }

    /// Adds everything that is wrong, with a `detail` that says as much.
    pub(super) fn errors(self, errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [FieldError { pointer, detail }] if pointer.is_empty() => detail.clone(),
            [error] => format!("{}: {}", error.pointer, error.detail),
            errors => format!("{} things are wrong: see errors", errors.len()),
        };
        let errors = errors.into_iter().map(|error| InvalidField {
            pointer: error.pointer,
            parameter: None,
            detail: error.detail,
        });
        self.detail(detail).fields(errors.collect())
    }

    /// A parameter of the query, or a header, that can't be taken.
    pub(super) fn invalid_parameter(name: &str, detail: &str) -> Self {
        let error =
            InvalidField { pointer: String::new(), parameter: Some(name.into()), detail: detail.into() };
        Self::of(INVALID_PARAMETER).detail(format!("{name}: {detail}")).fields(vec![error])
    }

    fn fields(mut self, errors: Vec<InvalidField>) -> Self {
        self.document.errors = errors;
        self
    }

    /// Something that the API key does not permit.
    pub(super) fn forbidden(what: impl Into<String>) -> Self {
        Self::of(FORBIDDEN).detail(what)
    }

    /// More than the API key's rate permits.
    pub(super) fn too_many(what: impl Into<String>) -> Self {
        Self::of(TOO_MANY_REQUESTS).detail(what)
    }

    /// More than there is room for.
    pub(super) fn overloaded(what: impl Into<String>, retry_after: Duration) -> Self {
        Self::of(OVERLOADED).detail(what).retry_after(retry_after)
    }

    pub(super) fn stopping() -> Self {
        Self::of(STOPPING).detail("send it again in a moment").retry_after(Duration::from_secs(5))
    }
}

impl Problem {
    /// Its detail.
    pub(super) fn why(&self) -> Option<&str> {
        self.document.detail.as_deref()
    }

    /// The whole answer, for where no HTTP is spoken.
    pub(super) fn as_http1(&self) -> String {
        let body = self.body();
        format!(
            "HTTP/1.1 {}\r\ncontent-type: {TYPE}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.status,
            body.len()
        )
    }

    fn body(&self) -> String {
        // Nothing in it can fail: every key is a string.
        serde_json::to_string(&self.document).unwrap_or_default()
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid(errors) => Self::invalid_fields(errors),
            Refusal::Forbidden(what) => Self::forbidden(what),
            Refusal::Overloaded { reason, retry_after } => Self::overloaded(reason, retry_after),
            refusal @ Refusal::KeyReused => {
                Self::of(KEY_REUSED).detail(format!("{refusal}; use another one for another request"))
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
        Self::of(STORE_UNAVAILABLE)
            .detail(format!("{error}; nothing was accepted, and what was accepted before is kept"))
            .retry_after(Duration::from_secs(10))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, [(header::CONTENT_TYPE, TYPE)], self.body()).into_response();
        let headers = response.headers_mut();
        if let Some(after) = self.retry_after {
            // Rounded up: who comes a moment too early is refused again.
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, seconds.max(1).into());
        }
        if self.challenge {
            headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"gatepost\""));
            headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"gatepost\""));
        }
        response
    }
}
