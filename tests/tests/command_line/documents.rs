//! `--json`: one document on stdout, nothing else.

use crate::{LONG, TO, run, site};
use gatepost_tests::{Host, site::api_key};
use serde_json::{Value, json};

fn document(arguments: &[&str], code: i32) -> Value {
    let ended = run(arguments, &[("GATEPOST_API_KEY", "chief")]);
    assert_eq!(ended.code, Some(code), "{arguments:?}: {ended:?}");
    assert_eq!(ended.stderr, "", "{arguments:?}");
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error} in {ended:?}"))
}

#[test]
fn every_command_that_answers_does_so_in_json_too() {
    let site = site();
    site.configure(&format!("{}\n{}", site.configuration(), api_key("chief", &["admin"], "")));
    let host = Host::start(&site).with_key("chief");
    let url = host.url("");
    let id = host.send_and_see("outbox", TO, "hello")["id"].as_str().unwrap().to_owned();
    let ask = |arguments: &[&str]| document(&[arguments, &["--json", "--server", &url]].concat(), 0);

    assert_eq!(ask(&["messages"])["messages"][0]["id"], *id);
    assert_eq!(ask(&["messages"]), ask(&["messages", "list"]));
    assert_eq!(ask(&["messages", "show", &id])["state"], "sent");
    let gateways = ask(&["gateways"]);
    assert_eq!(gateways, ask(&["gateways", "list"]));
    assert_eq!(gateways, host.get("/v1/gateways").body);
    assert_eq!(ask(&["gateways", "show", "outbox"]), host.get("/v1/gateways/outbox").body);
    let checked = ask(&["gateways", "check", "outbox"]);
    assert_eq!((checked["problems"].as_array().map(Vec::len), checked.get("probe")), (Some(0), None));
    assert_eq!(ask(&["gateways", "check", "outbox", "--probe"])["probe"]["outcome"], "ok");
    assert_eq!(ask(&["routes"]), host.get("/v1/routes").body);
    assert_eq!(ask(&["routes", "explain", "--to", TO])["gateways"][0]["name"], "outbox");
    assert_eq!(ask(&["send", "--to", TO, "hello"])["state"], "sent");
    assert_eq!(ask(&["top", "--once"])["gateways"][0]["name"], LONG);
    assert_eq!(ask(&["reload"])["gateways"]["kept"], 2);

    let config = site.config();
    let local = ["--json", "--config", config.to_str().unwrap()];
    let providers = document(&[&["providers"][..], &local].concat(), 0);
    let (here, there) = (&providers["providers"], &host.get("/v1/providers").body["providers"]);
    assert_eq!(here, there);
    let script = document(&[&["providers", "script"][..], &local].concat(), 0);
    assert_eq!(script, host.get("/v1/providers/script").body);
    let checked = document(&[&["check", "--probe"][..], &local].concat(), 0);
    assert_eq!((&checked["problems"], checked["gateways"].as_array().map(Vec::len)), (&json!([]), Some(2)));
    assert_eq!(checked["probes"][0]["outcome"], "ok");
    site.configure(&site.configuration().replace("[store]", "[store]\nno_such_key = 1"));
    let checked = document(&[&["check"][..], &local].concat(), 2);
    let problem = &checked["problems"][0];
    assert_eq!((&problem["key"], checked.get("probes")), (&json!("store.no_such_key"), Some(&Value::Null)));
    assert!(problem["location"].as_str().unwrap().contains("gatepost.toml:"), "{problem}");
    document(&["api-key", "new", "app", "--json"], 0);
}

#[test]
fn a_check_that_finds_something_ends_with_1() {
    let site = site();
    site.configure(&format!("{}\n{}", site.configuration(), api_key("chief", &["admin"], "")));
    let host = Host::start(&site).with_key("chief");
    std::fs::remove_file(site.path().join("scripts/strict")).unwrap();
    let check = |more: &[&str]| {
        let server = ["gateways", "check", LONG, "--server", &host.url("")].map(str::to_owned);
        let arguments = server.iter().map(String::as_str).chain(more.iter().copied()).collect::<Vec<_>>();
        run(&arguments, &[("GATEPOST_API_KEY", "chief")])
    };
    let checked = check(&[]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    assert!(checked.stdout.contains("strict") && checked.stdout.contains("gatepost.toml:"), "{checked:?}");
    assert_eq!(check(&["--json"]).code, Some(1));

    site.configure(&site.configuration().replace("[store]", "[store]\nno_such_key = 1"));
    let reloaded = run(&["reload", "--server", &host.url("")], &[("GATEPOST_API_KEY", "chief")]);
    assert_eq!(reloaded.code, Some(2), "{reloaded:?}");
    assert!(
        reloaded.stderr.contains("not reloaded") && reloaded.stderr.contains("no_such_key"),
        "{reloaded:?}"
    );
    assert_eq!(host.get("/v1/gateways").status, 200, "the old one still runs");
}
