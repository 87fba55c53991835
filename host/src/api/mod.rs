//! The HTTP API: one file a resource, every error a problem document.

mod access;
mod body;
mod doings;
mod events;
mod feed;
mod filter;
mod head;
mod health;
mod list;
mod messages;
mod metrics;
mod places;
mod problem;
mod receipts;
mod routes;
mod serve;
mod tls;
mod wait;

use crate::{accept::Acceptor, config::ApiKey};
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
use places::Places;
use problem::Problem;
pub use serve::{Door, serve};
use std::{sync::Arc, time::Duration};
pub use tls::Tls;
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
    access: Access,
    readiness: Readiness,
    requests: Arc<Places>,
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
            requests: Places::new(REQUESTS, Duration::ZERO),
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

/// What holds for every request.
async fn admit(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let Some(place) = api.shared.requests.try_take() else {
        return Problem::overloaded("too many requests at once", Duration::from_secs(1)).into_response();
    };
    request.extensions_mut().insert(place.clone());
    let method = request.method().clone();
    // Its pattern: neither what stands in a query nor a mistyped address belongs into a log.
    let path = request.extensions().get::<MatchedPath>().cloned();
    let mut response = match api.shared.access.check_host(&request).and_then(|()| check_length(&request)) {
        Ok(()) => next.run(request).await,
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
