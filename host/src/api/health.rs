//! `/healthz` and `/readyz`
//!
//! As with `/metrics`, `/openapi.json` and `/docs`, a query is not looked at: probes, scrapers and browsers add theirs, against caches for
//! example, and nothing here is chosen by one.

use super::{
    Api, Now,
    problem::{self, Problem, problems},
};
use crate::gateway::GatewayState;
use axum::{Json, extract::State};
use serde::{Serialize, Serializer};
use serde_json::json;
use std::{collections::BTreeMap, time::Duration};
use tokio::{sync::Mutex, time::Instant};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

/// How long an answer of the store counts: the proof is a write, and anybody may ask.
const FRESH: Duration = Duration::from_secs(1);

/// How long the store may take to prove itself.
const PROOF: Duration = Duration::from_secs(5);

/// The store's last answer.
#[derive(Debug, Default)]
pub(super) struct Readiness {
    last: Mutex<Option<(Instant, Result<(), String>)>>,
}

impl Readiness {
    /// The last answer if it is fresh, else that of `proof`. Whoever asks meanwhile waits for the same one.
    async fn of(&self, proof: impl Future<Output = Result<(), String>>) -> Result<(), String> {
        let mut last = self.last.lock().await;
        if let Some((_, writable)) = last.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            return writable.clone();
        }
        let writable = proof.await;
        *last = Some((Instant::now(), writable.clone()));
        writable
    }
}

/// That it lives.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Alive {
    /// Always the same word.
    #[schema(examples("ok"))]
    status: &'static str,
}

/// That it is ready.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Ready {
    /// Always the same word.
    #[schema(examples("ready"))]
    status: &'static str,
    /// Each gateway, and whether messages go through it.
    #[schema(examples(json!({ "clickatell": "up" })))]
    gateways: BTreeMap<String, GatewayState>,
}

impl Serialize for GatewayState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl PartialSchema for GatewayState {
    fn schema() -> RefOr<Schema> {
        let words = [Self::Up, Self::Paused, Self::Down].map(Self::as_str);
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(words))
            .description(Some("`paused`: the service asked to slow down. `down`: the breaker is open, or its provider has no link with the service."))
            .into()
    }
}

impl ToSchema for GatewayState {}

problems!(NotAlive: problem::ANY);

/// Whether the process is alive.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "showHealth",
    tag = "operation",
    security(()),
    responses((status = 200, description = "It is alive", body = Alive, example = json!({ "status": "ok" })), NotAlive)
)]
pub(super) async fn live() -> Json<Alive> {
    Json(Alive { status: "ok" })
}

problems!(NotReady: problem::ANY, &[problem::STOPPING, problem::NOT_READY]);

/// Whether a message could be stored durably now.
///
/// A service that is down makes its gateway `down`, not the host unready.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "showReadiness",
    tag = "operation",
    security(()),
    responses(
        (
            status = 200,
            description = "It could",
            body = Ready,
            example = json!({ "status": "ready", "gateways": { "clickatell": "up", "backup-smpp": "down" } })
        ),
        NotReady
    )
)]
pub(super) async fn ready(State(api): State<Api>, now: Now) -> Result<Json<Ready>, Problem> {
    let acceptor = &api.shared.acceptor;
    if acceptor.delivery().is_stopping() {
        return Err(Problem::stopping());
    }
    let proof = async {
        let why = match tokio::time::timeout(PROOF, acceptor.writable()).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("the store does not answer within {} s", PROOF.as_secs()),
        };
        tracing::error!(why, "not ready");
        Err(why)
    };
    let writable = api.shared.readiness.of(proof).await;
    let states = now.gateways.states().into_iter().collect::<BTreeMap<_, _>>();
    if let Err(why) = writable {
        return Err(Problem::of(problem::NOT_READY)
            .detail(format!("{why}; look at the disk under it"))
            .member("gateways", json!(states)));
    }
    Ok(Json(Ready { status: "ready", gateways: states }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test(start_paused = true)]
    async fn many_who_ask_at_once_cost_one_proof() {
        let (readiness, proofs) = (Readiness::default(), Cell::new(0));
        let ask = || {
            readiness.of(async {
                proofs.set(proofs.get() + 1);
                tokio::time::sleep(Duration::from_millis(10)).await;
                Ok(())
            })
        };
        let answers = futures_util::future::join_all((0..50).map(|_| ask())).await;
        assert_eq!((answers, proofs.get()), (vec![Ok(()); 50], 1));
        tokio::time::advance(FRESH).await;
        assert!(ask().await.is_ok());
        assert_eq!(proofs.get(), 2);
    }
}
