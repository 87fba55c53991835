//! The HTTP API: one file a resource, every error a problem document.
//!
//! A handler says above itself (`#[utoipa::path(…)]`) what it takes and every answer that it gives, and goes into the table of routes below:
//! router and OpenAPI document are made of the same entry. What it may go wrong with it lists by kind (`problems!`).

mod access;
mod admit;
mod body;
mod check;
mod chunks;
mod control;
mod docs;
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
mod openapi;
mod page;
mod places;
mod problem;
pub(crate) mod providers;
mod receipts;
mod reload;
mod request;
mod routes;
mod serve;
mod tls;
mod wait;
mod watched;
mod webhooks;

use crate::accept::{Acceptor, Snapshot};
use access::Rates;
use admit::Admission;
use axum::{Router, extract::FromRequestParts, http::request::Parts, routing::get};
pub use control::{Control, Edit, NotReloaded, Reloaded, Undo};
use feed::Feed;
use health::Readiness;
pub use openapi::document;
use places::Places;
pub use problem::Problem;
pub use serve::{Door, serve};
use std::{convert::Infallible, ops::Deref, sync::Arc, time::Duration};
pub use tls::Tls;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use utoipa_axum::{router::OpenApiRouter, routes};

/// Requests at once, those that wait for an outcome among them; over it the one is refused whose body has been coming longest, and where
/// none is coming, the new one: 503.
const REQUESTS: usize = 4096;

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
        let (routes, _) = table().split_for_parts();
        routes
            .route("/docs/", get(docs::spelled_otherwise))
            .fallback(no_such_resource)
            .method_not_allowed_fallback(no_such_method)
            .layer(Admission(self.clone()))
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
        .routes(routes!(gateways::list))
        .routes(routes!(gateways::show, gateways::put, gateways::delete))
        .routes(routes!(check::check))
        .routes(routes!(providers::list))
        .routes(routes!(providers::show))
        .routes(routes!(receipts::unmatched))
        .routes(routes!(receipts::take))
        .routes(routes!(reload::reload))
        .routes(routes!(self::routes::list))
        .routes(routes!(self::routes::explain))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::show))
        .routes(routes!(openapi::show))
        .routes(routes!(docs::show))
        .routes(routes!(docs::file))
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
        // Every request passes `Admit`, which puts it there.
        let put = parts.extensions.get::<Self>().cloned();
        Ok(put.unwrap_or_else(|| Self::of(api)))
    }
}

async fn no_such_resource() -> Problem {
    Problem::of(problem::NO_SUCH_RESOURCE).detail("GET /openapi.json says what there is")
}

async fn no_such_method() -> Problem {
    Problem::of(problem::NO_SUCH_METHOD).detail("the header Allow says what can")
}

#[cfg(test)]
mod tests;
