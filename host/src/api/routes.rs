//! `/v1/routes`

use super::{Api, problem::Problem, wait};
use crate::route::Route;
use axum::{
    Json,
    extract::State as Extract,
    http::{HeaderMap, StatusCode, Uri},
};
use serde_json::{Value, json};

/// `GET /v1/routes`
pub(super) async fn list(
    Extract(api): Extract<Api>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    api.shared.access.identify(&headers)?.must_read()?;
    wait::no_parameters(&uri)?;
    let routes = api.shared.acceptor.routes().all().iter().map(as_json).collect::<Vec<_>>();
    Ok(Json(json!({ "routes": routes })))
}

fn as_json(route: &Route) -> Value {
    let matching = route.matching().map(|matching| json!({ "prefix": matching.prefix, "tag": matching.tag }));
    json!({
        "name": route.name,
        "gateways": route.gateways(),
        "strategy": route.strategy(),
        "match": matching,
    })
}

/// `GET /v1/routes/explain`: which gateways a message would be tried through, in which order, and why.
pub(super) async fn explain(
    Extract(api): Extract<Api>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let identity = api.shared.access.identify(&headers)?;
    identity.must_read()?;
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
    let acceptor = &api.shared.acceptor;
    let route = acceptor.routes().fitting(&to, tag.as_deref(), &identity.reach()).ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, "no-such-route", "No route fits")
            .detail("no route's match holds for such a message, and there is no default route: it has to name a gateway or a route")
    })?;
    let gateways = route.order_now().into_iter().map(|name| {
        let (usable, why) = acceptor.delivery().availability(&name);
        json!({ "name": name, "usable": usable, "why": why })
    });
    Ok(Json(json!({ "route": route.name, "gateways": gateways.collect::<Vec<_>>() })))
}
