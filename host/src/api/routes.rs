//! `/v1/routes`

use super::{
    Now, access,
    problem::{self, Problem, problems},
    wait,
};
use crate::{config::Match, route::Route};
use axum::{
    Json,
    http::{HeaderMap, Uri},
};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::{
    ToSchema,
    openapi::{Object, ObjectBuilder, Type},
};

/// All routes that a key may use.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RouteList {
    /// In the order of the configuration, in which those with a `match` are tried.
    routes: Vec<ShownRoute>,
}

/// A route: an ordered choice of gateways.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Route)]
struct ShownRoute {
    /// Its name.
    #[schema(examples("german-logins"))]
    name: String,
    /// Its gateways, in order of preference.
    #[schema(examples(json!(["clickatell", "backup-smpp"])))]
    gateways: Vec<String>,
    /// Which gateway is tried first.
    #[schema(schema_with = strategies)]
    strategy: &'static str,
    /// How much each gateway gets, of a weighted route.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, examples(json!({ "clickatell": 3, "backup-smpp": 1 })))]
    weights: Option<BTreeMap<String, u64>>,
    /// The messages that it takes by itself; `null`: those that no other takes if it is `default`, else none.
    #[serde(rename = "match")]
    #[schema(required = true)]
    matching: Option<ShownMatch>,
}

fn strategies() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["failover", "round-robin", "weighted"]))
        .description(Some("Which gateway is tried first."))
        .build()
}

/// What a message must be like; a member that is empty holds for every one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Match)]
struct ShownMatch {
    /// Its recipient begins with one of these.
    #[schema(examples(json!(["+49", "+43"])))]
    prefix: Vec<String>,
    /// Its tag is one of these.
    #[schema(examples(json!(["login"])))]
    tag: Vec<String>,
}

impl From<&Route> for ShownRoute {
    fn from(route: &Route) -> Self {
        let weights = route.weights().map(|weights| weights.map(|(name, weight)| (name.to_owned(), weight)));
        Self {
            name: route.name().to_owned(),
            gateways: route.gateways().to_vec(),
            strategy: route.strategy(),
            weights: weights.map(Iterator::collect),
            matching: route.matching().cloned().map(|Match { prefix, tag }| ShownMatch { prefix, tag }),
        }
    }
}

problems!(NotListed: problem::ANY, problem::KEYED, &[problem::INVALID_PARAMETER]);

/// List the routes that the key may use.
///
/// Scope: `read`.
#[utoipa::path(
    get,
    path = "/v1/routes",
    operation_id = "listRoutes",
    tag = "routes",
    security(("bearer" = ["read"]), ("basic" = ["read"])),
    responses(
        (status = 200, description = "The routes", body = RouteList, example = json!({ "routes": [
            {
                "name": "german-logins", "gateways": ["clickatell", "backup-smpp"], "strategy": "failover",
                "match": { "prefix": ["+49"], "tag": ["login"] }
            },
            {
                "name": "default", "gateways": ["clickatell", "backup-smpp"], "strategy": "weighted",
                "weights": { "clickatell": 3, "backup-smpp": 1 }, "match": null
            }
        ] })),
        NotListed
    )
)]
pub(super) async fn list(now: Now, uri: Uri, headers: HeaderMap) -> Result<Json<RouteList>, Problem> {
    let identity = access::identify(&now, &headers)?;
    identity.must_read()?;
    wait::no_parameters(&uri)?;
    let reach = identity.reach();
    let usable = now.routes.all().filter(|route| reach.route(route.name()));
    Ok(Json(RouteList { routes: usable.map(ShownRoute::from).collect() }))
}

/// Which way a message would take.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Explanation {
    /// The route that fits it.
    #[schema(examples("default"))]
    route: String,
    /// The gateways in the order of trial.
    gateways: Vec<Choice>,
}

/// A gateway that would be tried.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RouteChoice)]
struct Choice {
    /// The gateway.
    #[schema(examples("clickatell"))]
    name: String,
    /// Whether messages go through it now.
    usable: bool,
    /// Why, for people.
    #[schema(examples("up"))]
    why: String,
}

problems!(NotExplained: problem::ANY, problem::KEYED, &[problem::NO_SUCH_ROUTE, problem::INVALID_PARAMETER]);

/// Explain a route: which gateways a message would be tried through, in which order, and why.
///
/// Scope: `read`. Nothing is sent, and nobody's turn is taken.
#[utoipa::path(
    get,
    path = "/v1/routes/explain",
    operation_id = "explainRoute",
    tag = "routes",
    security(("bearer" = ["read"]), ("basic" = ["read"])),
    params(
        ("to" = String, Query, description = "Whom the message would be for; + is written as %2B", min_length = 1,
            pattern = "^[^ ]", example = json!("+491701234567")),
        ("tag" = Option<String>, Query, description = "The tag that it would have", nullable = false, example = json!("login")),
    ),
    responses((status = 200, description = "The way that it would take", body = Explanation,
            example = json!({ "route": "default", "gateways": [
                { "name": "clickatell", "usable": true, "why": "up" },
                { "name": "backup-smpp", "usable": false, "why": "breaker open, next try in 12 s; last: 503 Service Unavailable" }
            ] })), NotExplained)
)]
pub(super) async fn explain(now: Now, uri: Uri, headers: HeaderMap) -> Result<Json<Explanation>, Problem> {
    let identity = access::identify(&now, &headers)?;
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
    let route = now.routes.fitting(&to, tag.as_deref(), &identity.reach()).ok_or_else(|| {
        Problem::of(problem::NO_SUCH_ROUTE)
            .detail("no route's match holds for such a message, and there is no default route: it has to name a gateway or a route")
    })?;
    let gateways = route.order_now().into_iter().map(|name| {
        let (usable, why) = now.gateways.availability(&name);
        Choice { name, usable, why }
    });
    Ok(Json(Explanation { route: route.name().to_owned(), gateways: gateways.collect() }))
}
