//! Values come through as they are, however Python writes them.

use super::{definition, export, gateway, import, site};
use serde_json::{Map, Value, json};

/// Texts that YAML 1.1 and 1.2, JSON and TOML write or read each in their own way.
fn texts() -> Vec<String> {
    let long = "word ".repeat(60);
    [
        "0891234567",
        "1e5",
        "1_000",
        "0x1F",
        "0o14",
        "012",
        "1:30",
        "12.50",
        "+49170",
        "-",
        "yes",
        "No",
        "on",
        "true",
        "null",
        "~",
        "NaN",
        "2026-01-01",
        "=",
        "<<",
        "!tag",
        "&anchor",
        "*alias",
        "# no comment",
        "a # b",
        "a: b",
        "- a",
        "[a, b]",
        "{a: b}",
        "%x",
        "@x",
        "`x`",
        " leading",
        "trailing ",
        "two\nlines",
        "\nnewlines\n\n",
        "tab\there",
        "cr\r\nlf",
        "it's \"quoted\" \\ back",
        "'''",
        "\"\"\"",
        "ü 漢 😀 \u{a0}\u{2028}\u{feff}",
        "\u{7f}\u{85}\u{1}",
        r"/[+-/. ]\d+(?P<x>y)/\g<x>/",
        "{ env = \"HOME\" }",
        "|",
        ">",
        "?",
        "---",
        "...",
        "",
        "x: |\n  y",
        "{{{otp}",
        long.as_str(),
    ]
    .map(str::to_owned)
    .to_vec()
}

fn come_through(format: &str) {
    let site = site();
    let mut options = Map::new();
    options.insert("URL".into(), "http://127.0.0.1:9/".into());
    options.insert("HTTP_METHOD".into(), "POST".into());
    for (number, text) in texts().into_iter().enumerate() {
        // As a value, and as a key.
        options.insert(format!("o{number}"), text.clone().into());
        options.insert(format!("k{text}"), "x".into());
    }
    let configuration =
        json!({ "smsgateway": { "all": gateway("HttpSMSProvider", Value::Object(options.clone())) } });
    let file = export(&site, format, &configuration);
    let ended = import(&site, &file, &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");

    let written: toml::Table = definition(&site, "all").parse().unwrap();
    let read = written["gateways"]["all"]["options"].as_table().unwrap();
    options.shift_remove("URL");
    options.shift_remove("HTTP_METHOD");
    for (key, value) in &options {
        assert_eq!(read.get(key).and_then(toml::Value::as_str), value.as_str(), "{key:?} in {format}");
    }
    assert_eq!(read.len(), options.len());
    if format == "json" {
        assert!(read.keys().eq(options.keys()), "in the order of the export");
    }
}

#[test]
fn every_text_comes_through_json() {
    come_through("json");
}

#[test]
fn every_text_comes_through_yaml() {
    come_through("yaml");
}
