//! `/openapi.json`: what the API is, made from the table of its routes.

use super::{
    page::Page,
    problem::{self, problems},
    request, table, webhooks,
};
use axum::{http::HeaderMap, response::Response};
use std::sync::LazyLock;
use utoipa::{
    Modify, OpenApi as _,
    openapi::{
        OpenApi, SecurityRequirement,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

/// The document, written down once.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let (_, described) = table().split_for_parts();
    let mut document = serde_json::to_value(described).unwrap_or_default();
    if let Some(schemas) = document.pointer_mut("/components/schemas") {
        request::complete(schemas);
    }
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
});

static PAGE: LazyLock<Page> = LazyLock::new(|| Page::new("application/json", DOCUMENT.as_bytes()));

/// The OpenAPI document of this version: JSON, ready to be printed.
pub fn document() -> &'static str {
    &DOCUMENT
}

/// What is said of the whole.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Gatepost",
        description = "A delivery gateway for one-time passwords, alerts and push notifications.\n\n\
            An application sends a message with `POST /v1/messages`. It is on disk before the answer, and goes to the gateway or along \
            the route that it names, or along the first route that fits.\n\n\
            Every error is a problem document (RFC 9457, `application/problem+json`) that says what is wrong and how to mend it. \
            Nothing here but the paths of this document is there: 404; a method that a path does not have is answered with 405 and \
            the header `Allow`. A head of more than 64 KiB or 100 headers is answered with 431. What a message does not have as a member is refused, not ignored, and so are unknown query parameters below `/v1`. A key has scopes: `send` (messages, and \
            one's own to see and cancel), `read` (all of them), `receipt` (post receipts of the key's gateways), `admin` (everything). \
            A host without keys listens on loopback alone, and lets everybody send and read.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers((url = "/", description = "This host")),
    components(schemas(problem::Document)),
    tags(
        (name = "messages", description = "What is to be delivered, and what became of it."),
        (name = "gateways", description = "Ways out: their definitions, how they fare, and the providers that they are of."),
        (name = "routes", description = "Ordered choices of gateways."),
        (name = "receipts", description = "What the services say later of what they took."),
        (name = "operation", description = "For those who run the host. No key is needed."),
        (name = "webhooks", description = "What the host tells applications, signed as Standard Webhooks has it."),
    ),
    modifiers(&Keys)
)]
struct Whole;

/// The two ways to send an API key.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        for (name, scheme, description) in [
            ("bearer", HttpAuthScheme::Bearer, "The API key as it is: `Authorization: Bearer KEY`."),
            ("basic", HttpAuthScheme::Basic, "The API key as password; the name is not looked at."),
        ] {
            let scheme = HttpBuilder::new().scheme(scheme).description(Some(description)).build();
            components.add_security_scheme(name, SecurityScheme::Http(scheme));
        }
        let either = ["bearer", "basic"].map(|name| SecurityRequirement::new::<_, _, &str>(name, []));
        document.security = Some(either.to_vec());
    }
}

/// What is said of the whole, without the routes.
pub(super) fn whole() -> OpenApi {
    let mut document = Whole::openapi();
    webhooks::describe(&mut document);
    document
}

problems!(NotShown: problem::ANY);

/// Show this document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "showOpenApi",
    tag = "operation",
    security(()),
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag` of the copy that one has", nullable = false,
        example = json!("\"5f2c\""))),
    responses(
        (status = 200, description = "The document, OpenAPI 3.1", body = Value, content_type = "application/json",
            headers(("ETag" = String, description = "Changes with the document"))),
        (status = 304, description = "The copy is good", headers(("ETag" = String, description = "As it came"))),
        NotShown
    )
)]
pub(super) async fn show(headers: HeaderMap) -> Response {
    PAGE.answer(&headers)
}
