//! `GET /v1/messages`: the last accepted first, page by page.

use super::{Api, Now, access, filter, problem::Problem};
use crate::message::{MessageId, Timestamp, as_json};
use axum::{
    Json,
    extract::State as Extract,
    http::{HeaderMap, Uri},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Messages on a page: unless it is said, and at most.
const PAGE: usize = 100;
const LARGEST_PAGE: usize = 1000;

/// Where a page begins and how long it is.
#[derive(Debug, PartialEq, Eq)]
struct Page {
    before: Option<MessageId>,
    limit: usize,
}

pub(super) async fn show(
    Extract(api): Extract<Api>,
    now: Now,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
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
    let messages = messages.iter().map(as_json).collect::<Vec<_>>();
    Ok(Json(json!({ "messages": messages, "next_cursor": next_cursor })))
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
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|limit| digits && (1..=LARGEST_PAGE).contains(limit))
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
