//! `POST /v1/reload`

use super::{
    Api, Now, access,
    control::Reloaded,
    problem::{self, Problem, problems},
    wait,
};
use axum::{
    Json,
    extract::State as Extract,
    http::{HeaderMap, Uri},
};
use serde::Serialize;
use utoipa::ToSchema;

/// What a reload came to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reload)]
pub(super) struct Done {
    /// What became of the gateways.
    gateways: Changes,
    /// What is not wrong, but worth a look.
    warnings: Vec<String>,
}

/// What a reload changed of the gateways.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReloadChanges)]
struct Changes {
    /// Those that are new.
    #[schema(examples(json!(["backup-smpp"])))]
    added: Vec<String>,
    /// Those that have another definition, or another version of their provider.
    #[schema(examples(json!(["clickatell"])))]
    changed: Vec<String>,
    /// Those that are gone.
    #[schema(examples(json!(["old"])))]
    removed: Vec<String>,
    /// How many go on as they were.
    #[schema(examples(3))]
    kept: usize,
}

problems!(
    NotReloaded: problem::ANY,
    problem::KEYED,
    &[problem::INVALID_PARAMETER, problem::CONFIGURATION_REFUSED, problem::STOPPING],
);

/// Read the configuration again, as SIGHUP does.
///
/// Scope: `admin`. A configuration with mistakes is refused as a whole, with all of them in `errors`, and the one before goes on.
#[utoipa::path(
    post,
    path = "/v1/reload",
    operation_id = "reload",
    tag = "gateways",
    security(("bearer" = ["admin"]), ("basic" = ["admin"])),
    responses(
        (status = 200, description = "It runs with what the files say", body = Done, example = json!({
            "gateways": { "added": ["backup-smpp"], "changed": ["clickatell"], "removed": [], "kept": 3 }, "warnings": []
        })),
        NotReloaded
    )
)]
pub(super) async fn reload(
    Extract(api): Extract<Api>,
    now: Now,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<Done>, Problem> {
    access::identify(&now, &headers)?.must_administer()?;
    wait::no_parameters(&uri)?;
    let Reloaded { added, changed, removed, kept, warnings } = api.shared.control.reload().await?;
    let warnings = warnings.iter().map(ToString::to_string).collect();
    Ok(Json(Done { gateways: Changes { added, changed, removed, kept }, warnings }))
}
