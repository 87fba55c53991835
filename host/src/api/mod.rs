//! The HTTP API: one file a resource, every error a problem document.

mod access;
mod body;
mod check;
mod control;
mod doings;
mod events;
mod feed;
mod filter;
mod gateways;
mod head;
mod health;
mod list;
mod messages;
mod metrics;
mod places;
mod problem;
mod providers;
mod receipts;
mod reload;
mod routes;
mod serve;
mod tls;
mod wait;

use crate::{
    accept::{Acceptor, Snapshot},
    telemetry::metrics::Held,
};
use access::Rates;
use axum::{
    Router,
    extract::{FromRequestParts, MatchedPath, Request, State},
    http::{HeaderValue, StatusCode, header, request::Parts},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
pub use control::{Control, Edit, NotReloaded, Reloaded, Undo};
use feed::Feed;
use health::Readiness;
use places::Places;
pub use problem::Problem;
pub use serve::{Door, serve};
use std::{
    convert::Infallible,
    ops::Deref,
    sync::Arc,
    time::{Duration, Instant},
};
pub use tls::Tls;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Requests at once, those that wait for an outcome among them; over it the one is refused whose body has been coming longest, and where
/// none is coming, the new one: 503.
const REQUESTS: usize = 4096;

/// The longest path with its query.
const LONGEST_PATH: usize = 8 << 10;

/// What the API stands on.
#[derive(Clone, Debug)]
pub struct Api {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    acceptor: Arc<Acceptor>,
    control: Arc<dyn Control>,
    readiness: Readiness,
    rates: Arc<Rates>,
    requests: Arc<Places>,
    checks: Arc<Semaphore>,
    feed: Arc<Feed>,
    /// Nobody waits for an outcome any longer: the host ends.
    ending: CancellationToken,
}

impl Api {
    /// The API in front of `acceptor`, and of `control` for those who may. When `ending` is cancelled, whoever waits for an outcome is
    /// answered with what is known.
    pub fn new(acceptor: Arc<Acceptor>, control: Arc<dyn Control>, ending: CancellationToken) -> Self {
        let feed = Feed::new(Arc::clone(&acceptor), ending.clone());
        let shared = Shared {
            acceptor,
            control,
            readiness: Readiness::default(),
            rates: Arc::default(),
            requests: Places::new(REQUESTS, Duration::ZERO),
            checks: Arc::new(Semaphore::new(check::CHECKS)),
            feed,
            ending,
        };
        Self { shared: Arc::new(shared) }
    }

    /// All its routes.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/v1/messages", post(messages::send).get(list::show))
            .route("/v1/messages/batch", post(messages::send_batch))
            .route("/v1/events", get(events::show))
            .route("/v1/messages/{id}", get(messages::show).delete(messages::cancel))
            .route("/v1/gateways", get(gateways::list))
            .route("/v1/gateways/{name}", get(gateways::show).put(gateways::put).delete(gateways::delete))
            .route("/v1/gateways/{name}/check", post(check::check))
            .route("/v1/providers", get(providers::list))
            .route("/v1/providers/{name}", get(providers::show))
            .route("/v1/receipts", get(receipts::unmatched))
            .route("/v1/receipts/{gateway}", post(receipts::take))
            .route("/v1/reload", post(reload::reload))
            .route("/v1/routes", get(routes::list))
            .route("/v1/routes/explain", get(routes::explain))
            .route("/healthz", get(health::live))
            .route("/readyz", get(health::ready))
            .route("/metrics", get(metrics::show))
            .fallback(no_such_resource)
            .method_not_allowed_fallback(no_such_method)
            .layer(middleware::from_fn_with_state(self.clone(), admit))
            .with_state(self.clone())
    }
}

/// The configuration as it ran when the request came: a reload in the middle of it changes nothing for it.
#[derive(Clone, Debug)]
struct Now {
    snapshot: Arc<Snapshot>,
    rates: Arc<Rates>,
}

impl Now {
    fn of(api: &Api) -> Self {
        Self { snapshot: api.shared.acceptor.snapshot(), rates: Arc::clone(&api.shared.rates) }
    }

    /// What the rates of the keys leave.
    fn rates(&self) -> &Rates {
        &self.rates
    }
}

impl Deref for Now {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.snapshot
    }
}

impl FromRequestParts<Api> for Now {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        // Every request passes `admit`, which puts it there.
        let put = parts.extensions.get::<Self>().cloned();
        Ok(put.unwrap_or_else(|| Self::of(api)))
    }
}

/// Counts every request, and what it came to.
async fn admit(State(api): State<Api>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let requests = &api.shared.acceptor.metrics().requests;
    let (method, route) = (request.method().clone(), request.extensions().get::<MatchedPath>().cloned());
    let under_way = Held::new(&requests.under_way);
    let response = answer(&api, request, next).await;
    drop(under_way);
    let route = route.as_ref().map(MatchedPath::as_str);
    requests.answered(method.as_str(), route, response.status().as_str(), began.elapsed());
    response
}

/// What holds for every request.
async fn answer(api: &Api, mut request: Request, next: Next) -> Response {
    let Some(place) = api.shared.requests.try_take() else {
        return Problem::overloaded("too many requests at once", Duration::from_secs(1)).into_response();
    };
    request.extensions_mut().insert(place.clone());
    let method = request.method().clone();
    // Its pattern: neither what stands in a query nor a mistyped address belongs into a log.
    let path = request.extensions().get::<MatchedPath>().cloned();
    let now = Now::of(api);
    let good = access::check_host(&now.config.api_keys, &request).and_then(|()| check_length(&request));
    let mut response = match good {
        Ok(()) => {
            request.extensions_mut().insert(now);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    // Messages are nobody's business but the caller's: no cache in between keeps them.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let path = path.as_ref().map(MatchedPath::as_str);
    tracing::debug!(%method, path, status = response.status().as_u16(), "request");
    drop(place);
    response
}

fn check_length(request: &Request) -> Result<(), Problem> {
    let path = request.uri().path_and_query().map_or("", |path| path.as_str());
    if path.len() <= LONGEST_PATH {
        return Ok(());
    }
    Err(Problem::new(StatusCode::URI_TOO_LONG, "uri-too-long", "The address is too long")
        .detail(format!("it may have at most {LONGEST_PATH} bytes")))
}

async fn no_such_resource() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no-such-resource", "There is nothing here")
}

async fn no_such_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "no-such-method", "This can't be done here")
        .detail("the header Allow says what can")
}

#[cfg(test)]
mod tests;
