//! `/metrics`

use super::{Api, problem::Problem};
use crate::telemetry::metrics::CONTENT_TYPE;
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};

/// `GET /metrics`: figures for Prometheus.
pub(super) async fn show(State(api): State<Api>) -> Result<Response, Problem> {
    let text = api.shared.acceptor.figures().await.map_err(|error| {
        tracing::error!(%error, "the metrics can't be written down");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "no-metrics", "The metrics can't be written down")
    })?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}
