//! `/healthz` and `/readyz`

use super::{Api, problem::Problem};
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde_json::{Map, Value, json};
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// How long an answer of the store counts: the proof is a write, and anybody may ask.
const FRESH: Duration = Duration::from_secs(1);

/// How long the store may take to prove itself.
const PROOF: Duration = Duration::from_secs(5);

/// The store's last answer.
#[derive(Debug, Default)]
pub(super) struct Readiness {
    last: Mutex<Option<(Instant, bool)>>,
}

impl Readiness {
    fn remembered(&self) -> Option<bool> {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.filter(|(at, _)| at.elapsed() < FRESH).map(|(_, writable)| writable)
    }

    fn remember(&self, writable: bool) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), writable));
    }
}

/// `GET /healthz`: the process is alive.
pub(super) async fn live() -> Response {
    Json(json!({ "status": "ok" })).into_response()
}

/// `GET /readyz`: a message could be stored durably now.
pub(super) async fn ready(State(api): State<Api>) -> Result<Response, Problem> {
    let acceptor = &api.shared.acceptor;
    if acceptor.delivery().is_stopping() {
        return Err(Problem::stopping());
    }
    let writable = match api.shared.readiness.remembered() {
        Some(writable) => writable,
        None => {
            let proof = tokio::time::timeout(PROOF, acceptor.writable()).await;
            if let Ok(Err(error)) = &proof {
                tracing::error!(%error, "not ready: the store can't be written");
            }
            let writable = matches!(proof, Ok(Ok(())));
            api.shared.readiness.remember(writable);
            writable
        }
    };
    let states = acceptor.delivery().states();
    let states =
        states.into_iter().map(|(name, state)| (name, Value::from(state.as_str()))).collect::<Map<_, _>>();
    if !writable {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", "Not ready")
            .detail("the store can't be written: look at the log, and at the disk")
            .member("gateways", states));
    }
    Ok(Json(json!({ "status": "ready", "gateways": states })).into_response())
}
