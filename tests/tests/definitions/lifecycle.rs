//! A gateway comes, changes and goes while the host runs.

use super::{TO, file, files, site, start, to};
use gatepost_tests::{eventually, peers::nginx::Nginx, site::set_mode};
use serde_json::json;
use std::{fs, os::unix::fs::PermissionsExt as _};

#[test]
fn a_gateway_is_defined_used_changed_and_deleted_without_a_restart() {
    let (first, second) = (Nginx::start(), Nginx::start());
    let site = site("");
    let host = start(&site);
    let mut definition = to(&(first.origin() + "/one"));
    definition["description"] = json!("a new one");
    definition["valid_for"] = json!("2m");
    definition["retry"] = json!({ "attempts": 2 });
    definition["options"]["flag"] = json!(true);

    let answer = host.put("/v1/gateways/fresh.one", &definition);
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.headers["location"], "/v1/gateways/fresh.one");
    for (member, value) in [
        ("name", json!("fresh.one")),
        ("provider", json!("http")),
        ("valid_for", json!("2m")),
        ("parameters", definition["parameters"].clone()),
        ("options", definition["options"].clone()),
        ("headers", json!({})),
        ("state", json!("up")),
        ("why", json!(null)),
        ("breaker", json!({ "state": "closed" })),
        ("queue_depth", json!(0)),
        ("in_flight", json!(0)),
    ] {
        assert_eq!(answer.body[member], value, "{member}: {answer:?}");
    }
    assert_eq!(host.get("/v1/gateways/fresh.one").body, answer.body);

    let sent = host.send_and_wait("fresh.one", TO, "through the new one");
    assert_eq!(sent.status, 200, "{sent:?}");
    assert!(first.only().body().starts_with("to=%2B491701234567&text=through%20the%20new%20one&flag=true"));

    let metadata = fs::metadata(file(&site, "fresh.one")).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(file(&site, "fresh.one")).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let written = &table["gateways"]["fresh.one"];
    assert_eq!(written["parameters"]["TIMEOUT"].as_integer(), Some(5), "{text}");
    let order = written["options"].as_table().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(order, ["to", "text", "flag"]);

    // What is shown can be put back, and is the same.
    let same = host.put("/v1/gateways/fresh.one", &answer.body);
    assert_eq!((same.status, &same.body), (200, &answer.body));
    assert_eq!(fs::read_to_string(file(&site, "fresh.one")).unwrap(), text);

    set_mode(&file(&site, "fresh.one"), 0o644);
    let answer = host.put("/v1/gateways/fresh.one", &to(&(second.origin() + "/two")));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body.get("description"), None, "a PUT replaces the whole: {answer:?}");
    assert_eq!(host.send_and_wait("fresh.one", TO, "through the changed one").status, 200);
    assert!(second.only().line().starts_with("POST /two "));
    assert_eq!(first.arrived().len(), 1);
    let metadata = fs::metadata(file(&site, "fresh.one")).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "whatever it was before");

    // As it is after a restart.
    assert_eq!(host.terminate().code(), Some(0));
    let host = start(&site);
    assert_eq!(host.get("/v1/gateways/fresh.one").body["parameters"], answer.body["parameters"]);
    assert_eq!(host.send_and_wait("fresh.one", TO, "after a restart").status, 200);

    let deleted = host.delete("/v1/gateways/fresh.one");
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    assert_eq!(files(&site), [""; 0]);
    host.get("/v1/gateways/fresh.one").problem(404);
    host.delete("/v1/gateways/fresh.one").problem(404);
    let names = host.send_and_wait("fresh.one", TO, "too late");
    assert_eq!(names.problem(422), ["/gateway"]);
    assert_eq!(host.send_and_wait("outbox", TO, "the others go on").status, 200);

    // Once more under the same name: nothing of the first is left.
    assert_eq!(host.put("/v1/gateways/fresh.one", &to(&first.origin())).status, 201);
    assert_eq!(host.send_and_wait("fresh.one", TO, "again").status, 200);
}

#[test]
fn a_definition_says_how_its_gateway_fares() {
    let peer = Nginx::answering("location / { return 401 'who are you?'; }");
    let site = site("");
    let host = start(&site);
    assert_eq!(host.put("/v1/gateways/denied", &to(&peer.origin())).status, 201);
    let message = json!({ "to": TO, "text": "hello", "gateway": "denied" });
    assert_eq!(host.post("/v1/messages", &message).status, 202);
    let down = eventually("the gateway is down", || {
        Some(host.get("/v1/gateways/denied").body).filter(|gateway| gateway["state"] == "down")
    });
    assert!(down["why"].as_str().unwrap().contains("misconfigured"), "{down}");
    assert_ne!(down["breaker"]["state"], "closed");
    let waiting = eventually("the message waits", || {
        Some(host.get("/v1/gateways/denied").body).filter(|gateway| gateway["in_flight"] == 0)
    });
    assert_eq!(waiting["queue_depth"], 1, "{waiting}");
    // A definition that mends it closes the breaker.
    let well = Nginx::start();
    let mended = host.put("/v1/gateways/denied", &to(&well.origin()));
    assert_eq!((mended.status, &mended.body["breaker"]["state"]), (200, &json!("closed")));
    assert!(well.only().body().contains("text=hello"));
}
