//! `/v1/providers`: the libraries that were found, and what they take.

use super::{
    Now, access,
    problem::{self, Problem, problems},
    wait,
};
use crate::plugin::{Found, Library, Registry, Standing};
use axum::{
    Json,
    extract::{Path, rejection::PathRejection},
    http::{HeaderMap, Uri},
};
use gatepost_provider_api as api;
use serde::Serialize;
use utoipa::{
    ToSchema,
    openapi::{Object, ObjectBuilder, Type},
};

/// Every library that was found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProviderList {
    /// In the order of folders and names.
    providers: Vec<Provider>,
}

/// A library in a plugin folder.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Provider {
    /// Name of the provider; `null` where the library did not come so far as to say it.
    #[schema(required = true, examples("http"))]
    name: Option<String>,
    /// Its own version.
    #[schema(required = true, examples("1.0.0"))]
    version: Option<String>,
    /// The version of the provider API that it was built for: `"1.0"`.
    #[schema(required = true, examples("1.0"))]
    api: Option<String>,
    /// The file.
    #[schema(examples("/usr/lib/gatepost/providers/libgatepost_provider_http.so"))]
    path: String,
    /// Lower-case hex SHA-256 over the file, as pins have it, of one that is loaded.
    #[schema(required = true, pattern = "^[0-9a-f]{64}$")]
    sha256: Option<String>,
    /// `shadowed`: another file of this name has a higher version.
    #[schema(schema_with = states)]
    state: &'static str,
    /// Why it is not loaded, and how to mend that.
    #[schema(required = true)]
    why: Option<String>,
}

fn states() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["loaded", "refused", "shadowed"]))
        .description(Some("`shadowed`: another file of this name has a higher version."))
        .build()
}

/// A provider, and what its gateway definitions may say.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProviderDetails)]
pub(crate) struct Details {
    #[serde(flatten)]
    provider: Provider,
    /// What it is, Markdown.
    #[schema(required = true)]
    description: Option<String>,
    /// Where the service's own documentation stands.
    #[schema(required = true)]
    documentation: Option<String>,
    /// The parameters of a definition.
    parameters: Vec<Parameter>,
    /// The settings of the provider as a whole, `[provider.NAME]`.
    settings: Vec<Parameter>,
    /// Whether a definition may have options.
    options_allowed: bool,
    /// Whether a definition may have headers.
    headers_allowed: bool,
    /// Whether it reads receipts that the service posts.
    parses_receipts: bool,
}

/// A parameter.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProviderParameter)]
struct Parameter {
    /// Its name.
    name: String,
    /// Other names that are taken for it.
    aliases: Vec<String>,
    /// What its value is.
    #[schema(schema_with = kinds)]
    kind: &'static str,
    /// The words of a `choice`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    choices: Option<Vec<String>>,
    /// The least `integer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    min: Option<i64>,
    /// The greatest `integer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    max: Option<i64>,
    /// Whether a definition must have it.
    required: bool,
    /// What counts without it.
    #[schema(required = true)]
    default: Option<String>,
    /// Whether its value is never shown.
    secret: bool,
    /// Whether it may change in a `PUT` that keeps secrets.
    harmless: bool,
    /// One or two sentences, Markdown.
    description: String,
}

fn kinds() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["text", "yes_no", "integer", "seconds", "choice", "path", "table"]))
        .description(Some("What its value is."))
        .build()
}

problems!(NotListed: problem::ANY, problem::KEYED, &[problem::INVALID_PARAMETER]);

/// List the provider libraries that were found.
///
/// Scope: `read`. Those that were refused are there too, with the reason.
#[utoipa::path(
    get,
    path = "/v1/providers",
    operation_id = "listProviders",
    tag = "gateways",
    security(("bearer" = ["read"]), ("basic" = ["read"])),
    responses(
        (status = 200, description = "The libraries", body = ProviderList, example = json!({ "providers": [
            {
                "name": "http", "version": "1.0.0", "api": "1.0", "path": "/usr/lib/gatepost/providers/libgatepost_provider_http.so",
                "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "state": "loaded", "why": null
            },
            {
                "name": null, "version": null, "api": null, "path": "/usr/lib/gatepost/providers/broken.so", "sha256": null,
                "state": "refused", "why": "is no shared library; take it away"
            }
        ] })),
        NotListed
    )
)]
pub(super) async fn list(now: Now, uri: Uri, headers: HeaderMap) -> Result<Json<ProviderList>, Problem> {
    access::identify(&now, &headers)?.must_read()?;
    wait::no_parameters(&uri)?;
    Ok(Json(listed(&now.registry)))
}

