//! `/v1/routes`

use super::{
    Api,
    problem::{self, Problem, problems},
    wait,
};
use crate::route::Route;
use axum::{
    Json,
    extract::State as Extract,
    http::{HeaderMap, Uri},
};
use serde::Serialize;
use utoipa::{
    ToSchema,
    openapi::{Object, ObjectBuilder, Type},
};

/// All routes.
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
    /// Which messages it fits; `null`: those that name it, and for the route `default` those that no other fits.
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

/// What must hold for a message; an empty list asks for nothing.
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
        let matching = route.matching();
        Self {
            name: route.name.clone(),
            gateways: route.gateways().to_vec(),
            strategy: route.strategy(),
            matching: matching
                .map(|matching| ShownMatch { prefix: matching.prefix.clone(), tag: matching.tag.clone() }),
        }
    }
}

problems!(NotListed: problem::ANY, problem::KEYED, &[problem::INVALID_PARAMETER]);

/// List the routes.
///
/// Scope: `send` or `read`.
#[utoipa::path(
    get,
    path = "/v1/routes",
    operation_id = "listRoutes",
    tag = "routes",
    responses((status = 200, description = "All routes", body = RouteList), NotListed)
)]
pub(super) async fn list(
    Extract(api): Extract<Api>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<RouteList>, Problem> {
    api.shared.access.identify(&headers)?.must_see_some()?;
    wait::no_parameters(&uri)?;
    let routes = api.shared.acceptor.routes().all().iter().map(ShownRoute::from).collect();
    Ok(Json(RouteList { routes }))
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
/// Scope: `send` or `read`. Nothing is sent, and nobody's turn is taken.
#[utoipa::path(
    get,
    path = "/v1/routes/explain",
    operation_id = "explainRoute",
    tag = "routes",
    params(
        ("to" = String, Query, description = "Whom the message would be for; + is written as %2B", min_length = 1,
            pattern = "^[^ ]", example = json!("+491701234567")),
        ("tag" = Option<String>, Query, description = "The tag that it would have", nullable = false, example = json!("login")),
    ),
    responses((status = 200, description = "The way that it would take", body = Explanation), NotExplained)
)]
pub(super) async fn explain(
    Extract(api): Extract<Api>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<Explanation>, Problem> {
    let identity = api.shared.access.identify(&headers)?;
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
    let acceptor = &api.shared.acceptor;
    let route = acceptor.routes().fitting(&to, tag.as_deref(), &identity.reach()).ok_or_else(|| {
        Problem::of(problem::NO_SUCH_ROUTE)
            .detail("no route's match holds for such a message, and there is no default route: it has to name a gateway or a route")
    })?;
    let gateways = route.order_now().into_iter().map(|name| {
        let (usable, why) = acceptor.delivery().availability(&name);
        Choice { name, usable, why }
    });
    Ok(Json(Explanation { route: route.name.clone(), gateways: gateways.collect() }))
}
