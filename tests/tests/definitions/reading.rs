//! What there is, for those who may read it.

use super::{site, start, to};
use gatepost_tests::{Answer, Host, client, command, fixtures, site::api_key, tree};
use serde_json::{Value, json};
use std::fs;

fn get(host: &Host, key: &str, path: &str) -> Answer {
    client::send(client::new().get(host.url(path)).bearer_auth(key)).unwrap()
}

fn names(answer: &Answer, list: &str) -> Vec<String> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let items = answer.body[list].as_array().unwrap();
    items.iter().map(|item| item["name"].as_str().unwrap_or("-").to_owned()).collect()
}

#[test]
fn a_key_sees_the_gateways_that_it_may_use() {
    let keys = [
        api_key("some", &["read"], "gateways = [\"second\"]"),
        api_key("routed", &["read"], "routes = [\"default\"]"),
        api_key("sender", &["send"], ""),
    ];
    let more = r#"
[gateways.second]
provider = "http"
parameters = { URL = "http://127.0.0.1:1/" }
[gateways.third]
provider = "http"
parameters = { URL = "http://127.0.0.1:1/" }
[routes.default]
gateways = ["third", "outbox"]
strategy = "weighted"
weights = { third = 3 }
[routes.other]
gateways = ["second"]
"#;
    let site = site(&(more.to_owned() + &keys.concat()));
    let host = start(&site);
    for (key, seen) in [
        ("admin", &["outbox", "second", "third"][..]),
        ("reader", &["outbox", "second", "third"]),
        ("some", &["second"]),
        ("routed", &["outbox", "third"]),
    ] {
        assert_eq!(names(&get(&host, key, "/v1/gateways"), "gateways"), seen, "{key}");
        for name in ["outbox", "second", "third"] {
            let answer = get(&host, key, &format!("/v1/gateways/{name}"));
            assert_eq!(
                answer.status,
                if seen.contains(&name) { 200 } else { 403 },
                "{key} {name}: {answer:?}"
            );
        }
    }
    assert_eq!(get(&host, "reader", "/v1/gateways/missing").status, 404);
    get(&host, "sender", "/v1/gateways").problem(403);
    get(&host, "sender", "/v1/gateways/outbox").problem(403);
    get(&host, "sender", "/v1/providers").problem(403);
    get(&host, "stranger", "/v1/providers/http").problem(401);
    // What a routed key may use are its routes.
    assert_eq!(names(&get(&host, "reader", "/v1/routes"), "routes"), ["default", "other"]);
    assert_eq!(names(&get(&host, "routed", "/v1/routes"), "routes"), ["default"]);
    let routes = get(&host, "reader", "/v1/routes").body;
    assert_eq!(routes["routes"][0]["weights"], json!({ "third": 3, "outbox": 1 }), "{routes}");
    assert_eq!(routes["routes"][1]["weights"], json!(null));
    let explained = get(&host, "routed", "/v1/routes/explain?to=%2B49170").body;
    assert_eq!(explained["route"], "default");
    for gateway in explained["gateways"].as_array().unwrap() {
        assert_eq!((&gateway["usable"], &gateway["why"]), (&json!(true), &json!("up")), "{explained}");
    }
}

#[test]
fn gateways_are_listed_on_the_command_line() {
    let site = site(
        "[gateways.away]\nprovider = \"http\"\nparameters = { URL = \"http://user:canary@127.0.0.1:1/\" }\n",
    );
    let host = start(&site);
    let url = format!("http://{}", host.address);
    let run = |key: &str, arguments: &[&str]| {
        let mut gatepost = command::clean(&tree::binary());
        gatepost.arg("gateways").args(arguments).args(["--server", &url]).env("GATEPOST_API_KEY", key);
        command::run(&mut gatepost, "")
    };
    let listed = run("reader", &[]);
    let lines = listed.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    assert_eq!(
        lines.collect::<Vec<_>>(),
        ["GATEWAY PROVIDER STATE QUEUED IN FLIGHT WHY", "outbox script up 0 0", "away http up 0 0"]
    );
    let json = run("reader", &["--json"]);
    let gateways: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(gateways["gateways"][1]["parameters"]["URL"], "http://user:__CENSORED__@127.0.0.1:1/");
    let refused = run("stranger", &[]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("GATEPOST_API_KEY"), "{refused:?}");
}

