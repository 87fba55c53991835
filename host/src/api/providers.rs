//! `/v1/providers`: the libraries that were found, and what they take.

use super::{Now, access, problem::Problem, wait};
use crate::plugin::{Found, Library, Registry, Standing};
use axum::{
    Json,
    extract::{Path, rejection::PathRejection},
    http::{HeaderMap, StatusCode, Uri},
};
use gatepost_provider_api as api;
use serde::Serialize;

/// Every library that was found.
#[derive(Debug, Serialize)]
pub(crate) struct Providers {
    /// In the order of folders and names.
    providers: Vec<Provider>,
}

/// A library in a plugin folder.
#[derive(Debug, Serialize)]
pub(crate) struct Provider {
    /// Name of the provider; `null` where the library did not come so far as to say it.
    name: Option<String>,
    /// Its own version.
    version: Option<String>,
    /// The version of the provider API that it was built for: `"1.0"`.
    api: Option<String>,
    /// The file.
    path: String,
    /// Lower-case hex SHA-256 over the file, as pins have it, of one that is loaded.
    sha256: Option<String>,
    /// `loaded`, `refused` or `shadowed`.
    state: &'static str,
    /// Why it is not loaded, and how to mend that.
    why: Option<String>,
}

/// A provider, and what its gateway definitions may say.
#[derive(Debug, Serialize)]
pub(crate) struct Details {
    #[serde(flatten)]
    provider: Provider,
    /// What it is, Markdown.
    description: Option<String>,
    /// Where the service's own documentation stands.
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
#[derive(Debug, Serialize)]
struct Parameter {
    /// Its name.
    name: String,
    /// Other names that are taken for it.
    aliases: Vec<String>,
    /// `text`, `yes_no`, `integer`, `seconds`, `choice`, `path` or `table`.
    kind: &'static str,
    /// The words of a `choice`.
    #[serde(skip_serializing_if = "Option::is_none")]
    choices: Option<Vec<String>>,
    /// The least `integer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<i64>,
    /// The greatest `integer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<i64>,
    /// Whether a definition must have it.
    required: bool,
    /// What counts without it.
    default: Option<String>,
    /// Whether its value is never shown.
    secret: bool,
    /// Whether it may change in a `PUT` that keeps secrets.
    harmless: bool,
    /// One or two sentences, Markdown.
    description: String,
}

/// `GET /v1/providers`
pub(super) async fn list(now: Now, uri: Uri, headers: HeaderMap) -> Result<Json<Providers>, Problem> {
    access::identify(&now, &headers)?.must_read()?;
    wait::no_parameters(&uri)?;
    Ok(Json(listed(&now.registry)))
}

/// All that was found, as the API shows it.
pub(crate) fn listed(registry: &Registry) -> Providers {
    Providers { providers: registry.found().iter().map(provider).collect() }
}

/// `GET /v1/providers/{name}`: the library that serves; where none does, one that was refused.
pub(super) async fn show(
    now: Now,
    name: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<Details>, Problem> {
    access::identify(&now, &headers)?.must_read()?;
    wait::no_parameters(&uri)?;
    let found = name.ok().and_then(|Path(name)| now.registry.of_name(&name));
    let found = found.ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, "no-such-provider", "There is no such provider")
    })?;
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
