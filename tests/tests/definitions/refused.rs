//! What is refused leaves the files, and the gateways that run, as they were.

use super::{TO, file, files, site, start, to};
use gatepost_tests::{Host, Site, client, peers::nginx::Nginx, site::api_key};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs, os::unix::fs::symlink, path::Path};

/// Every file below a folder, with what it holds, but for the data and the log.
fn everything(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.display().to_string();
        if name.ends_with("/data") || name.contains("/log-") {
            continue;
        }
        if path.is_dir() {
            found.extend(everything(&path));
            found.insert(name, Vec::new());
        } else {
            found.insert(name, fs::read(&path).unwrap_or_default());
        }
    }
    found
}

#[test]
fn a_name_that_is_none_touches_no_file() {
    let site = site("");
    let host = start(&site);
    let before = everything(site.path());
    let long = "x".repeat(65);
    for name in [
        "..%2fx",
        "%2e%2e%2fx",
        "%2e%2e%2f%2e%2e%2fetc%2fx",
        "..",
        "%2e%2e",
        "a%00b",
        "a%2fb",
        ".hidden",
        "-x",
        "a%20b",
        "%c3%a4",
        "a%0ab",
        long.as_str(),
        "gatepost.toml%00",
        "..%5cx",
        "%ff",
    ] {
        let path = format!("/v1/gateways/{name}");
        let put = host.put(&path, &to("http://127.0.0.1:1/"));
        assert!(matches!(put.status, 404 | 405 | 422), "{name}: {put:?}");
        assert_eq!(put.content_type, "application/problem+json");
        for answer in [host.delete(&path), host.get(&path), host.post(&format!("{path}/check"), &json!({}))] {
            assert!(matches!(answer.status, 404 | 405), "{name}: {answer:?}");
        }
    }
    assert_eq!(everything(site.path()), before);
}

#[test]
fn a_definition_with_mistakes_names_each_and_changes_nothing() {
    let peer = Nginx::start();
    let site = site("");
    let host = start(&site);
    assert_eq!(host.put("/v1/gateways/mine", &to(&peer.origin())).status, 201);
    let before = everything(site.path());
    let with = |pointer: &str, value: Value| {
        let mut body = to(&peer.origin());
        let (table, name) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(table).unwrap()[name] = value;
        body
    };
    for (body, pointers) in [
        (json!([]), &[""][..]),
        (json!("x"), &[""]),
        (json!({}), &["/provider"]),
        (with("/colour", json!("red")), &["/colour"]),
        (with("/provder", json!("http")), &["/provder"]),
        (with("/provider", json!("htp")), &["/provider"]),
        (with("/provider", json!(5)), &["/provider"]),
        (with("/provider", json!("../http")), &["/provider"]),
        (with("/name", json!("other")), &["/name"]),
        (with("/parameters", json!("x")), &["/parameters"]),
        (with("/parameters", json!(null)), &["/parameters"]),
        (with("/parameters/URL", json!("ftp://x")), &["/parameters/URL"]),
        (with("/parameters/URL", json!({ "x": 1 })), &["/parameters/URL"]),
        (with("/parameters/ULR", json!("x")), &["/parameters/ULR"]),
        (with("/parameters/HTTP_METHOD", json!("PATCH")), &["/parameters/HTTP_METHOD"]),
        (with("/parameters/REGEXP", json!("/+/00/")), &["/parameters/REGEXP"]),
        (with("/options/list", json!([1, 2])), &["/options/list"]),
        (with("/options/URL", json!("x")), &["/options/URL"]),
        (with("/headers", json!({ "Connection": "x" })), &["/headers/Connection"]),
        (with("/valid_for", json!("10")), &["/valid_for"]),
        (with("/valid_for", json!(10)), &["/valid_for"]),
        (with("/max_in_flight", json!(0)), &["/max_in_flight"]),
        (with("/max_in_flight", json!("64")), &["/max_in_flight"]),
        (with("/rate", json!("fast")), &["/rate"]),
        (with("/retry", json!({ "attempts": 0 })), &["/retry/attempts"]),
        (with("/retry", json!({ "atempts": 1 })), &["/retry/atempts"]),
        (with("/on_uncertain", json!("maybe")), &["/on_uncertain"]),
    ] {
        for name in ["mine", "another"] {
            let answer = host.put(&format!("/v1/gateways/{name}"), &body);
            assert_eq!(answer.problem(422), pointers, "{body}: {answer:?}");
        }
    }
    // More than one at once.
    let mut body = with("/rate", json!("fast"));
    body["colour"] = json!("red");
    let answer = host.put("/v1/gateways/mine", &body);
    assert_eq!(answer.problem(422), ["/rate", "/colour"], "{answer:?}");
    // Also what only the provider knows to be wrong.
    body["retry"] = json!({ "attempts": 0 });
    body["parameters"]["URL"] = json!("ftp://x");
    body["parameters"]["REGEXP"] = json!("/+/00/");
    body["parameters"]["HTTP_METHOD"] = json!("PATCH");
    body["options"]["list"] = json!([1, 2]);
    for name in ["mine", "another"] {
        let answer = host.put(&format!("/v1/gateways/{name}"), &body);
        let mut pointers = answer.problem(422);
        pointers.sort_unstable();
        assert_eq!(
            pointers,
            [
                "/colour",
                "/options/list",
                "/parameters/HTTP_METHOD",
                "/parameters/REGEXP",
                "/parameters/URL",
                "/rate",
                "/retry/attempts",
            ],
            "{answer:?}"
        );
    }
    assert_eq!(everything(site.path()), before);
    assert_eq!(host.send_and_wait("mine", TO, "as before").status, 200);
    assert!(peer.only().body().contains("as%20before"));
    assert!(host.get("/v1/gateways/another").status == 404 && files(&site) == ["mine.toml"]);
}

