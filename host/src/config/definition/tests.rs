use super::{super::Config, *};
use gatepost_provider_api::{Declaration, Parameter};
use serde_json::json;
use std::fs;

/// Nearly that of the provider http.
fn declaration() -> Declaration {
    [
        "URL",
        "HTTP_PROXY",
        "CHECK_SSL",
        "REDIRECTS",
        "USERNAME",
        "TIMEOUT",
        "PASSWORD",
        "SMTPIDENTIFIER",
        "SMSC_HOST",
    ]
    .into_iter()
    .fold(Declaration::new(""), |declaration, name| declaration.parameter(Parameter::text(name)))
    .parameter(Parameter::text("PIN").alias("pin").secret())
    .parameter(Parameter::path("CA_FILE").alias("CA"))
    .parameter(Parameter::table("PARAMETER"))
    .allow_options()
    .allow_headers()
    .harmless(&["USERNAME", "TIMEOUT", "PASSWORD", "PIN", "PARAMETER"])
    .harmless_fields()
}

const STORED: &str = r#"
[gateways."a.b"]
provider = "http"
description = "https://me:inner-canary@docs.example"
valid_for = "2m"
max_in_flight = 3
retry = { attempts = 2, first = "1s" }
[gateways."a.b".parameters]
URL = "https://user:url-canary@sms.example/send?token=query-canary&to={phone}"
HTTP_PROXY = "http://proxy.example:3128"
PASSWORD = "password-canary"
pin = 1234
TIMEOUT = 1.50
CHECK_SSL = true
USERNAME = { env = "A_USER" }
CA_FILE = "ca.pem"
PARAMETER = { kind = "x", secret = "parameter-canary", other = { file = "other" } }
[gateways."a.b".options]
z = "last"
password = { env = "A_PASSWORD" }
my_token = "option-canary"
payload = '{"apikey": "json-canary"}'
text = "{otp}"
empty_password = ""
[gateways."a.b".headers]
Authorization = "Basic header-canary"
X-Tag = "login"
"#;

fn stored() -> Written {
    written(STORED)
}

fn written(text: &str) -> Written {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gatepost.toml");
    fs::write(&file, text).unwrap();
    fs::write(folder.path().join("other"), "file-canary").unwrap();
    let environment = |_: &str| Some("env-canary".to_owned());
    Config::load(&file, &environment).unwrap().gateways.remove(0).written
}

fn shown() -> Map<String, Value> {
    stored().shown(&declaration())
}

/// What is shown, with this in place of the value at the pointer, or without it.
fn with(pointer: &str, value: Option<Value>) -> Map<String, Value> {
    let mut body = Value::Object(shown());
    let (table, name) = pointer.rsplit_once('/').unwrap();
    let table = body.pointer_mut(table).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => drop(table.insert(name.to_owned(), value)),
        None => drop(table.shift_remove(name).unwrap()),
    }
    body.as_object().cloned().unwrap()
}

fn take(body: &Map<String, Value>) -> Result<Written, Vec<Objection>> {
    replacement(body, Some(&stored()), &declaration())
}

fn pointers(objections: &[Objection]) -> Vec<&str> {
    objections.iter().map(|objection| objection.pointer.as_str()).collect()
}

