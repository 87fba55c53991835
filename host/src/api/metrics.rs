//! `/metrics`

use super::{
    Api,
    problem::{self, Problem, problems},
};
use crate::telemetry::metrics::CONTENT_TYPE;
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};

problems!(Problems: problem::ANY, &[problem::NO_METRICS]);

/// Figures for Prometheus.
///
/// What a store in trouble does not say is left out.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "showMetrics",
    tag = "operation",
    security(()),
    responses(
        (
            status = 200,
            description = "The figures, in Prometheus' text format",
            body = String,
            content_type = "text/plain",
            example = "# TYPE gatepost_messages_accepted_total counter\ngatepost_messages_accepted_total 42\n"
        ),
        Problems
    )
)]
pub(super) async fn show(State(api): State<Api>) -> Result<Response, Problem> {
    let text = api.shared.acceptor.figures().await.map_err(|error| {
        tracing::error!(%error, "the metrics can't be written down");
        Problem::of(problem::NO_METRICS).detail("the log says why")
    })?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}
