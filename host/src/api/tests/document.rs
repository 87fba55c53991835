//! The OpenAPI document, held against what is really answered and taken.

use super::*;
use std::collections::BTreeSet;

fn document() -> Value {
    serde_json::from_str(super::super::document()).unwrap()
}

/// Each operation: its method, its path with an example for every parameter, and what is said of it.
fn operations(document: &Value) -> Vec<(Method, String, Value)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let mut path = path.clone();
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                if parameter["in"] == "path" {
                    let name = format!("{{{}}}", parameter["name"].as_str().unwrap());
                    path = path.replace(&name, parameter["example"].as_str().unwrap());
                }
            }
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            operations.push((method, path, operation.clone()));
        }
    }
    operations
}

#[tokio::test(start_paused = true)]
async fn nobody_needs_a_key_to_read_it() {
    let host = Host::new(10, vec![key("app", &[Scope::Send])]).await;
    let get = async |uri: &str, etag: &str| {
        let request = request(Method::GET, uri).header("if-none-match", etag);
        host.call(request.body(Body::empty()).unwrap()).await
    };
    for (uri, content_type) in [
        ("/openapi.json", "application/json"),
        ("/docs", "text/html; charset=utf-8"),
        ("/docs/start.js", "text/javascript; charset=utf-8"),
    ] {
        let (status, headers, _) = get(uri, "\"other\"").await;
        assert_eq!(
            (status.as_u16(), &headers["content-type"]),
            (200, &content_type.parse().unwrap()),
            "{uri}"
        );
        assert_eq!(headers["cache-control"], "no-cache", "{uri}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{uri}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(get(uri, headers["etag"].to_str().unwrap()).await.0, 304, "{uri}");
    }
    let (_, _, body) = get("/openapi.json", "").await;
    assert_eq!((&body, &body["openapi"]), (&document(), &json!("3.1.0")));
    let (status, headers, _) = get("/docs/", "").await;
    assert_eq!((status.as_u16(), &headers["location"]), (308, &"/docs".parse().unwrap()));
    for missing in
        ["/docs/index.html", "/docs/..", "/docs/%2e%2e%2fopenapi.json", "/docs/%FF", "/openapi.yaml"]
    {
        let (status, headers, body) = get(missing, "").await;
        assert_eq!(
            (status.as_u16(), &headers["content-type"]),
            (404, &"application/problem+json".parse().unwrap())
        );
        assert_eq!(body["type"], "urn:gatepost:problem:no-such-resource", "{missing}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_operation_is_there_and_no_other_method() {
    let host = Host::new(10, vec![key("root", &[Scope::Admin])]).await;
    let document = document();
    let operations = operations(&document);
    let mut ids = BTreeSet::new();
    for (method, path, operation) in &operations {
        for told in ["summary", "operationId"] {
            assert!(
                operation[told].as_str().is_some_and(|words| !words.is_empty()),
                "{method} {path} has no {told}"
            );
        }
        assert!(
            ids.insert(operation["operationId"].to_string()),
            "{} is there twice",
            operation["operationId"]
        );
        let needs_key = operation["security"] != json!([{}]);
        let unkeyed = host.call(request(method.clone(), path).body(Body::empty()).unwrap()).await;
        assert_eq!(unkeyed.0 == 401, needs_key, "{method} {path} answers {} without a key", unkeyed.0);

        let methods = operations.iter().filter(|(_, other, _)| other == path).map(|(method, ..)| method);
        let methods = methods.cloned().collect::<Vec<_>>();
        for other in [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::DELETE,
            Method::PATCH,
            Method::OPTIONS,
            Method::TRACE,
        ] {
            if methods.contains(&other) {
                continue;
            }
            let (status, headers, body) =
                host.call(request(other.clone(), path).body(Body::empty()).unwrap()).await;
            assert_eq!(
                (status.as_u16(), &body["type"]),
                (405, &json!("urn:gatepost:problem:no-such-method"))
            );
            let allowed = headers["allow"].to_str().unwrap().split(',').collect::<Vec<_>>();
            for method in &methods {
                assert!(allowed.contains(&method.as_str()), "{other} {path}: {allowed:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_has_the_members_that_the_document_names_and_no_others() {
    let host = Host::new(10, Vec::new()).await;
    let refused = async |body: Value| host.call(post("").body(json_body(&body)).unwrap()).await.2;
    // The reader lists its members itself where it can't guess which one was meant.
    let detail =
        refused(json!({ "qqqqqqqqqqqq": 1 })).await["errors"][0]["detail"].as_str().unwrap().to_owned();
    let taken = detail.split_once("a message has ").unwrap().1.split(", ").collect::<BTreeSet<_>>();
    let schema = &document()["components"]["schemas"]["NewMessage"];
    let named = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect::<BTreeSet<_>>();
    assert_eq!(taken, named);
    assert_eq!(schema["additionalProperties"], false);
    for name in named {
        // Wrong for all of them: neither a string nor an object.
        let body = refused(json!({ name: true })).await;
        let errors = body["errors"].as_array().unwrap();
        let told = errors.iter().find(|error| error["pointer"] == format!("/{name}")).unwrap();
        assert!(told["detail"].as_str().unwrap().contains("not a boolean") || name == "data", "{told}");
    }
}

#[test]
fn a_definition_has_the_members_that_the_document_names_and_no_others() {
    let schema = &document()["components"]["schemas"]["NewGateway"];
    let named = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect::<BTreeSet<_>>();
    let taken = crate::config::GATEWAY_MEMBERS.into_iter().chain(super::super::gateways::ADDED);
    assert_eq!(named, taken.collect());
    assert_eq!(schema["additionalProperties"], false);
}

#[tokio::test(start_paused = true)]
async fn the_bounds_of_the_document_are_the_readers() {
    let host = Host::new(10_000, Vec::new()).await;
    let document = document();
    let schemas = &document["components"]["schemas"];
    let complains = async |name: &str, value: Value| {
        let mut body = json!({ "to": "+491701234567", "text": "hello", "gateway": "quick" });
        body[name] = value;
        let (status, _, body) = host.call(post("").body(json_body(&body)).unwrap()).await;
        assert!([202, 422].contains(&status.as_u16()), "{body}");
        status == 422
    };
    let mut bounds = 0;
    for (name, property) in schemas["NewMessage"]["properties"].as_object().unwrap() {
        if let Some(most) = property["maxLength"].as_u64() {
            let most = usize::try_from(most).unwrap();
            // Counted in characters.
            assert!(!complains(name, "ä".repeat(most).into()).await, "{name}");
            assert!(complains(name, "ä".repeat(most + 1).into()).await, "{name}");
            bounds += 1;
        }
        let nullable = property["type"].as_array().is_some_and(|types| types.contains(&json!("null")))
            || property["oneOf"].as_array().is_some_and(|one| one.contains(&json!({ "type": "null" })));
        if !["text", "gateway"].contains(&name.as_str()) {
            assert_eq!(complains(name, Value::Null).await, !nullable, "{name}");
        }
    }
    assert_eq!(bounds, 4);
    for (value, wrong) in
        [("\u{0}", true), ("\u{7f}", true), ("\u{9f}", true), (" ", true), ("\u{a0}", true), ("a b", false)]
    {
        assert_eq!(complains("to", value.into()).await, wrong, "{value:?}");
    }
    let most =
        usize::try_from(schemas["NewMessages"]["properties"]["messages"]["maxItems"].as_u64().unwrap())
            .unwrap();
    for (count, expected) in [(0, 422), (1, 202), (most, 202), (most + 1, 422)] {
        let message = json!({ "to": "+491701234567", "text": "hello", "gateway": "quick" });
        let body = json!({ "messages": vec![message; count] });
        let request = request(Method::POST, "/v1/messages/batch").header("content-type", "application/json");
        assert_eq!(host.call(request.body(json_body(&body)).unwrap()).await.0, expected, "{count}");
    }
}