/// All that was found, as the API shows it.
pub(crate) fn listed(registry: &Registry) -> ProviderList {
    ProviderList { providers: registry.found().iter().map(provider).collect() }
}

problems!(NotShown: problem::ANY, problem::KEYED, &[problem::NO_SUCH_PROVIDER, problem::INVALID_PARAMETER]);

/// Show a provider, and what its gateway definitions may say.
///
/// Scope: `read`. It is the library that serves; where none does, one that was refused.
#[utoipa::path(
    get,
    path = "/v1/providers/{name}",
    operation_id = "showProvider",
    tag = "gateways",
    security(("bearer" = ["read"]), ("basic" = ["read"])),
    params(("name" = String, Path, description = "Its name", example = json!("http"))),
    responses(
        (status = 200, description = "The provider", body = Details, example = json!({
            "name": "http", "version": "1.0.0", "api": "1.0", "path": "/usr/lib/gatepost/providers/libgatepost_provider_http.so",
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "state": "loaded", "why": null,
            "description": "Any service with an HTTP interface.", "documentation": null,
            "parameters": [{
                "name": "URL", "aliases": [], "kind": "text", "required": true, "default": null, "secret": false, "harmless": false,
                "description": "Where requests go."
            }],
            "settings": [], "options_allowed": true, "headers_allowed": true, "parses_receipts": true
        })),
        NotShown
    )
)]
pub(super) async fn show(
    now: Now,
    name: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<Details>, Problem> {
    access::identify(&now, &headers)?.must_read()?;
    wait::no_parameters(&uri)?;
    let found = name.ok().and_then(|Path(name)| now.registry.of_name(&name));
    let found =
        found.ok_or_else(|| Problem::of(problem::NO_SUCH_PROVIDER).detail("GET /v1/providers lists them"))?;
    Ok(Json(details(found)))
}

fn provider(found: &Found) -> Provider {
    let identity = found.identity.as_ref();
    let (state, why) = match &found.standing {
        Standing::Loaded(_) => ("loaded", None),
        Standing::Refused(refusal) => ("refused", Some(refusal.to_string())),
        Standing::Shadowed { by } => ("shadowed", Some(format!("{} has a higher version", by.display()))),
    };
    Provider {
        name: identity.map(|identity| identity.name.clone()),
        version: identity.map(|identity| identity.version.clone()),
        api: identity.map(|identity| format!("{}.{}", identity.api.0, identity.api.1)),
        path: found.file.display().to_string(),
        sha256: library(found).map(|library| library.sha256.clone()),
        state,
        why,
    }
}

fn library(found: &Found) -> Option<&Library> {
    match &found.standing {
        Standing::Loaded(library) => Some(library),
        _ => None,
    }
}

/// A provider, as the API shows it.
pub(crate) fn details(found: &Found) -> Details {
    let declaration = library(found).map(|library| library.declaration.clone()).unwrap_or_default();
    Details {
        provider: provider(found),
        description: Some(declaration.description).filter(|description| !description.is_empty()),
        documentation: declaration.documentation,
        parameters: declaration.parameters.into_iter().map(parameter).collect(),
        settings: declaration.settings.into_iter().map(parameter).collect(),
        options_allowed: declaration.options_allowed,
        headers_allowed: declaration.headers_allowed,
        parses_receipts: declaration.parses_receipts,
    }
}

fn parameter(parameter: api::Parameter) -> Parameter {
    let secret = parameter.is_secret();
    let mut shown = Parameter {
        name: parameter.name,
        aliases: parameter.aliases,
        kind: "text",
        choices: None,
        min: None,
        max: None,
        required: parameter.required,
        default: parameter.default,
        secret,
        harmless: parameter.harmless,
        description: parameter.description,
    };
    match parameter.kind {
        api::Kind::YesNo => shown.kind = "yes_no",
        api::Kind::Integer { min, max } => {
            (shown.kind, shown.min, shown.max) = ("integer", Some(min), Some(max));
        }
        api::Kind::Seconds => shown.kind = "seconds",
        api::Kind::Choice { values } => (shown.kind, shown.choices) = ("choice", Some(values)),
        api::Kind::Path => shown.kind = "path",
        api::Kind::Table => shown.kind = "table",
        // One that this version does not know is taken as text.
        _ => {}
    }
    shown
}
