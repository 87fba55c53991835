//! `gatepost api-key`.

use gatepost_tests::{Host, Site, gatepost};
use serde_json::{Value, json};
use std::collections::HashSet;

/// The key, and the block for the configuration.
fn made(arguments: &[&str]) -> (String, String) {
    let ended = gatepost(&[&["api-key", "new"][..], arguments].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let (key, block) = ended.stdout.split_once("\n\n").unwrap();
    assert!(!ended.stderr.contains(key) && !block.contains(key), "it is printed once: {ended:?}");
    (key.to_owned(), block.to_owned())
}

#[test]
fn a_key_is_made_configured_and_used() {
    let site = Site::new("[routes.default]\ngateways = [\"outbox\"]\n");
    let everything = [
        "--scope",
        "send",
        "--scope",
        "read",
        "--route",
        "default",
        "--gateway",
        "outbox",
        "--rate",
        "100/s",
    ];
    let (key, block) = made(&[&["app"][..], &everything].concat());
    let (plain, plain_block) = made(&["plain"]);
    site.configure(&[site.configuration(), block, plain_block].concat());
    let checked = gatepost(&["check", "--config", site.config().to_str().unwrap()]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(!checked.output().contains("api_keys"), "{checked:?}");
    let host = Host::start(&site).with_key(&key);
    assert_eq!(host.send_and_wait("outbox", "+491701234567", "hello").status, 200);
    assert_eq!(host.get("/v1/messages").body["messages"].as_array().unwrap().len(), 1);
    let host = host.with_key(&plain);
    assert_eq!(host.send_and_wait("outbox", "+491701234567", "hello").status, 200);
    host.get("/v1/events").problem(403);
    let host = host.with_key(&plain[..plain.len() - 1]);
    host.get("/v1/messages").problem(401);
    assert_eq!(site.outbox().lines().count(), 2);
}

#[test]
fn keys_are_long_random_and_fit_for_addresses_and_shells() {
    let keys = (0..20).map(|_| made(&["app"]).0).collect::<Vec<_>>();
    assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
    for key in &keys {
        let random = key.strip_prefix("gp_").unwrap();
        // Six bits each.
        assert!(random.len() * 6 >= 160, "{key}");
        assert!(random.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{key}");
    }
    // No place of it is always the same.
    let length = keys[0].len();
    for at in 3..length {
        let characters = keys.iter().map(|key| key.as_bytes()[at]).collect::<HashSet<_>>();
        assert!(characters.len() > 1, "{at}");
    }
}

#[test]
fn programs_get_json() {
    let ended = gatepost(&["api-key", "new", "app", "--scope", "receipt", "--gateway", "outbox", "--json"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    let made = serde_json::from_str::<Value>(&ended.stdout).unwrap();
    assert_eq!(made["name"], "app");
    let block = made["toml"].as_str().unwrap().parse::<toml::Table>().unwrap();
    let entry = &block["api_keys"][0];
    assert_eq!(entry["scopes"].as_array().unwrap()[0].as_str(), Some("receipt"));
    assert_eq!(json!(entry["sha256"].as_str()), made["sha256"]);
    let hash = sha2_of(made["key"].as_str().unwrap());
    assert_eq!(made["sha256"], hash);
}

fn sha2_of(text: &str) -> String {
    use sha2::{Digest as _, Sha256};
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn what_no_configuration_would_take_is_wrong_usage() {
    for arguments in [
        &["a b"][..],
        &["a", "--scope", "root"],
        &["a", "--route", "no/name"],
        &["a", "--gateway", ""],
        &["a", "--rate", "fast"],
        &["a", "--rate", "0/s"],
        &[],
    ] {
        let ended = gatepost(&[&["api-key", "new"][..], arguments].concat());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}: {ended:?}");
        assert!(!ended.stderr.is_empty());
    }
}
