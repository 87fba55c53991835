//! `/v1/gateways`: definitions, without their secrets, and how the gateways fare.

use super::{
    Api, Now,
    access::{self, Identity},
    body,
    control::{Edit, NotReloaded},
    problem::{self, Problem, problems},
    request::{NewGateway, Setting},
    wait,
};
use crate::{
    accept::{FieldError, Snapshot},
    config::{self, is_name},
    definitions::{self, Change, Refusal},
    gateway::GatewayState,
};
use axum::{
    Json,
    extract::{Path, Request, State as Extract, rejection::PathRejection},
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use serde::Serialize;
use serde_json::{Map, Value};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use utoipa::{
    ToSchema,
    openapi::{Object, ObjectBuilder, Type},
};

/// The largest definition.
const LARGEST: usize = 1 << 20;

/// All gateways that a key may use.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GatewayList {
    /// In the order of the configuration.
    gateways: Vec<Gateway>,
}

/// A gateway: its definition, and how it fares.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Gateway {
    /// Its name.
    #[schema(examples("clickatell"))]
    name: String,
    #[serde(flatten)]
    definition: Definition,
    #[serde(flatten)]
    fares: Fares,
}

/// A definition, as its table in the configuration has it. A secret is `"__CENSORED__"`; what stands in the environment or in a file is
/// `{"env": "NAME"}` or `{"file": "PATH"}`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GatewayDefinition)]
pub(super) struct Definition {
    /// Name of the provider.
    #[schema(value_type = Setting)]
    provider: Value,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Setting>, nullable = false)]
    description: Option<Value>,
    /// A message older than this is never submitted through it: `"10m"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Setting>, nullable = false)]
    valid_for: Option<Value>,
    /// When a submit is cancelled: `"30s"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Setting>, nullable = false)]
    submit_timeout: Option<Value>,
    /// Bound of submits at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Setting>, nullable = false)]
    max_in_flight: Option<Value>,
    /// Bound of submits in a time: `"50/s"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Setting>, nullable = false)]
    rate: Option<Value>,
    /// `{"attempts": 5, "first": "1s", "max": "1m"}`
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Setting>, nullable = false)]
    retry: Option<Value>,
    /// `"retry"` or `"fail"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Setting>, nullable = false)]
    on_uncertain: Option<Value>,
    /// What the provider declares: `GET /v1/providers/{name}` lists it.
    #[schema(value_type = Object, examples(json!({ "URL": "https://sms.example/send", "PASSWORD": "__CENSORED__" })))]
    parameters: Map<String, Value>,
    /// Free keys, in their order, where the provider allows them.
    #[schema(value_type = Object, examples(json!({ "to": "{phone}" })))]
    options: Map<String, Value>,
    /// Headers, where the provider allows them.
    #[schema(value_type = Object, examples(json!({ "X-Account": "7" })))]
    headers: Map<String, Value>,
}

/// How a gateway fares.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GatewayFares)]
struct Fares {
    /// Whether messages go through it.
    state: GatewayState,
    /// Why it is not up.
    #[schema(required = true, examples("breaker open, next try in 12 s; last: 503 Service Unavailable"))]
    why: Option<String>,
    breaker: Breaker,
    /// Messages that wait for it.
    queue_depth: u64,
    /// Submits whose outcome is not yet on disk.
    in_flight: u64,
}

/// A gateway's circuit breaker.
#[derive(Debug, Serialize, ToSchema)]
struct Breaker {
    /// `open`: nothing is submitted for a while. `half-open`: one message tries.
    #[schema(schema_with = breaker_states)]
    state: &'static str,
}

fn breaker_states() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["closed", "open", "half-open"]))
        .description(Some("`open`: nothing is submitted for a while. `half-open`: one message tries."))
        .build()
}

/// What [`Gateway`] has besides the definition: a client may put back what it got.
pub(super) const ADDED: [&str; 6] = ["name", "state", "why", "breaker", "queue_depth", "in_flight"];

problems!(NotListed: problem::ANY, problem::KEYED, &[problem::INVALID_PARAMETER]);

