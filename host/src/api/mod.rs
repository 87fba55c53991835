//! The HTTP API: one file a resource, every error a problem document.

mod access;
mod body;
mod events;
mod feed;
mod filter;
mod health;
mod list;
mod messages;
mod metrics;
mod problem;
mod receipts;
mod routes;
mod serve;
mod wait;

use crate::{accept::Acceptor, config::ApiKey, telemetry::metrics::Held};
use access::Access;
use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use feed::Feed;
use health::Readiness;
use problem::Problem;
pub use serve::serve;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Requests at once, those that wait for an outcome among them; over it: 503.
const REQUESTS: usize = 4096;

/// What the API stands on.
#[derive(Clone, Debug)]
pub struct Api {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    acceptor: Arc<Acceptor>,
    access: Access,
    readiness: Readiness,
    requests: Semaphore,
    feed: Arc<Feed>,
    /// Nobody waits for an outcome any longer: the host ends.
    ending: CancellationToken,
}

impl Api {
    /// The API in front of `acceptor`. Without `keys` it takes requests for loopback names alone. When `ending` is cancelled, whoever
    /// waits for an outcome is answered with what is known.
    pub fn new(acceptor: Arc<Acceptor>, keys: Vec<ApiKey>, ending: CancellationToken) -> Self {
        let feed = Feed::new(Arc::clone(&acceptor), ending.clone());
        let shared = Shared {
            acceptor,
            access: Access::new(keys),
            readiness: Readiness::default(),
            requests: Semaphore::new(REQUESTS),
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
            .route("/v1/receipts", get(receipts::unmatched))
            .route("/v1/receipts/{gateway}", post(receipts::take))
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
async fn answer(api: &Api, request: Request, next: Next) -> Response {
    let Ok(_turn) = api.shared.requests.try_acquire() else {
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "Overloaded");
        return problem
            .detail("too many requests at once")
            .retry_after(Duration::from_secs(1))
            .into_response();
    };
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = match api.shared.access.check_host(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    // Messages are nobody's business but the caller's: no cache in between keeps them.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // The path alone: a query may hold what does not belong into a log.
    tracing::debug!(%method, path, status = response.status().as_u16(), "request");
    response
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
