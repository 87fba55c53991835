//! `/v1/gateways`: definitions, without their secrets, and how the gateways fare.

use super::{
    Api, Now,
    access::{self, Identity},
    body,
    control::Edit,
    problem::Problem,
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
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// The largest definition.
const LARGEST: usize = 1 << 20;

/// All gateways that a key may use.
#[derive(Debug, Serialize)]
pub(super) struct Gateways {
    /// In the order of the configuration.
    gateways: Vec<Gateway>,
}

/// A gateway: its definition, and how it fares.
#[derive(Debug, Serialize)]
pub(super) struct Gateway {
    /// Its name.
    name: String,
    #[serde(flatten)]
    definition: Definition,
    #[serde(flatten)]
    fares: Fares,
}

/// A definition, as its table in the configuration has it. A secret is `"__CENSORED__"`; what stands in the environment or in a file is
/// `{"env": "NAME"}` or `{"file": "PATH"}`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Definition {
    /// Name of the provider.
    provider: Value,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Value>,
    /// A message older than this is never submitted through it: `"10m"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_for: Option<Value>,
    /// When a submit is cancelled: `"30s"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    submit_timeout: Option<Value>,
    /// Bound of submits at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_in_flight: Option<Value>,
    /// Bound of submits in a time: `"50/s"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<Value>,
    /// `{"attempts": 5, "first": "1s", "max": "1m"}`
    #[serde(skip_serializing_if = "Option::is_none")]
    retry: Option<Value>,
    /// `"retry"` or `"fail"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    on_uncertain: Option<Value>,
    /// What the provider declares: `GET /v1/providers/{name}` lists it.
    #[serde(default)]
    parameters: Map<String, Value>,
    /// Free keys, in their order, where the provider allows them.
    #[serde(default)]
    options: Map<String, Value>,
    /// Headers, where the provider allows them.
    #[serde(default)]
    headers: Map<String, Value>,
}

/// How a gateway fares.
#[derive(Debug, Serialize)]
struct Fares {
    /// `up`, `paused` or `down`.
    state: &'static str,
    /// Why it is not up.
    why: Option<String>,
    breaker: Breaker,
    /// Messages that wait for it.
    queue_depth: u64,
    /// Submits whose outcome is not yet on disk.
    in_flight: u64,
}

/// A gateway's circuit breaker.
#[derive(Debug, Serialize)]
struct Breaker {
    /// `closed`, `open` or `half-open`.
    state: &'static str,
}

/// What [`Gateway`] has besides the definition: a client may put back what it got.
const ADDED: [&str; 6] = ["name", "state", "why", "breaker", "queue_depth", "in_flight"];

/// `GET /v1/gateways`
pub(super) async fn list(
    Extract(api): Extract<Api>,
    now: Now,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<Gateways>, Problem> {
    let identity = access::identify(&now, &headers)?;
    identity.must_read()?;
    wait::no_parameters(&uri)?;
    let usable = now.config.gateways.iter().filter(|gateway| identity.may_use(&now, &gateway.name));
    let gateways = usable.map(|gateway| shown(&api, &now, gateway)).collect::<Result<_, _>>()?;
    Ok(Json(Gateways { gateways }))
}

/// `GET /v1/gateways/{name}`
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
    shown(&api, &now, gateway).map(Json)
}

/// `PUT /v1/gateways/{name}`: the definition in the body takes the place of the one that is there, or is new.
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
    let shown = Json(shown(&api, &now, gateway)?);
    Ok(if is_new.load(Ordering::Relaxed) {
        (StatusCode::CREATED, [(header::LOCATION, format!("/v1/gateways/{name}"))], shown).into_response()
    } else {
        shown.into_response()
    })
}

/// `DELETE /v1/gateways/{name}`
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
    api.shared.control.change(edit).await?;
    Ok(())
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

fn shown(api: &Api, now: &Snapshot, gateway: &config::Gateway) -> Result<Gateway, Problem> {
    let library = now.registry.provider(&gateway.provider).ok();
    let declaration = library.map(|library| library.declaration.clone()).unwrap_or_default();
    let definition = serde_json::from_value(Value::Object(gateway.written.shown(&declaration)));
    let definition = definition.map_err(|error| {
        // It was read by the same words that it is shown with.
        tracing::error!(
            gateway = gateway.name,
            error = error.classify() as u8,
            "a definition can't be shown"
        );
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "not-shown", "The definition can't be shown")
    })?;
    let (state, why) = match now.gateways.get(&gateway.name) {
        Some(running) => running.status.describe(),
        None => (GatewayState::Down, "it does not run".into()),
    };
    let breaker = now.gateways.get(&gateway.name).map_or("open", |running| running.status.breaker());
    let (queue_depth, in_flight) = api.shared.acceptor.delivery().load(&gateway.name);
    let fares = Fares {
        state: state.as_str(),
        why: (state != GatewayState::Up).then_some(why),
        breaker: Breaker { state: breaker },
        queue_depth,
        in_flight,
    };
    Ok(Gateway { name: gateway.name.clone(), definition, fares })
}

pub(super) fn no_such_gateway() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no-such-gateway", "There is no such gateway")
}

fn no_name() -> Problem {
    let form = "a name has letters, digits, `.`, `_` and `-`, at most 64, a letter or digit first";
    invalid("", &format!("the address ends in no name of a gateway: {form}"))
}

fn invalid(pointer: &str, detail: &str) -> Problem {
    Problem::invalid_fields(vec![FieldError { pointer: pointer.into(), detail: detail.into() }])
}

fn conflict(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::CONFLICT, "not-changed", "The gateway is not changed").detail(detail)
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
                Self::new(StatusCode::CONFLICT, "not-changed", "The gateway is not changed")
                    .errors(problems.iter().map(error).collect())
            }
            refusal @ (Refusal::Held(_) | Refusal::Unreadable(_)) => {
                tracing::error!(reason = %refusal, "a definition can't be changed");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "files-unavailable", "The files can't be changed")
                    .detail(format!("{refusal}; nothing was changed"))
            }
        }
    }
}