/// List the gateways that the key may use: their definitions, without secrets, and how they fare.
///
/// Scope: `read`.
#[utoipa::path(
    get,
    path = "/v1/gateways",
    operation_id = "listGateways",
    tag = "gateways",
    security(("bearer" = ["read"]), ("basic" = ["read"])),
    responses(
        (status = 200, description = "The gateways", body = GatewayList, example = json!({ "gateways": [{
            "name": "clickatell", "provider": "http", "valid_for": "10m",
            "parameters": { "URL": "https://sms.example/send", "HTTP_METHOD": "POST", "PASSWORD": "__CENSORED__" },
            "options": { "to": "{phone}", "text": "{otp}" }, "headers": {},
            "state": "up", "why": null, "breaker": { "state": "closed" }, "queue_depth": 0, "in_flight": 0
        }] })),
        NotListed
    )
)]
pub(super) async fn list(
    Extract(api): Extract<Api>,
    now: Now,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<GatewayList>, Problem> {
    let identity = access::identify(&now, &headers)?;
    identity.must_read()?;
    wait::no_parameters(&uri)?;
    let usable = now.config.gateways.iter().filter(|gateway| identity.may_use(&now, &gateway.name));
    let gateways = usable.map(|gateway| shown(&api, &now, gateway)).collect();
    Ok(Json(GatewayList { gateways }))
}

problems!(NotShown: problem::ANY, problem::KEYED, &[problem::NO_SUCH_GATEWAY, problem::INVALID_PARAMETER]);

/// Show one gateway: its definition, without secrets, and how it fares.
///
/// Scope: `read`, for the key's gateways.
#[utoipa::path(
    get,
    path = "/v1/gateways/{name}",
    operation_id = "showGateway",
    tag = "gateways",
    security(("bearer" = ["read"]), ("basic" = ["read"])),
    params(("name" = String, Path, description = "The gateway", example = json!("clickatell"))),
    responses(
        (status = 200, description = "The gateway", body = Gateway, example = json!({
            "name": "clickatell", "provider": "http", "valid_for": "10m",
            "parameters": { "URL": "https://sms.example/send", "HTTP_METHOD": "POST", "PASSWORD": "__CENSORED__" },
            "options": { "to": "{phone}", "text": "{otp}" }, "headers": {},
            "state": "up", "why": null, "breaker": { "state": "closed" }, "queue_depth": 0, "in_flight": 0
        })),
        NotShown
    )
)]
pub(super) async fn show(
    Extract(api): Extract<Api>,
    now: Now,
    name: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<Gateway>, Problem> {
    let identity = access::identify(&now, &headers)?;
    identity.must_read()?;
    wait::no_parameters(&uri)?;
    let gateway = usable(&now, &identity, name)?;
    Ok(Json(shown(&api, &now, gateway)))
}

problems!(
    NotPut: problem::ANY,
    problem::KEYED,
    problem::BODY,
    &[
        problem::NOT_CHANGED,
        problem::UNSUPPORTED_MEDIA_TYPE,
        problem::INVALID_FIELDS,
        problem::INVALID_PARAMETER,
        problem::CONFIGURATION_REFUSED,
        problem::FILES_UNAVAILABLE,
        problem::STOPPING,
    ],
);

/// Define a gateway: the definition takes the place of the one that is there, or is new.
///
/// Scope: `admin`, for the key's gateways. The definition is tried first: what its provider finds wrong is in `errors`. A secret that is
/// `"__CENSORED__"` stays what it is. A gateway that is defined in a
/// file with others is changed there by hand: 409.
#[utoipa::path(
    put,
    path = "/v1/gateways/{name}",
    operation_id = "putGateway",
    tag = "gateways",
    security(("bearer" = ["admin"]), ("basic" = ["admin"])),
    params(("name" = String, Path, description = "The gateway", pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", example = json!("clickatell"))),
    request_body(
        content = NewGateway,
        description = "The definition, at most 1 MiB",
        example = json!({
            "provider": "http",
            "parameters": { "URL": "https://sms.example/send", "HTTP_METHOD": "POST" },
            "options": { "to": "{phone}", "text": "{otp}" }
        })
    ),
    responses(
        (status = 200, description = "It runs with this definition", body = Gateway, links(
            ("show" = (operation_id = "showGateway", parameters(("name" = "$response.body#/name")), description = "See how it fares")),
            ("check" = (operation_id = "checkGateway", parameters(("name" = "$response.body#/name")), description = "Check it"))
        ), example = json!({
            "name": "clickatell", "provider": "http", "valid_for": "10m",
            "parameters": { "URL": "https://sms.example/send", "HTTP_METHOD": "POST", "PASSWORD": "__CENSORED__" },
            "options": { "to": "{phone}", "text": "{otp}" }, "headers": {},
            "state": "up", "why": null, "breaker": { "state": "closed" }, "queue_depth": 0, "in_flight": 0
        })),
        (status = 201, description = "It is new, and runs", body = Gateway,
            headers(("Location" = String, description = "Where the gateway is")), links(
            ("show" = (operation_id = "showGateway", parameters(("name" = "$response.body#/name")), description = "See how it fares")),
            ("delete" = (operation_id = "deleteGateway", parameters(("name" = "$response.body#/name")), description = "Take it away"))
        ), example = json!({
            "name": "clickatell", "provider": "http", "valid_for": "10m",
            "parameters": { "URL": "https://sms.example/send", "HTTP_METHOD": "POST", "PASSWORD": "__CENSORED__" },
            "options": { "to": "{phone}", "text": "{otp}" }, "headers": {},
            "state": "up", "why": null, "breaker": { "state": "closed" }, "queue_depth": 0, "in_flight": 0
        })),
        NotPut
    )
)]
pub(super) async fn put(
    Extract(api): Extract<Api>,
    now: Now,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let identity = access::identify(&now, request.headers())?;
    identity.must_administer()?;
    wait::no_parameters(request.uri())?;
    let name = name.ok().map(|Path(name)| name).filter(|name| is_name(name)).ok_or_else(no_name)?;
    identity.must_name(&name)?;
    let Value::Object(mut given) = body::json(request, LARGEST).await? else {
        return Err(invalid("", "must be an object: the members of the definition"));
    };
    if given.get("name").is_some_and(|given| *given != name) {
        return Err(invalid("/name", "is another than the one in the address; leave it out"));
    }
    given.retain(|member, _| !ADDED.contains(&member.as_str()));

    let is_new = Arc::new(AtomicBool::new(false));
    let (told, target) = (Arc::clone(&is_new), name.clone());
    change(&api, move |snapshot| {
        let change = definitions::replace(snapshot, &environment, &target, &given)?;
        told.store(change.is_new, Ordering::Relaxed);
        Ok(change)
    })
    .await?;
    let now = api.shared.acceptor.snapshot();
    let gateway =
        defined(&now, &name).ok_or_else(|| conflict("it was defined, and deleted by somebody else since"))?;
    let shown = Json(shown(&api, &now, gateway));
    Ok(if is_new.load(Ordering::Relaxed) {
        (StatusCode::CREATED, [(header::LOCATION, format!("/v1/gateways/{name}"))], shown).into_response()
    } else {
        shown.into_response()
    })
}

problems!(
    NotDeleted: problem::ANY,
    problem::KEYED,
    &[
        problem::NO_SUCH_GATEWAY,
        problem::NOT_CHANGED,
        problem::INVALID_PARAMETER,
        problem::CONFIGURATION_REFUSED,
        problem::FILES_UNAVAILABLE,
        problem::STOPPING,
    ],
);

/// Take a gateway's definition away.
///
/// Scope: `admin`, for the key's gateways. One that a route still names stays: 409.
#[utoipa::path(
    delete,
    path = "/v1/gateways/{name}",
    operation_id = "deleteGateway",
    tag = "gateways",
    security(("bearer" = ["admin"]), ("basic" = ["admin"])),
    params(("name" = String, Path, description = "The gateway", example = json!("clickatell"))),
    responses((status = 204, description = "It is gone"), NotDeleted)
)]
pub(super) async fn delete(
    Extract(api): Extract<Api>,
    now: Now,
    name: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let identity = access::identify(&now, &headers)?;
    identity.must_administer()?;
    wait::no_parameters(&uri)?;
    let Path(name) = name.map_err(|_| no_such_gateway())?;
    identity.must_name(&name)?;
    change(&api, move |snapshot| definitions::remove(snapshot, &environment, &name)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes a file, and goes on with what the files are then.
async fn change(
    api: &Api,
    change: impl FnOnce(&Snapshot) -> Result<Change, Refusal> + Send + 'static,
) -> Result<(), Problem> {
    let edit: Edit = Box::new(move |snapshot| {
        let change = change(snapshot)?;
        Ok(Box::new(move || change.undo()))
    });
    match api.shared.control.change(edit).await {
        Ok(_) => Ok(()),
        // The definition was tried before: it is something else that is wrong.
        Err(NotReloaded::Wrong(problems)) => Err(Refusal::Others(problems).into()),
        Err(refused) => Err(refused.into()),
    }
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The gateway of this name, if the key may use it.
pub(super) fn usable<'s>(
    now: &'s Snapshot,
    identity: &Identity<'_>,
    name: Result<Path<String>, PathRejection>,
) -> Result<&'s config::Gateway, Problem> {
    let Path(name) = name.map_err(|_| no_such_gateway())?;
    identity.must_use(now, &name)?;
    defined(now, &name).ok_or_else(no_such_gateway)
}

fn defined<'s>(now: &'s Snapshot, name: &str) -> Option<&'s config::Gateway> {
    now.config.gateways.iter().find(|gateway| gateway.name == name)
}

