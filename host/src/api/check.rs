//! `POST /v1/gateways/{name}/check`

use super::{
    Api, Now, access, body,
    gateways::usable,
    problem::{self, Problem, problems},
    wait,
};
use crate::{
    definitions::{self, Finding},
    gateway::Gateway,
};
use axum::{
    Json,
    extract::{Path, Request, State as Extract, rejection::PathRejection},
    http::Uri,
};
use serde::Serialize;
use std::{sync::Arc, time::Duration};
use utoipa::ToSchema;

/// Checks at once, each of which may take a thread for 10 s, and a probe 30 s more; over it: 503.
pub(super) const CHECKS: usize = 4;

/// The largest body that is read to say that none is wanted.
const LARGEST: usize = 1 << 20;

/// What a check found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GatewayCheck)]
pub(super) struct Checked {
    /// What is wrong.
    problems: Vec<Found>,
    /// What is not wrong, but worth a look.
    warnings: Vec<Found>,
    /// What the service said, if it was to be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    probe: Option<Probed>,
}

/// Something that there is to say of a definition.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Finding)]
pub(super) struct Found {
    /// JSON pointer of the value in the definition; empty where it is about the whole.
    #[schema(examples("/parameters/URL"))]
    pointer: String,
    /// What is wrong; how to mend it.
    detail: String,
    /// `FILE:LINE`
    #[schema(examples("/etc/gatepost/gatepost.toml:12"))]
    location: String,
}

/// What a service said that was contacted without a message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Probe)]
struct Probed {
    /// `ok`, or what a submit would come to.
    #[schema(examples("ok"))]
    outcome: &'static str,
    /// The service's code.
    #[schema(required = true)]
    code: Option<String>,
    /// For people.
    #[schema(required = true)]
    detail: Option<String>,
}

problems!(
    NotChecked: problem::ANY,
    problem::KEYED,
    problem::BODY,
    &[problem::NO_SUCH_GATEWAY, problem::INVALID_PARAMETER, problem::STOPPING],
);

/// Check a gateway: what its provider finds in the running definition.
///
/// Scope: `admin`, for the key's gateways. With `probe=1` the service is contacted too, without a message.
#[utoipa::path(
    post,
    path = "/v1/gateways/{name}/check",
    operation_id = "checkGateway",
    tag = "gateways",
    security(("bearer" = ["admin"]), ("basic" = ["admin"])),
    params(
        ("name" = String, Path, description = "The gateway", example = json!("clickatell")),
        ("probe" = Option<String>, Query, description = "Whether the service is contacted: `1` or `0`", nullable = false,
            pattern = "^(0|1|false|true)$", example = json!("1")),
    ),
    responses(
        (status = 200, description = "What was found", body = Checked, example = json!({
            "problems": [],
            "warnings": [{
                "pointer": "/parameters/URL", "detail": "is not encrypted; write https://", "location": "/etc/gatepost/gatepost.toml:12"
            }],
            "probe": { "outcome": "ok", "code": null, "detail": "200 OK" }
        })),
        NotChecked
    )
)]
pub(super) async fn check(
    Extract(api): Extract<Api>,
    now: Now,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<Checked>, Problem> {
    let identity = access::identify(&now, request.headers())?;
    identity.must_administer()?;
    let is_probe = is_probe(request.uri())?;
    let gateway = usable(&now, &identity, name)?.clone();
    let running = now.gateways.get(&gateway.name).cloned();
    if !matches!(body::bytes(request, LARGEST).await?.trim_ascii(), b"" | b"{}") {
        let detail = "takes none: what is checked is the running definition; PUT checks a new one";
        return Err(Problem::invalid_parameter("body", detail));
    }
    let turn = Arc::clone(&api.shared.checks)
        .try_acquire_owned()
        .map_err(|_| Problem::overloaded("too many checks at once", Duration::from_secs(5)))?;
    let registry = Arc::clone(&now.registry);
    // Whoever hangs up meanwhile has not given the turn back: the thread is still taken.
    let tried = tokio::task::spawn_blocking(move || (definitions::trial(&gateway, &registry), turn));
    let (tried, _turn) = tried.await.map_err(|_| Problem::stopping())?;
    let probe = match running {
        Some(running) if is_probe => Some(probed(&running).await),
        _ => None,
    };
    let found = |findings: Vec<Finding>| findings.into_iter().map(found).collect();
    Ok(Json(Checked { problems: found(tried.problems), warnings: found(tried.warnings), probe }))
}

/// The query is empty, `probe=0` or `probe=1`.
fn is_probe(uri: &Uri) -> Result<bool, Problem> {
    let mut given = None;
    for (name, value) in wait::parameters(uri)? {
        if name != "probe" {
            return Err(Problem::invalid_parameter(&name, "unknown parameter; there is `probe`"));
        }
        let value = match value.as_str() {
            "1" | "true" => true,
            "0" | "false" => false,
            _ => return Err(Problem::invalid_parameter("probe", "must be 1 or 0")),
        };
        if given.replace(value).is_some() {
            return Err(Problem::invalid_parameter("probe", "is given twice"));
        }
    }
    Ok(given.unwrap_or(false))
}

/// What the running gateway says goes on as it is.
async fn probed(gateway: &Gateway) -> Probed {
    match gateway.probe().await {
        Ok(line) => Probed { outcome: "ok", code: None, detail: Some(line).filter(|line| !line.is_empty()) },
        Err(outcome) => Probed { outcome: outcome.kind.as_str(), code: outcome.code, detail: outcome.detail },
    }
}

fn found(finding: Finding) -> Found {
    let Finding { pointer, problem } = finding;
    Found {
        pointer,
        detail: format!("{}; {}", problem.what, problem.mend),
        location: problem.location.to_string(),
    }
}