#[test]
fn providers_say_what_they_take() {
    let site = site("");
    let courier = site.add_library(fixtures::courier(), "courier.so");
    fs::write(site.path().join("garbage"), "no library").unwrap();
    let garbage = site.add_library(&site.path().join("garbage"), "libgarbage.so");
    let again = site.add_library(fixtures::courier(), "courier-2.so");
    let host = start(&site);
    let list = get(&host, "reader", "/v1/providers");
    assert_eq!(
        names(&list, "providers"),
        ["firebase", "http", "script", "sipgate", "smpp", "smtp", "courier", "courier", "-"]
    );
    let of = |path: &std::path::Path| {
        let providers = list.body["providers"].as_array().unwrap();
        providers
            .iter()
            .find(|provider| provider["path"] == path.to_str().unwrap())
            .unwrap_or_else(|| panic!("{list:?}"))
    };
    let states = [&courier, &again].map(|path| of(path)["state"].as_str().unwrap());
    assert!(states.contains(&"loaded") && states.contains(&"shadowed"), "{list:?}");
    assert_eq!(of(&garbage)["state"], "refused");
    assert!(
        of(&garbage)["why"].as_str().unwrap().contains("; "),
        "what is wrong and how to mend it: {list:?}"
    );
    for member in ["version", "api", "sha256"] {
        assert!(list.body["providers"][1][member].is_string(), "{member}: {list:?}");
    }
    assert_eq!(list.body["providers"][1]["why"], json!(null));

    let http = get(&host, "reader", "/v1/providers/http").body;
    assert_eq!(
        (&http["name"], &http["state"], &http["api"]),
        (&json!("http"), &json!("loaded"), &json!("1.1"))
    );
    for member in ["options_allowed", "headers_allowed", "parses_receipts"] {
        assert_eq!(http[member], true, "{member}");
    }
    let parameter = |provider: &Value, name: &str| {
        let parameters = provider["parameters"].as_array().unwrap();
        parameters.iter().find(|parameter| parameter["name"] == name).unwrap().clone()
    };
    let url = parameter(&http, "URL");
    assert_eq!(
        (&url["required"], &url["kind"], &url["default"]),
        (&json!(true), &json!("text"), &json!(null))
    );
    assert_eq!((&url["secret"], &url["harmless"]), (&json!(false), &json!(false)));
    let method = parameter(&http, "HTTP_METHOD");
    assert_eq!((&method["choices"], &method["default"]), (&json!(["GET", "POST", "PUT"]), &json!("GET")));
    assert_eq!(parameter(&http, "PASSWORD")["secret"], true);
    assert_eq!(parameter(&http, "CA_FILE")["kind"], "path");
    let smpp = get(&host, "reader", "/v1/providers/smpp").body;
    let port = parameter(&smpp, "SMSC_PORT");
    assert_eq!((&port["kind"], &port["min"], &port["max"]), (&json!("integer"), &json!(1), &json!(65_535)));
    let script = get(&host, "reader", "/v1/providers/script").body;
    assert_eq!(parameter(&script, "SCRIPT")["aliases"], json!(["script"]));
    assert_eq!(script["settings"][0]["name"], "directory");

    let refused = get(&host, "reader", "/v1/providers/garbage").body;
    assert_eq!((&refused["state"], &refused["parameters"]), (&json!("refused"), &json!([])));
    for missing in ["htp", "..%2fhttp", "HTTP", "%00"] {
        get(&host, "reader", &format!("/v1/providers/{missing}")).problem(404);
    }
    get(&host, "reader", "/v1/providers?x=1").problem(422);

    // What a provider says is enough to write a definition.
    assert_eq!(host.put("/v1/gateways/mine", &to("http://127.0.0.1:1/")).status, 201);
}