fn shown(api: &Api, now: &Snapshot, gateway: &config::Gateway) -> Gateway {
    let library = now.registry.provider(&gateway.provider).ok();
    let shown = gateway.written.shown(library.map(|library| &library.declaration));
    let (state, why) = match now.gateways.get(&gateway.name) {
        Some(running) => running.describe(),
        None => (GatewayState::Down, "it does not run".into()),
    };
    let breaker = now.gateways.get(&gateway.name).map_or("open", |running| running.status.breaker());
    let (queue_depth, in_flight) = api.shared.acceptor.delivery().load(&gateway.name);
    let fares = Fares {
        state,
        why: (state != GatewayState::Up).then_some(why),
        breaker: Breaker { state: breaker },
        queue_depth,
        in_flight,
    };
    Gateway { name: gateway.name.clone(), definition: definition(shown), fares }
}

fn definition(mut shown: Map<String, Value>) -> Definition {
    let mut member = |name: &str| shown.shift_remove(name);
    let section = |member: Option<Value>| match member {
        Some(Value::Object(section)) => section,
        _ => Map::new(),
    };
    Definition {
        provider: member("provider").unwrap_or_default(),
        description: member("description"),
        valid_for: member("valid_for"),
        submit_timeout: member("submit_timeout"),
        max_in_flight: member("max_in_flight"),
        rate: member("rate"),
        retry: member("retry"),
        on_uncertain: member("on_uncertain"),
        parameters: section(member("parameters")),
        options: section(member("options")),
        headers: section(member("headers")),
    }
}

