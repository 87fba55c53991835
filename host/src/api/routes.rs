//! `/v1/routes`

use super::{Now, access, problem::Problem, wait};
use crate::{config::Match, route::Route};
use axum::{
    Json,
    http::{HeaderMap, StatusCode, Uri},
};
use serde::Serialize;
use std::collections::BTreeMap;

/// All routes that a key may use.
#[derive(Debug, Serialize)]
pub(super) struct Routes {
    /// In the order of the configuration, in which they are tried.
    routes: Vec<Shown>,
}

/// A route.
#[derive(Debug, Serialize)]
struct Shown {
    /// Its name.
    name: String,
    /// Its gateways, in order of preference.
    gateways: Vec<String>,
    /// `failover`, `round-robin` or `weighted`.
    strategy: &'static str,
    /// How much each gateway gets, of a weighted route.
    weights: Option<BTreeMap<String, u64>>,
    /// The messages that it takes by itself; `null`: those that no other takes if it is `default`, else none.
    #[serde(rename = "match")]
    matching: Option<Matching>,
}

/// What a message must be like; a member that is empty holds for every one.
#[derive(Debug, Serialize)]
struct Matching {
    /// Its recipient begins with one of these.
    prefix: Vec<String>,
    /// Its tag is one of these.
    tag: Vec<String>,
}

/// Which gateways a message would be tried through.
#[derive(Debug, Serialize)]
pub(super) struct Explained {
    /// The route that takes it.
    route: String,
    /// Its gateways, in the order of trial.
    gateways: Vec<Candidate>,
}

/// A gateway of a route.
#[derive(Debug, Serialize)]
struct Candidate {
    /// Its name.
    name: String,
    /// Whether a message would be submitted through it now.
    usable: bool,
    /// Why, for people.
    why: String,
}

/// `GET /v1/routes`
pub(super) async fn list(now: Now, uri: Uri, headers: HeaderMap) -> Result<Json<Routes>, Problem> {
    let identity = access::identify(&now, &headers)?;
    identity.must_see_some()?;
    wait::no_parameters(&uri)?;
    let reach = identity.reach();
    let usable = now.routes.all().filter(|route| reach.route(route.name()));
    Ok(Json(Routes { routes: usable.map(shown).collect() }))
}

fn shown(route: &Route) -> Shown {
    let weights = route.weights().map(|weights| weights.map(|(name, weight)| (name.to_owned(), weight)));
    Shown {
        name: route.name().to_owned(),
        gateways: route.gateways().to_vec(),
        strategy: route.strategy(),
        weights: weights.map(Iterator::collect),
        matching: route.matching().cloned().map(|Match { prefix, tag }| Matching { prefix, tag }),
    }
}

/// `GET /v1/routes/explain`: which gateways a message would be tried through, in which order, and why.
pub(super) async fn explain(now: Now, uri: Uri, headers: HeaderMap) -> Result<Json<Explained>, Problem> {
    let identity = access::identify(&now, &headers)?;
    identity.must_see_some()?;
    let (mut to, mut tag) = (None, None);
    for (name, value) in wait::parameters(&uri)? {
        let place = match name.as_str() {
            "to" => &mut to,
            "tag" => &mut tag,
            _ => {
                return Err(Problem::invalid_parameter(&name, "unknown parameter; there are `to` and `tag`"));
            }
        };
        if place.replace(value).is_some() {
            return Err(Problem::invalid_parameter(&name, "is given twice"));
        }
    }
    let to = to.filter(|to| !to.is_empty());
    let to = to.ok_or_else(|| Problem::invalid_parameter("to", "is missing: whom is the message for?"))?;
    if to.starts_with(' ') {
        // A route for "+49" would not fit it, and nobody would see why.
        return Err(Problem::invalid_parameter("to", "begins with a space; in a query write + as %2B"));
    }
    let route = now.routes.fitting(&to, tag.as_deref(), &identity.reach()).ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, "no-such-route", "No route fits")
            .detail("no route's match holds for such a message, and there is no default route: it has to name a gateway or a route")
    })?;
    let gateways = route.order_now().into_iter().map(|name| {
        let (usable, why) = now.gateways.availability(&name);
        Candidate { name, usable, why }
    });
    Ok(Json(Explained { route: route.name().to_owned(), gateways: gateways.collect() }))
}
