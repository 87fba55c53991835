//! The HTTP API: one file a resource, every error a problem document.
//!
//! A handler says above itself (`#[utoipa::path(…)]`) what it takes and every answer that it gives, and goes into the table of routes below:
//! router and OpenAPI document are made of the same entry. What it may go wrong with it lists by kind (`problems!`).

mod access;
mod body;
mod docs;
mod events;
mod feed;
mod filter;
mod health;
mod list;
mod messages;
mod metrics;
mod openapi;
mod page;
mod problem;
mod receipts;
mod request;
mod routes;
mod serve;
mod wait;
mod webhooks;

use crate::{accept::Acceptor, config::ApiKey};
use access::Access;
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::get,
};
use feed::Feed;
use health::Readiness;
pub use openapi::document;
use problem::Problem;
pub use serve::serve;
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use utoipa_axum::{router::OpenApiRouter, routes};

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
        let (routes, _) = table().split_for_parts();
        routes
            .route("/docs/", get(docs::spelled_otherwise))
            .fallback(no_such_resource)
            .method_not_allowed_fallback(no_such_method)
            .layer(middleware::from_fn_with_state(self.clone(), admit))
            .with_state(self.clone())
    }
}

/// All routes, each with what the OpenAPI document says of it. A handler that says nothing of itself does not build here.
fn table() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(openapi::whole())
        .routes(routes!(messages::send, list::show))
        .routes(routes!(messages::send_batch))
        .routes(routes!(messages::show, messages::cancel))
        .routes(routes!(events::show))
        .routes(routes!(receipts::unmatched))
        .routes(routes!(receipts::take))
        .routes(routes!(self::routes::list))
        .routes(routes!(self::routes::explain))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::show))
        .routes(routes!(openapi::show))
        .routes(routes!(docs::show))
        .routes(routes!(docs::file))
}

/// What holds for every request.
async fn admit(State(api): State<Api>, request: Request, next: Next) -> Response {
    let Ok(_turn) = api.shared.requests.try_acquire() else {
        let problem = Problem::of(problem::OVERLOADED).detail("too many requests at once");
        return problem.retry_after(Duration::from_secs(1)).into_response();
    };
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = match api.shared.access.check_host(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    // Messages are nobody's business but the caller's: no cache in between keeps them. Pages that say otherwise are everybody's.
    let cached = response.headers_mut().entry(header::CACHE_CONTROL);
    cached.or_insert(HeaderValue::from_static("no-store"));
    // The path alone: a query may hold what does not belong into a log.
    tracing::debug!(%method, path, status = response.status().as_u16(), "request");
    response
}

async fn no_such_resource() -> Problem {
    Problem::of(problem::NO_SUCH_RESOURCE).detail("GET /openapi.json says what there is")
}

async fn no_such_method() -> Problem {
    Problem::of(problem::NO_SUCH_METHOD).detail("the header Allow says what can")
}

#[cfg(test)]
mod tests;