#[test]
fn a_body_that_is_no_json_is_not_read() {
    let site = site("");
    let host = start(&site);
    let put = |content_type: &str, body: String| {
        let request = host.client().put(host.url("/v1/gateways/mine")).header("content-type", content_type);
        client::send(request.body(body)).unwrap()
    };
    put("application/json", "{\"provider\": ".into()).problem(400);
    put("application/json", String::new()).problem(400);
    put("application/toml", "provider = \"http\"".into()).problem(415);
    put("text/plain", to("http://127.0.0.1:1/").to_string()).problem(415);
    put("application/json", format!("{{\"provider\": \"{}\"}}", "x".repeat(1 << 20))).problem(413);
    for path in ["/v1/gateways?x=1", "/v1/gateways/outbox?x=1"] {
        assert_eq!(host.get(path).status, 422);
    }
    assert_eq!(host.put("/v1/gateways/mine?force=1", &to("http://127.0.0.1:1/")).status, 422);
    assert_eq!(host.delete("/v1/gateways/outbox?force=1").status, 422);
    assert_eq!(files(&site), [""; 0]);
}

#[test]
fn what_stands_elsewhere_is_not_touched() {
    let site = site("");
    let http = |name: &str| {
        format!("[gateways.{name}]\nprovider = \"http\"\nparameters = {{ URL = \"http://127.0.0.1:1/\" }}\n")
    };
    site.add_gateways("two.toml", &format!("# Both.\n{}{}", http("two"), http("second")));
    site.add_gateways("other.toml", &http("moved"));
    site.add_gateways("mail.toml", &format!("{}[smtp_servers.relay]\nhost = \"127.0.0.1\"\n", http("mail")));
    site.add_gateways("servers.toml", "[smtp_servers.more]\nhost = \"127.0.0.1\"\n");
    let host = start(&site);
    let before = everything(site.path());
    for (name, place) in [
        ("outbox", "gatepost.toml:10"),
        ("two", "gateways.d/two.toml:5"),
        ("second", "gateways.d/two.toml:5"),
        ("moved", "gateways.d/other.toml:1"),
        ("mail", "gateways.d/mail.toml:4"),
        ("other", "gateways.d/other.toml:1"),
        ("servers", "gateways.d/servers.toml:1"),
    ] {
        let path = format!("/v1/gateways/{name}");
        let answer = host.put(&path, &to("http://127.0.0.1:1/"));
        answer.problem(409);
        assert!(answer.body["detail"].as_str().unwrap().contains(place), "{name}: {answer:?}");
        // A gateway that is not there at all can't be deleted, whatever its file would hold.
        let deleted = host.delete(&path);
        assert!(
            deleted.status == 409 || (deleted.status == 404 && matches!(name, "other" | "servers")),
            "{deleted:?}"
        );
    }
    assert_eq!(everything(site.path()), before);
    assert_eq!(host.send_and_wait("outbox", TO, "as before").status, 200);
}

#[test]
fn what_is_named_elsewhere_can_not_be_deleted() {
    let site = site("");
    let host = start(&site);
    for name in ["routed", "keyed", "free"] {
        assert_eq!(host.put(&format!("/v1/gateways/{name}"), &to("http://127.0.0.1:1/")).status, 201);
    }
    drop(host);
    let keys = api_key("app", &["send"], "gateways = [\"keyed\"]");
    site.configure(&format!(
        "{}\n{keys}[routes.default]\ngateways = [\"outbox\", \"routed\"]\n",
        site.configuration()
    ));
    let host = start(&site);
    for (name, key) in [("routed", "routes.default.gateways"), ("keyed", "api_keys.gateways")] {
        let answer = host.delete(&format!("/v1/gateways/{name}"));
        answer.problem(409);
        let detail = answer.body["detail"].as_str().unwrap();
        let line =
            site.configuration().lines().position(|line| line.contains(&format!("\"{name}\""))).unwrap() + 1;
        assert!(
            detail.contains(&format!("gatepost.toml:{line}: {key}: there is no gateway \"{name}\"")),
            "{detail}"
        );
        assert!(file(&site, name).exists());
        assert_eq!(host.get(&format!("/v1/gateways/{name}")).status, 200);
    }
    assert_eq!(host.delete("/v1/gateways/free").status, 204);
    assert_eq!(files(&site), ["keyed.toml", "routed.toml"]);
}

