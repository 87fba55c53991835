//! `/v1/receipts`

use super::{
    Api, Now, access, body,
    gateways::no_such_gateway,
    problem::{self, Problem, problems},
    wait,
};
use crate::{
    delivery::ReceiptRefusal,
    message::{OutcomeKind, Receipt, ReceiptStatus, Timestamp},
    plugin::ReceiptRequest,
    store::Unmatched,
};
use axum::{
    Json,
    extract::{Path, Request, State as Extract, rejection::PathRejection},
    http::{HeaderMap, HeaderName, Uri, header},
};
use serde::Serialize;
use utoipa::ToSchema;

/// The largest request with receipts.
const LARGEST: usize = 1 << 20;

/// Receipts on one page.
const PAGE: usize = 100;

/// Our own business, not the provider's.
const CREDENTIALS: [HeaderName; 3] = [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE];

/// How many receipts were taken.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Taken {
    /// Receipts that the request held.
    #[schema(examples(1))]
    receipts: usize,
}

problems!(
    NotTaken: problem::ANY,
    problem::KEYED,
    problem::BODY,
    problem::STORED,
    &[problem::NO_SUCH_GATEWAY, problem::NO_RECEIPTS, problem::NO_RECEIPT, problem::NOT_TAKEN],
);

/// Take delivery receipts that the service behind a gateway posts.
///
/// Scope: `receipt`, for the key's gateways. What the body and the query have to hold is the service's own form: the gateway's provider
/// reads it. Answered once the receipts are on disk.
#[utoipa::path(
    post,
    path = "/v1/receipts/{gateway}",
    operation_id = "takeReceipts",
    tag = "receipts",
    security(("bearer" = ["receipt"]), ("basic" = ["receipt"])),
    params(("gateway" = String, Path, description = "The gateway", example = json!("clickatell"))),
    request_body(
        description = "Whatever the service posts, at most 1 MiB",
        content(
            (String = "application/x-www-form-urlencoded", example = json!("MessageSid=SM1&MessageStatus=delivered")),
            (Value = "application/json", example = json!({ "messageId": "abc", "status": "DELIVERED" })),
            (String = "text/plain", example = json!("id:abc stat:DELIVRD")),
        )
    ),
    responses((status = 200, description = "They are on disk", body = Taken), NotTaken)
)]
pub(super) async fn take(
    Extract(api): Extract<Api>,
    now: Now,
    gateway: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<Taken>, Problem> {
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
        Ok(receipts) => Ok(Json(Taken { receipts })),
        Err(ReceiptRefusal::NoSuchGateway) => Err(no_such_gateway()),
        Err(ReceiptRefusal::NotRead) => Err(not_read("its provider reads none")),
        Err(ReceiptRefusal::Provider(outcome)) => {
            let words = outcome.detail.unwrap_or_default();
            match outcome.kind {
                OutcomeKind::Misconfigured => Err(not_read(&words)),
                OutcomeKind::Rejected => Err(Problem::of(problem::NO_RECEIPT).detail(words)),
                _ => Err(Problem::of(problem::NOT_TAKEN).detail(words)),
            }
        }
        Err(ReceiptRefusal::Store(error)) => Err(error.into()),
    }
}

fn not_read(why: &str) -> Problem {
    Problem::of(problem::NO_RECEIPTS).detail(why)
}

/// Receipts that belong to no message.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReceiptList {
    /// The latest first.
    receipts: Vec<ShownReceipt>,
    /// Leads to the next page as `cursor`; `null` on the last.
    #[schema(required = true, examples("4711"))]
    next_cursor: Option<String>,
}

/// What a service said of a part.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Receipt)]
struct ShownReceipt {
    /// The gateway through which it came.
    #[schema(examples("clickatell"))]
    gateway: String,
    /// The id that the service gave to the part.
    #[schema(examples("abc"))]
    provider_id: String,
    /// What became of the part.
    status: ReceiptStatus,
    /// The service's own code.
    #[schema(required = true)]
    code: Option<String>,
    /// The service's own words.
    #[schema(required = true)]
    detail: Option<String>,
    /// When it came.
    at: Timestamp,
}

problems!(NotListed: problem::ANY, problem::KEYED, problem::STORED, &[problem::INVALID_PARAMETER]);

/// List the receipts that belong to no message, the latest first.
///
/// Scope: `read`. Such receipts came for messages of another sender, or of another time.
#[utoipa::path(
    get,
    path = "/v1/receipts",
    operation_id = "listReceipts",
    tag = "receipts",
    security(("bearer" = ["read"]), ("basic" = ["read"])),
    params(
        ("gateway" = Option<String>, Query, description = "Those of this gateway alone", nullable = false, example = json!("clickatell")),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before", nullable = false,
            pattern = "^[0-9]{1,19}$", example = json!("4711")),
    ),
    responses((status = 200, description = "A page of at most 100", body = ReceiptList), NotListed)
)]
pub(super) async fn unmatched(
    Extract(api): Extract<Api>,
    now: Now,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<ReceiptList>, Problem> {
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
    let bad = || Problem::invalid_parameter("cursor", "is none that an earlier page named");
    let before = cursor.map(|cursor| wait::whole(&cursor).ok_or_else(bad)).transpose()?;
    let found = api.shared.acceptor.unmatched_receipts(gateway.as_deref(), before, PAGE + 1).await?;
    let page = found.get(..PAGE).unwrap_or(&found);
    let next = page.last().filter(|_| found.len() > PAGE).map(|last| last.number.to_string());
    let receipts = page.iter().cloned().map(ShownReceipt::from).collect();
    Ok(Json(ReceiptList { receipts, next_cursor: next }))
}

impl From<Unmatched> for ShownReceipt {
    fn from(Unmatched { receipt, .. }: Unmatched) -> Self {
        let Receipt { gateway, provider_id, status, code, detail, at, .. } = receipt;
        Self { gateway, provider_id, status, code, detail, at }
    }
}
