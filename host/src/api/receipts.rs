//! `/v1/receipts`

use super::{Api, Now, access, body, gateways::no_such_gateway, problem::Problem, wait};
use crate::{
    delivery::ReceiptRefusal,
    message::{OutcomeKind, Receipt},
    plugin::ReceiptRequest,
    store::Unmatched,
};
use axum::{
    Json,
    extract::{Path, Request, State as Extract, rejection::PathRejection},
    http::{HeaderMap, HeaderName, StatusCode, Uri, header},
};
use serde_json::{Value, json};

/// The largest request with receipts.
const LARGEST: usize = 1 << 20;

/// Receipts on one page.
const PAGE: usize = 100;

/// Our own business, not the provider's.
const CREDENTIALS: [HeaderName; 3] = [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE];

/// `POST /v1/receipts/{gateway}`: the service behind the gateway posts delivery receipts; its provider reads them. Answered once they are
/// on disk.
pub(super) async fn take(
    Extract(api): Extract<Api>,
    now: Now,
    gateway: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let identity = access::identify(&now, request.headers())?;
    let Path(gateway) = gateway.map_err(|_| no_such_gateway())?;
    identity.must_post_receipts(&gateway)?;
    let headers = request.headers().iter().filter(|(name, _)| !CREDENTIALS.contains(name));
    let header = |(name, value): (&HeaderName, &axum::http::HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let posted = ReceiptRequest {
        method: request.method().to_string(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        headers: headers.map(header).collect(),
        body: body::bytes(request, LARGEST).await?,
    };
    match api.shared.acceptor.delivery().receipts(&gateway, posted).await {
        Ok(count) => Ok(Json(json!({ "receipts": count }))),
        Err(ReceiptRefusal::NoSuchGateway) => Err(no_such_gateway()),
        Err(ReceiptRefusal::NotRead) => Err(not_read("its provider reads none")),
        Err(ReceiptRefusal::Provider(outcome)) => {
            let words = outcome.detail.unwrap_or_default();
            match outcome.kind {
                OutcomeKind::Misconfigured => Err(not_read(&words)),
                OutcomeKind::Rejected => Err(Problem::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "no-receipt",
                    "The request holds no receipt",
                )
                .detail(words)),
                _ => Err(Problem::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "not-taken",
                    "The receipt was not taken",
                )
                .detail(words)),
            }
        }
        Err(ReceiptRefusal::Store(error)) => Err(error.into()),
    }
}

fn not_read(why: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no-receipts", "This gateway takes no receipts").detail(why)
}

/// `GET /v1/receipts`: receipts that belong to no message, the latest first.
pub(super) async fn unmatched(
    Extract(api): Extract<Api>,
    now: Now,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    access::identify(&now, &headers)?.must_read()?;
    let (mut gateway, mut cursor) = (None, None);
    for (name, value) in wait::parameters(&uri)? {
        let place = match name.as_str() {
            "gateway" => &mut gateway,
            "cursor" => &mut cursor,
            _ => {
                let words = "unknown parameter; there are `gateway` and `cursor`";
                return Err(Problem::invalid_parameter(&name, words));
            }
        };
        if place.replace(value).is_some() {
            return Err(Problem::invalid_parameter(&name, "is given twice"));
        }
    }
    let bad = |_| Problem::invalid_parameter("cursor", "is none that an earlier page named");
    let before = cursor.map(|cursor| cursor.parse::<u64>()).transpose().map_err(bad)?;
    let found = api.shared.acceptor.unmatched_receipts(gateway.as_deref(), before, PAGE + 1).await?;
    let page = found.get(..PAGE).unwrap_or(&found);
    let next = page.last().filter(|_| found.len() > PAGE).map(|last| last.number.to_string());
    Ok(Json(json!({ "receipts": page.iter().map(as_json).collect::<Vec<_>>(), "next_cursor": next })))
}

fn as_json(Unmatched { receipt, .. }: &Unmatched) -> Value {
    let Receipt { gateway, provider_id, status, code, detail, at, .. } = receipt;
    json!({
        "gateway": gateway,
        "provider_id": provider_id,
        "status": status.as_str(),
        "code": code,
        "detail": detail,
        "at": at.to_string(),
    })
}
