//! `POST /v1/gateways/{name}/check`

use super::{Api, Now, access, body, gateways::usable, problem::Problem, wait};
use crate::{
    definitions::{self, Finding},
    gateway::Gateway,
};
use axum::{
    Json,
    extract::{Path, Request, State as Extract, rejection::PathRejection},
    http::{StatusCode, Uri},
};
use serde::Serialize;
use std::{sync::Arc, time::Duration};

/// Checks at once, each of which may take a thread for 10 s, and a probe 30 s more; over it: 503.
pub(super) const CHECKS: usize = 4;

/// The largest body that is read to say that none is wanted.
const LARGEST: usize = 1 << 20;

/// What a check found.
#[derive(Debug, Serialize)]
pub(super) struct Checked {
    /// What is wrong.
    problems: Vec<Found>,
    /// What is not wrong, but worth a look.
    warnings: Vec<Found>,
    /// What the service said, if it was to be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    probe: Option<Probed>,
}

/// Something that there is to say of a definition.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    /// JSON pointer of the value in the definition; empty where it is about the whole.
    pointer: String,
    /// What is wrong; how to mend it.
    detail: String,
    /// `FILE:LINE`
    location: String,
}

/// What a service said that was contacted without a message.
#[derive(Debug, Serialize)]
struct Probed {
    /// `ok`, or what a submit would come to.
    outcome: &'static str,
    /// The service's code.
    code: Option<String>,
    /// For people.
    detail: Option<String>,
}

/// Has the provider check the running definition; with `?probe=1` contacts the service too.
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
    if !body::bytes(request, LARGEST).await?.is_empty() {
        let detail = "takes none: what is checked is the running definition; PUT checks a new one";
        return Err(Problem::invalid_parameter("body", detail));
    }
    let _turn = api.shared.checks.try_acquire().map_err(|_| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "Overloaded")
            .detail("too many checks at once")
            .retry_after(Duration::from_secs(5))
    })?;
    let registry = Arc::clone(&now.registry);
    let tried = tokio::task::spawn_blocking(move || definitions::trial(&gateway, &registry));
    let tried = tried.await.map_err(|_| Problem::stopping())?;
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
