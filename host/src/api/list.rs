//! `GET /v1/messages`: the last accepted first, page by page.

use super::{
    Api, Now, access,
    filter::{self, FilterParameters},
    problem::{self, Problem, problems},
    wait,
};
use crate::message::{MessageId, Shown, Timestamp};
use axum::{
    Json,
    extract::State as Extract,
    http::{HeaderMap, Uri},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Messages on a page: unless it is said, and at most.
const PAGE: usize = 100;
const LARGEST_PAGE: usize = 1000;

/// A page of messages.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MessageList<'m> {
    /// The last accepted first.
    messages: Vec<Shown<'m>>,
    /// Leads to the next page as `cursor`; `null` on the last.
    #[schema(required = true, examples("AZt5kmgAfE6p0VsPjno8IQ"))]
    next_cursor: Option<String>,
}

/// Where a page begins and how long it is.
#[derive(Debug, PartialEq, Eq)]
struct Page {
    before: Option<MessageId>,
    limit: usize,
}

/// The parameters of a list besides those of the filter, for the OpenAPI document.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "they are read below, and what is wrong with each is said; this describes what is taken"
)]
pub(super) struct PageParameters {
    /// Messages accepted then or later.
    #[param(format = DateTime, nullable = false, example = "2026-01-01T12:00:00Z")]
    since: Option<String>,
    /// Messages accepted before.
    #[param(format = DateTime, nullable = false, example = "2026-01-02T12:00:00Z")]
    until: Option<String>,
    /// How many messages a page has at most; 100 unless it is said.
    #[param(minimum = 1, maximum = 1000, nullable = false, example = 100)]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^[A-Za-z0-9_-]{21}[AQgw]$", nullable = false, example = "AZt5kmgAfE6p0VsPjno8IQ")]
    cursor: Option<String>,
}

problems!(NotListed: problem::ANY, problem::KEYED, problem::STORED, &[problem::INVALID_PARAMETER]);

/// List messages, the last accepted first, page by page.
///
/// Scope: `read`; with `send` alone, one's own messages. A walk from page to page meets each message that was there at its start once,
/// whatever is accepted meanwhile. The state is the one on disk.
#[utoipa::path(
    get,
    path = "/v1/messages",
    operation_id = "listMessages",
    tag = "messages",
    params(FilterParameters, PageParameters),
    responses((status = 200, description = "A page", body = MessageList<'_>), NotListed)
)]
pub(super) async fn show(
    Extract(api): Extract<Api>,
    now: Now,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let identity = access::identify(&now, &headers)?;
    identity.must_see_some()?;
    let (mut filter, mut given) = filter::parse(&uri, &["since", "until", "limit", "cursor"])?;
    filter.api_key = identity.sees_only();
    filter.since = time(&mut given, "since")?;
    filter.until = time(&mut given, "until")?;
    let Page { before, limit } = page(&mut given)?;
    // One more shows whether there is another page.
    let mut messages = api.shared.acceptor.list(&filter, before, limit + 1).await?;
    let more = messages.len() > limit;
    messages.truncate(limit);
    let last = messages.last().filter(|_| more);
    let next_cursor = last.map(|message| URL_SAFE_NO_PAD.encode(message.id.as_bytes()));
    let messages = messages.iter().map(Shown::from).collect();
    Ok(Json(MessageList { messages, next_cursor }).into_response())
}

fn time(given: &mut BTreeMap<String, String>, name: &str) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = given.remove(name) else { return Ok(None) };
    let time = Timestamp::from_rfc_3339(&text).ok_or_else(|| {
        let mend = if text.contains(' ') {
            "has a space in it; in a query write + as %2B"
        } else {
            "is no RFC 3339 time; write one such as 2026-01-01T12:00:00Z"
        };
        Problem::invalid_parameter(name, mend)
    });
    time.map(Some)
}

fn page(given: &mut BTreeMap<String, String>) -> Result<Page, Problem> {
    let limit = given.remove("limit").map_or(Some(PAGE), |text| {
        let limit = wait::whole(&text).and_then(|limit| usize::try_from(limit).ok());
        limit.filter(|limit| (1..=LARGEST_PAGE).contains(limit))
    });
    let limit = limit.ok_or_else(|| {
        Problem::invalid_parameter("limit", &format!("must be a whole number from 1 to {LARGEST_PAGE}"))
    })?;
    let cursor = given.remove("cursor").map(|cursor| {
        let id = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| bytes.try_into().ok());
        id.map(MessageId::from_bytes).ok_or_else(|| {
            Problem::invalid_parameter("cursor", "is none of ours; take `next_cursor` of the page before")
        })
    });
    Ok(Page { before: cursor.transpose()?, limit })
}