#[test]
fn a_configuration_that_is_broken_elsewhere_is_not_gone_on_with() {
    let peer = Nginx::start();
    let site = site("");
    let host = start(&site);
    assert_eq!(host.put("/v1/gateways/mine", &to(&peer.origin())).status, 201);
    site.add_gateways("broken.toml", "[gateways.\n");
    let before = everything(site.path());
    for answer in [
        host.put("/v1/gateways/mine", &to("http://127.0.0.1:1/")),
        host.put("/v1/gateways/more", &to("http://127.0.0.1:1/")),
        host.delete("/v1/gateways/mine"),
    ] {
        answer.problem(409);
        assert!(answer.body["detail"].as_str().unwrap().contains("broken.toml:1: TOML: "), "{answer:?}");
    }
    assert_eq!(everything(site.path()), before);
    assert_eq!(host.send_and_wait("mine", TO, "as before").status, 200);
    fs::remove_file(file(&site, "broken")).unwrap();
    assert_eq!(host.delete("/v1/gateways/mine").status, 204);
}

#[test]
fn no_link_leads_out_of_the_folder() {
    let site = site("");
    let elsewhere = tempfile::tempdir().unwrap();
    let victim = elsewhere.path().join("victim.toml");
    let text = "[gateways.linked]\nprovider = \"http\"\nparameters = { URL = \"http://127.0.0.1:1/\" }\n";
    fs::write(&victim, text).unwrap();
    fs::create_dir(site.path().join("gateways.d")).unwrap();
    symlink(&victim, file(&site, "linked")).unwrap();
    let host = start(&site);
    let changed = |host: &Host| {
        [host.put("/v1/gateways/linked", &to("http://127.0.0.1:1/")), host.delete("/v1/gateways/linked")]
    };
    for answer in changed(&host) {
        answer.problem(409);
    }
    assert!(file(&site, "linked").is_symlink());
    drop(host);

    fs::remove_dir_all(site.path().join("gateways.d")).unwrap();
    fs::rename(&victim, elsewhere.path().join("linked.toml")).unwrap();
    symlink(elsewhere.path(), site.path().join("gateways.d")).unwrap();
    let host = start(&site);
    for answer in changed(&host) {
        answer.problem(409);
    }
    host.put("/v1/gateways/more", &to("http://127.0.0.1:1/")).problem(409);
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(elsewhere.path().join("linked.toml")).unwrap(), text);
}

#[test]
fn files_that_can_not_be_used_are_no_fault_of_the_caller() {
    let site = site("");
    let host = start(&site);
    // What not even root can write into.
    fs::write(site.path().join("gateways.d"), "").unwrap();
    let answer = host.put("/v1/gateways/mine", &to("http://127.0.0.1:1/"));
    answer.problem(503);
    assert!(answer.body["detail"].as_str().unwrap().ends_with("nothing was changed"), "{answer:?}");
    assert_eq!(host.send_and_wait("outbox", TO, "as before").status, 200);
}

#[test]
fn only_an_admin_changes_and_checks_definitions() {
    let keys = [
        api_key("sender", &["send"], ""),
        api_key("narrow", &["admin"], "gateways = [\"outbox\"]"),
        api_key("receiver", &["receipt"], ""),
    ];
    let site = site(&keys.concat());
    let host = start(&site);
    assert_eq!(host.put("/v1/gateways/mine", &to("http://127.0.0.1:1/")).status, 201);
    for key in ["reader", "sender", "receiver", "narrow"] {
        let with =
            |request: reqwest::blocking::RequestBuilder| client::send(request.bearer_auth(key)).unwrap();
        let bare = client::new();
        with(bare.put(host.url("/v1/gateways/mine")).json(&to("http://127.0.0.1:2/"))).problem(403);
        with(bare.put(host.url("/v1/gateways/fresh")).json(&to("http://127.0.0.1:2/"))).problem(403);
        with(bare.delete(host.url("/v1/gateways/mine"))).problem(403);
        with(bare.post(host.url("/v1/gateways/mine/check"))).problem(403);
    }
    let bare = client::new();
    client::send(bare.put(host.url("/v1/gateways/mine")).json(&to("http://127.0.0.1:2/")))
        .unwrap()
        .problem(401);
    assert_eq!(host.get("/v1/gateways/mine").body["parameters"]["URL"], "http://127.0.0.1:1/");
    assert_eq!(files(&site), ["mine.toml"]);

    // Without any key in the configuration nobody changes anything.
    let open = Site::new("");
    let host = Host::start(&open);
    assert_eq!(host.get("/v1/gateways").status, 200);
    assert_eq!(host.get("/v1/gateways/outbox").status, 200);
    assert_eq!(host.get("/v1/providers/http").status, 200);
    host.put("/v1/gateways/mine", &to("http://127.0.0.1:1/")).problem(403);
    host.delete("/v1/gateways/outbox").problem(403);
    host.post("/v1/gateways/outbox/check", &json!({})).problem(403);
    assert_eq!(files(&open), [""; 0]);
}
