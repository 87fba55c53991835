use super::*;
use crate::config::{Match, Route, Strategy};

fn route(name: &str, gateway: &str, prefix: Option<&str>) -> Route {
    Route {
        name: name.into(),
        gateways: vec![gateway.into()],
        strategy: Strategy::Failover,
        matching: prefix.map(|prefix| Match { prefix: vec![prefix.into()], tag: Vec::new() }),
    }
}

fn limited(name: &str, routes: &[&str], gateways: &[&str]) -> ApiKey {
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let reach = Reach { routes: names(routes), gateways: names(gateways) };
    ApiKey { reach, ..key(name, &[Scope::Send]) }
}

#[tokio::test(start_paused = true)]
async fn a_key_uses_what_it_may_and_nothing_else() {
    let keys = vec![
        limited("free", &[], &[]),
        limited("routed", &["german"], &[]),
        limited("named", &[], &["stuck"]),
        limited("both", &["default"], &["stuck"]),
    ];
    let routes = vec![route("german", "quick", Some("+49")), route("default", "quick", None)];
    let host = Host::build(100, keys, routes).await;
    let send = async |key: &str, way: Value, to: &str| {
        let mut message = json!({ "to": to, "text": "hello" });
        message.as_object_mut().unwrap().extend(way.as_object().unwrap().clone());
        let request = post("").header("authorization", format!("Bearer {key}"));
        let (status, _, body) = host.call(request.body(Body::from(message.to_string())).unwrap()).await;
        (status.as_u16(), body["route"].as_str().unwrap_or_default().to_owned())
    };
    let (nothing, gateway) = (json!({}), |name: &str| json!({ "gateway": name }));
    let along = |name: &str| json!({ "route": name });
    for (key, way, to, expected) in [
        ("free", nothing.clone(), "+49", (202, "german")),
        ("free", gateway("stuck"), "+49", (202, "")),
        ("free", gateway("nowhere"), "+49", (422, "")),
        ("routed", nothing.clone(), "+49", (202, "german")),
        ("routed", nothing.clone(), "+43", (403, "")),
        ("routed", along("german"), "+43", (202, "german")),
        ("routed", along("default"), "+49", (403, "")),
        ("routed", gateway("quick"), "+49", (403, "")),
        // What it may not use is not told to be there or not.
        ("routed", along("nowhere"), "+49", (403, "")),
        ("named", gateway("stuck"), "+49", (202, "")),
        ("named", gateway("quick"), "+49", (403, "")),
        ("named", along("default"), "+49", (403, "")),
        ("named", nothing.clone(), "+49", (403, "")),
        ("both", nothing.clone(), "+49", (202, "default")),
        ("both", gateway("stuck"), "+49", (202, "")),
        ("both", gateway("quick"), "+49", (403, "")),
        ("both", along("german"), "+49", (403, "")),
    ] {
        let (status, route) = send(key, way.clone(), to).await;
        assert_eq!((status, route.as_str()), expected, "{key} {way} {to}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_with_a_message_that_is_not_permitted_is_refused() {
    let host = Host::new(100, vec![limited("named", &[], &["quick"])]).await;
    let message = |gateway: &str| json!({ "to": "+49", "text": "hello", "gateway": gateway });
    let body = json!({ "messages": [message("quick"), message("stuck")] });
    let request = post("/batch").header("authorization", "Bearer named");
    let (status, _, body) = host.call(request.body(Body::from(body.to_string())).unwrap()).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(body["detail"].as_str().unwrap().contains("\"stuck\""), "{body}");
}
