//! `/healthz` and `/readyz`

use super::{Api, Now, problem::Problem};
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio::{sync::Mutex, time::Instant};

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

/// `GET /healthz`: the process is alive.
pub(super) async fn live() -> Response {
    Json(json!({ "status": "ok" })).into_response()
}

/// `GET /readyz`: a message could be stored durably now.
pub(super) async fn ready(State(api): State<Api>, now: Now) -> Result<Response, Problem> {
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
    let states = now.gateways.states();
    let states =
        states.into_iter().map(|(name, state)| (name, Value::from(state.as_str()))).collect::<Map<_, _>>();
    if let Err(why) = writable {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", "Not ready")
            .detail(format!("{why}; look at the disk under it"))
            .member("gateways", states));
    }
    Ok(Json(json!({ "status": "ready", "gateways": states })).into_response())
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
