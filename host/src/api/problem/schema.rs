//! How the OpenAPI document shows problems.

use super::{
    Kind, TYPE,
    kind::{INVALID_FIELDS, INVALID_PARAMETER},
};
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use utoipa::openapi::{
    Content, ContentBuilder, HeaderBuilder, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, Type,
    example::ExampleBuilder,
};

/// The answers of these kinds, one for each status.
pub(in crate::api) fn responses(groups: &[&[Kind]]) -> BTreeMap<String, RefOr<Response>> {
    let mut statuses = BTreeMap::<StatusCode, Vec<Kind>>::new();
    for kind in groups.iter().copied().flatten() {
        statuses.entry(kind.status).or_default().push(*kind);
    }
    statuses
        .iter()
        .map(|(status, kinds)| (status.as_str().to_owned(), response(*status, kinds).into()))
        .collect()
}

fn response(status: StatusCode, kinds: &[Kind]) -> Response {
    let titles = kinds.iter().map(|kind| kind.title).collect::<Vec<_>>();
    let response = ResponseBuilder::new().description(titles.join("; or: ")).content(TYPE, content(kinds));
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
    let response = match status {
        StatusCode::UNAUTHORIZED => {
            let how = "How to send the key: as bearer token, or with basic authentication.";
            response.header("WWW-Authenticate", HeaderBuilder::new().description(Some(how)).build())
        }
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => response.header(
            "Retry-After",
            HeaderBuilder::new()
                .schema(Some(seconds))
                .description(Some("When to try again, in seconds."))
                .build(),
        ),
        _ => response,
    };
    response.build()
}

fn content(kinds: &[Kind]) -> Content {
    kinds
        .iter()
        .fold(ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))), |content, kind| {
            let example = ExampleBuilder::new().summary(kind.title).value(Some(example(kind)));
            content.examples_from_iter([(kind.word, example)])
        })
        .build()
}

/// Such a problem, as it may be answered.
fn example(kind: &Kind) -> Value {
    let Kind { word, title, example, status } = kind;
    let mut problem = json!({
        "type": format!("{}{word}", super::PREFIX), "title": title, "status": status.as_u16(), "detail": example,
    });
    if [INVALID_FIELDS.word, INVALID_PARAMETER.word].contains(word)
        && let (Some((name, detail)), Value::Object(members)) = (example.split_once(": "), &mut problem)
    {
        let error = match name.strip_prefix('/') {
            Some(_) => json!({ "pointer": name, "detail": detail }),
            None => json!({ "pointer": "", "parameter": name, "detail": detail }),
        };
        members.insert("errors".into(), json!([error]));
    }
    problem
}

/// Names what a call may go wrong with, for `responses(…)` of its annotation.
macro_rules! problems {
    ($name:ident: $($group:expr),+ $(,)?) => {
        struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::Response>> {
                $crate::api::problem::responses(&[$($group),+])
            }
        }
    };
}
pub(in crate::api) use problems;