pub(super) fn no_such_gateway() -> Problem {
    Problem::of(problem::NO_SUCH_GATEWAY).detail("the configuration defines none of this name")
}

fn no_name() -> Problem {
    let form = "a name has letters, digits, `.`, `_` and `-`, at most 64, a letter or digit first";
    invalid("", &format!("the address ends in no name of a gateway: {form}"))
}

fn invalid(pointer: &str, detail: &str) -> Problem {
    Problem::invalid_fields(vec![FieldError { pointer: pointer.into(), detail: detail.into() }])
}

fn conflict(detail: impl Into<String>) -> Problem {
    Problem::of(problem::NOT_CHANGED).detail(detail)
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoSuchGateway => no_such_gateway(),
            Refusal::NoName => no_such_gateway(),
            Refusal::Invalid(objections) => {
                let error = |objection: config::definition::Objection| FieldError {
                    pointer: objection.pointer,
                    detail: objection.detail,
                };
                Self::invalid_fields(objections.into_iter().map(error).collect())
            }
            Refusal::Held(held @ config::definition::Held::At(..)) => conflict(held.to_string()),
            Refusal::Others(problems) => {
                let error = |problem: &config::ConfigProblem| FieldError {
                    pointer: String::new(),
                    detail: problem.to_string(),
                };
                Self::of(problem::NOT_CHANGED).errors(problems.iter().map(error).collect())
            }
            refusal @ (Refusal::Held(_) | Refusal::Unreadable(_)) => {
                tracing::error!(reason = %refusal, "a definition can't be changed");
                Self::of(problem::FILES_UNAVAILABLE).detail(format!("{refusal}; nothing was changed"))
            }
        }
    }
}