#[test]
fn what_is_shown_has_no_secret_and_says_what_is_one() {
    let shown = Value::Object(shown());
    assert_eq!(
        shown,
        json!({
            "provider": "http", "description": "https://me:__CENSORED__@docs.example", "valid_for": "2m", "max_in_flight": 3,
            "retry": { "attempts": 2, "first": "1s" },
            "parameters": {
                "URL": "https://user:__CENSORED__@sms.example/send?token=__CENSORED__&to={phone}",
                "HTTP_PROXY": "http://proxy.example:3128", "PASSWORD": CENSORED, "pin": CENSORED, "TIMEOUT": "1.50", "CHECK_SSL": true,
                "USERNAME": { "env": "A_USER" }, "CA_FILE": "ca.pem",
                "PARAMETER": { "kind": "x", "secret": CENSORED, "other": { "file": "other" } },
            },
            "options": {
                "z": "last", "password": { "env": "A_PASSWORD" }, "my_token": CENSORED, "payload": CENSORED, "text": "{otp}",
                "empty_password": "",
            },
            "headers": { "Authorization": CENSORED, "X-Tag": "login" },
        })
    );
    let order = shown["options"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(order, ["z", "password", "my_token", "payload", "text", "empty_password"]);
    assert!(!format!("{:?}", stored()).contains("canary"));
}

#[test]
fn what_is_shown_can_be_put_back_and_keeps_everything() {
    assert_eq!(take(&shown()).unwrap(), stored());
    let kept = take(&with("/parameters/USERNAME", Some(json!(CENSORED)))).unwrap();
    assert_eq!(kept, stored(), "a reference is kept in place of what it leads to");
    // What the file then holds is read as the same.
    assert_eq!(written(&stored().to_toml("a.b")), stored());
}

#[test]
fn what_is_harmless_changes_while_secrets_stay() {
    for (pointer, value) in [
        ("/description", Some(json!("another"))),
        ("/valid_for", None),
        ("/max_in_flight", Some(json!(9))),
        ("/parameters/TIMEOUT", Some(json!(5))),
        ("/parameters/PASSWORD", Some(json!("a new one"))),
        ("/parameters/PASSWORD", None),
        ("/parameters/PARAMETER/kind", Some(json!("y"))),
        ("/options/text", Some(json!("Your code is {otp}"))),
        ("/options/news", Some(json!("1"))),
        ("/options/z", None),
        ("/headers/X-Tag", Some(json!("alert"))),
        ("/headers/Authorization", Some(json!("Basic new"))),
    ] {
        let body = with(pointer, value.clone());
        let taken = take(&body).unwrap_or_else(|objections| panic!("{pointer}: {objections:?}"));
        assert_eq!(Value::Object(taken.0.clone()).pointer(pointer), value.as_ref(), "{pointer}");
        let text = taken.to_toml("a.b");
        assert!(text.contains("url-canary") && text.contains("json-canary"), "{pointer}: {text}");
    }
}

#[test]
fn nothing_is_kept_once_it_would_go_elsewhere() {
    for (pointer, value, name) in [
        ("/provider", Some(json!("http2")), "provider"),
        ("/parameters/URL", Some(json!("https://evil.example/")), "URL"),
        (
            "/parameters/URL",
            Some(json!("HTTPS://user:url-canary@sms.example/send?token=query-canary&to={phone}")),
            "URL",
        ),
        ("/parameters/URL", None, "URL"),
        ("/parameters/HTTP_PROXY", Some(json!("http://evil.example:3128")), "HTTP_PROXY"),
        ("/parameters/HTTP_PROXY", None, "HTTP_PROXY"),
        ("/parameters/CHECK_SSL", Some(json!(false)), "CHECK_SSL"),
        ("/parameters/CHECK_SSL", None, "CHECK_SSL"),
        ("/parameters/REDIRECTS", Some(json!("yes")), "REDIRECTS"),
        ("/parameters/CA_FILE", None, "CA_FILE"),
        ("/parameters/SMTPIDENTIFIER", Some(json!("evil")), "SMTPIDENTIFIER"),
        ("/parameters/SMSC_HOST", Some(json!("evil.example")), "SMSC_HOST"),
        ("/parameters/UNKNOWN", Some(json!("x")), "UNKNOWN"),
        ("/parameters/PARAMETER/callback", Some(json!("https://evil.example")), "PARAMETER"),
        ("/options/callback", Some(json!("https://evil.example")), "callback"),
        ("/headers/host", Some(json!("evil.example")), "host"),
        ("/headers/X-Forwarded-Host", Some(json!("evil.example")), "X-Forwarded-Host"),
    ] {
        let objections = take(&with(pointer, value)).expect_err(pointer);
        let of_password =
            objections.iter().find(|objection| objection.pointer == "/parameters/PASSWORD").unwrap();
        assert!(
            of_password.detail.contains(&format!("another is: {name}; give its value anew")),
            "{of_password:?}"
        );
        for kept in
            ["/parameters/USERNAME", "/options/password", "/options/my_token", "/headers/Authorization"]
        {
            assert!(pointers(&objections).contains(&kept), "{pointer} {kept}: {objections:?}");
        }
        assert!(!format!("{objections:?}").contains("canary"));
    }
    // Where nothing is kept, everything may change.
    let body =
        json!({ "provider": "http", "parameters": { "URL": "https://other.example", "PASSWORD": "new" } });
    assert!(take(body.as_object().unwrap()).is_ok());
}

#[test]
fn a_secret_stays_at_its_own_place_in_its_own_form() {
    for (pointer, value) in [
        ("/description", json!(CENSORED)),
        ("/description", json!("https://me:__CENSORED__@evil.example")),
        ("/valid_for", json!(CENSORED)),
        ("/parameters/URL", json!(CENSORED)),
        (
            "/parameters/URL",
            json!("https://user:__CENSORED__@sms.example/other?token=__CENSORED__&to={phone}"),
        ),
        ("/parameters/URL", json!("https://sms.example/send?password=__CENSORED__")),
        ("/parameters/HTTP_PROXY", json!("http://x:__CENSORED__@proxy.example:3128")),
        ("/parameters/PASSWORD", json!("__CENSORED__ ")),
        ("/parameters/PASSWORD", json!("x__CENSORED__{otp}")),
        ("/parameters/TIMEOUT", json!(CENSORED)),
        ("/parameters/PARAMETER", json!(CENSORED)),
        ("/parameters/PARAMETER/kind", json!(CENSORED)),
        ("/parameters/PARAMETER/password", json!(CENSORED)),
        ("/options/renamed_token", json!(CENSORED)),
        ("/options/MY_TOKEN", json!(CENSORED)),
        ("/options/text", json!("{otp} __CENSORED__")),
        ("/options/Authorization", json!(CENSORED)),
        ("/options/empty_password", json!(CENSORED)),
        ("/options/payload", json!(r#"{"apikey": "__CENSORED__", "to": "x"}"#)),
        ("/headers/authorization", json!(CENSORED)),
        ("/headers/X-Tag", json!("__CENSORED__")),
        ("/headers/X-Tag", json!(["__CENSORED__"])),
    ] {
        let objections = take(&with(pointer, Some(value.clone()))).expect_err(&format!("{pointer} {value}"));
        let own = objections.iter().find(|objection| objection.pointer.starts_with(pointer)).unwrap();
        assert!(own.detail.starts_with("__CENSORED__ stands for no secret"), "{pointer}: {own:?}");
    }
    // Nor does one of a definition that is gone, or never was, come back.
    let objections = replacement(&shown(), None, &declaration()).unwrap_err();
    assert!(pointers(&objections).contains(&"/parameters/PASSWORD"), "{objections:?}");
}

#[test]
fn no_reference_and_no_path_comes_from_outside() {
    for (pointer, value, words) in [
        ("/provider", json!({ "env": "HOME" }), "a new reference"),
        ("/description", json!({ "file": "/etc/shadow" }), "a new reference"),
        ("/valid_for", json!({ "env": "HOME" }), "a new reference"),
        ("/retry/first", json!({ "env": "HOME" }), "a new reference"),
        ("/parameters/URL", json!({ "env": "HOME" }), "a new reference"),
        ("/parameters/USERNAME", json!({ "env": "ANOTHER" }), "a new reference"),
        ("/parameters/USERNAME", json!({ "file": "A_USER" }), "a new reference"),
        ("/parameters/PARAMETER", json!({ "env": "HOME" }), "a new reference"),
        ("/parameters/PARAMETER/deep", json!({ "file": "/etc/shadow" }), "a new reference"),
        ("/parameters/PARAMETER/other", json!({ "file": "../other" }), "a new reference"),
        ("/options/news", json!({ "env": "A_PASSWORD" }), "a new reference"),
        ("/headers/X-Tag", json!([{ "env": "HOME" }]), "a new reference"),
        ("/colour", json!({ "file": "x" }), "a new reference"),
        ("/parameters/CA_FILE", json!("/etc/shadow"), "a new path"),
        ("/parameters/CA_FILE", json!("./ca.pem"), "a new path"),
        ("/parameters/CA", json!("ca.pem"), "a new path"),
        ("/parameters/CA_FILE", json!(5), "a new path"),
        ("/parameters/CA_FILE", json!({ "file": "ca.pem" }), "a new reference"),
    ] {
        let objections = take(&with(pointer, Some(value.clone()))).expect_err(&format!("{pointer} {value}"));
        let own = objections.iter().find(|objection| objection.pointer.starts_with(pointer)).unwrap();
        assert!(own.detail.starts_with(words), "{pointer}: {own:?}");
    }
}

#[test]
fn what_toml_can_not_hold_is_refused() {
    for (value, words) in [
        (json!(null), "must not be null"),
        (json!(1e300), "is a number that JSON does not keep"),
        (
            serde_json::from_str("123456789012345678901234567890").unwrap(),
            "is a number that JSON does not keep",
        ),
    ] {
        let objections = take(&with("/options/z", Some(value))).unwrap_err();
        assert_eq!(pointers(&objections), ["/options/z"]);
        assert!(objections[0].detail.starts_with(words), "{objections:?}");
    }
    let numbers = take(&with("/options/z", Some(json!(-1.5)))).unwrap();
    assert!(numbers.to_toml("x").contains("\nz = -1.5\n"));
}

#[test]
fn keys_of_the_configuration_have_their_pointers() {
    let body = json!({
        "parameters": { "a.b": 1, "PARAMETER": { "x/y": 1 }, "JSON config file": 1 },
        "options": { "a": 1, "a.b~": 1 }, "retry": { "first": 1 },
    });
    let written = Written(body.as_object().cloned().unwrap());
    for (key, pointer) in [
        ("", ""),
        ("provider", "/provider"),
        ("parameters.URL", "/parameters/URL"),
        ("parameters.a.b", "/parameters/a.b"),
        ("parameters.PARAMETER.x/y", "/parameters/PARAMETER/x~1y"),
        ("parameters.JSON config file", "/parameters/JSON config file"),
        ("options.a.b~", "/options/a.b~0"),
        ("options.a", "/options/a"),
        ("options.missing.x", "/options/missing.x"),
        ("headers.X-A", "/headers/X-A"),
        ("retry.max", "/retry/max"),
    ] {
        assert_eq!(written.pointer(key), pointer, "{key}");
    }
}
