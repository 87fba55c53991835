//! `/docs`: the OpenAPI document to browse and to try out, by Swagger UI.

use super::{
    page::Page,
    problem::{self, Problem, problems},
};
use axum::{
    body::Bytes,
    extract::{Path, rejection::PathRejection},
    http::HeaderMap,
    response::{Redirect, Response},
};
use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};
use utoipa_swagger_ui::Config;

static INDEX: LazyLock<Page> =
    LazyLock::new(|| Page::new("text/html; charset=utf-8", include_bytes!("docs/index.html").as_slice()));

/// What the page needs besides: Swagger UI's own files, and the script that starts it.
static FILES: LazyLock<BTreeMap<&str, Page>> = LazyLock::new(|| {
    let config = Arc::new(Config::new(["/openapi.json"]));
    let of_swagger_ui = |name, content_type| {
        let file = utoipa_swagger_ui::serve(name, Arc::clone(&config)).ok().flatten();
        let contents = file.map_or_else(Bytes::new, |file| match file.bytes {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        });
        (name, Page::new(content_type, contents))
    };
    BTreeMap::from([
        of_swagger_ui("swagger-ui.css", "text/css; charset=utf-8"),
        of_swagger_ui("swagger-ui-bundle.js", SCRIPT),
        of_swagger_ui("favicon-32x32.png", "image/png"),
        ("start.js", Page::new(SCRIPT, include_bytes!("docs/start.js").as_slice())),
    ])
});

const SCRIPT: &str = "text/javascript; charset=utf-8";

problems!(NotShown: problem::ANY);

/// Browse this document, and try it out.
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "showDocs",
    tag = "operation",
    security(()),
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag` of the copy that one has", nullable = false,
        example = json!("\"5f2c\""))),
    responses(
        (status = 200, description = "A page for people", body = String, content_type = "text/html",
            headers(("ETag" = String, description = "Changes with the page")), example = "<!doctype html>…"),
        (status = 304, description = "The copy is good", headers(("ETag" = String, description = "As it came"))),
        NotShown
    )
)]
pub(super) async fn show(headers: HeaderMap) -> Response {
    INDEX.answer(&headers)
}

/// Another spelling of it, which people type.
pub(super) async fn spelled_otherwise() -> Redirect {
    Redirect::permanent("/docs")
}

problems!(NoSuchFile: problem::ANY, &[problem::NO_SUCH_RESOURCE]);

/// Show a file that the page needs.
#[utoipa::path(
    get,
    path = "/docs/{file}",
    operation_id = "showDocsFile",
    tag = "operation",
    security(()),
    params(
        ("file" = String, Path, description = "Its name", example = json!("swagger-ui.css")),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the copy that one has", nullable = false,
            example = json!("\"5f2c\"")),
    ),
    responses(
        (
            status = 200,
            description = "The file",
            content((String = "text/css"), (String = "text/javascript"), (String = "image/png")),
            headers(("ETag" = String, description = "Changes with the file"))
        ),
        (status = 304, description = "The copy is good", headers(("ETag" = String, description = "As it came"))),
        NoSuchFile
    )
)]
pub(super) async fn file(
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let file = name.ok().and_then(|Path(name)| FILES.get(name.as_str()));
    let file = file.ok_or_else(|| Problem::of(problem::NO_SUCH_RESOURCE))?;
    Ok(file.answer(&headers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_page_is_there() {
        let page = include_str!("docs/index.html");
        for (name, file) in FILES.iter() {
            assert!(page.contains(&format!("\"/docs/{name}\"")), "{name}");
            assert!(format!("{file:?}").len() > 200, "{name} is empty");
        }
        assert_eq!(page.matches("\"/docs/").count(), FILES.len());
    }
}
