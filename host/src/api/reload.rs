//! `POST /v1/reload`

use super::{Api, Now, access, control::Reloaded, problem::Problem, wait};
use axum::{
    Json,
    extract::State as Extract,
    http::{HeaderMap, Uri},
};
use serde_json::{Value, json};

/// Reads the configuration again, as SIGHUP does.
pub(super) async fn reload(
    Extract(api): Extract<Api>,
    now: Now,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    access::identify(&now, &headers)?.must_administer()?;
    wait::no_parameters(&uri)?;
    let Reloaded { added, changed, removed, kept, warnings } = api.shared.control.reload().await?;
    let warnings = warnings.iter().map(ToString::to_string).collect::<Vec<_>>();
    Ok(Json(json!({
        "gateways": { "added": added, "changed": changed, "removed": removed, "kept": kept },
        "warnings": warnings,
    })))
}
