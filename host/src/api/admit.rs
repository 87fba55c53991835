//! What holds for every request: there is room for it, it is counted, and nobody in between keeps its answer.

use super::{
    Api, Now, access,
    places::Place,
    problem::{self, Problem},
};
use crate::telemetry::metrics::Held;
use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderValue, Method, header},
    response::{IntoResponse as _, Response},
};
use futures_util::future::{Either, Ready, ready};
use std::{
    convert::Infallible,
    pin::Pin,
    task::{self, Context, Poll},
    time::{Duration, Instant},
};
use tower::{Layer, Service};

/// The longest path with its query.
const LONGEST_PATH: usize = 8 << 10;

/// Puts [`Admit`] in front of every route. As an asynchronous function it would be less to write, and four allocations more a request.
#[derive(Clone, Debug)]
pub(super) struct Admission(pub(super) Api);

impl<S> Layer<S> for Admission {
    type Service = Admit<S>;

    fn layer(&self, inner: S) -> Admit<S> {
        Admit { api: self.0.clone(), inner }
    }
}

/// Admits requests to a route.
#[derive(Clone, Debug)]
pub(super) struct Admit<S> {
    api: Api,
    inner: S,
}

impl<S> Service<Request> for Admit<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Unpin,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Admitted<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Admitted<S::Future> {
        let shared = &self.api.shared;
        let began = Instant::now();
        let under_way = Held::new(&shared.acceptor.metrics().requests.under_way);
        let (method, path) = (request.method().clone(), request.extensions().get::<MatchedPath>().cloned());
        let now = Now::of(&self.api);
        let place = shared.requests.try_take();
        let answer = match check(&now, &request, place.as_ref()) {
            Ok(place) => {
                request.extensions_mut().insert(place.clone());
                request.extensions_mut().insert(now);
                Either::Left(self.inner.call(request))
            }
            Err(problem) => Either::Right(ready(Ok(problem.into_response()))),
        };
        Admitted { api: self.api.clone(), began, method, path, answer, _under_way: under_way, _place: place }
    }
}

fn check<'p>(now: &Now, request: &Request, place: Option<&'p Place>) -> Result<&'p Place, Problem> {
    let crowded = || Problem::overloaded("too many requests at once", Duration::from_secs(1));
    let place = place.ok_or_else(crowded)?;
    access::check_host(&now.config.api_keys, request)?;
    let path = request.uri().path_and_query().map_or("", |path| path.as_str());
    if path.len() > LONGEST_PATH {
        let detail = format!("it may have at most {LONGEST_PATH} bytes");
        return Err(Problem::of(problem::URI_TOO_LONG).detail(detail));
    }
    Ok(place)
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct Admitted<F> {
    api: Api,
    began: Instant,
    method: Method,
    /// Its pattern: neither what stands in a query nor a mistyped address belongs into a log.
    path: Option<MatchedPath>,
    answer: Either<F, Ready<Result<Response, Infallible>>>,
    _under_way: Held,
    _place: Option<Place>,
}

impl<F: Future<Output = Result<Response, Infallible>> + Unpin> Future for Admitted<F> {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut response = task::ready!(Pin::new(&mut self.answer).poll(context))?;
        // Messages are nobody's business but the caller's: no cache in between keeps them. Pages that say otherwise are everybody's.
        let cached = response.headers_mut().entry(header::CACHE_CONTROL);
        cached.or_insert(HeaderValue::from_static("no-store"));
        let (method, path) = (&self.method, self.path.as_ref().map(MatchedPath::as_str));
        tracing::debug!(%method, path, status = response.status().as_u16(), "request");
        let requests = &self.api.shared.acceptor.metrics().requests;
        requests.answered(method.as_str(), path, response.status().as_str(), self.began.elapsed());
        Poll::Ready(Ok(response))
    }
}
