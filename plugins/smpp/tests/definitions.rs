//! Which definitions are taken, and what is said of the others.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

use gatepost_provider_api::{
    Context, Definition, Problem, Provider,
    serde_json::{Value, json},
    tokio,
};
use gatepost_provider_smpp::Smpp;

fn create(change: &Value) -> Result<Smpp, Vec<Problem>> {
    let mut definition = Definition { gateway: "gw".into(), ..Definition::default() };
    definition.parameters.insert("SMSC_HOST".into(), json!("smsc.example"));
    definition.parameters.insert("SMSC_PORT".into(), json!("2775"));
    definition.parameters.extend(change.as_object().cloned().unwrap_or_default());
    definition.parameters.retain(|_, value| !value.is_null());
    let definition = Smpp::declaration().check(&definition)?;
    Smpp::create(definition, Context::for_tests("gw").unwrap())
}

#[tokio::test]
async fn each_mistake_is_said_with_its_key_and_its_mend() {
    for (change, key, says) in [
        (json!({ "SMSC_HOST": null }), "SMSC_HOST", "required key is missing"),
        (json!({ "SMSC_HOST": "a b" }), "SMSC_HOST", "neither a name nor an address"),
        (json!({ "SMSC_PORT": null }), "SMSC_PORT", "required key is missing"),
        (json!({ "SMSC_PORT": "0" }), "SMSC_PORT", "from 1 to 65535"),
        (json!({ "SYSTEM_ID": "a".repeat(16) }), "SYSTEM_ID", "longer than the 15"),
        (json!({ "PASSWORD": "secret-long" }), "PASSWORD", "longer than the 8"),
        (json!({ "PASSWORD": "sécret" }), "PASSWORD", "not ASCII"),
        (json!({ "SYSTEM_TYPE": "a\tb" }), "SYSTEM_TYPE", "control character"),
        (json!({ "S_ADDR": "1".repeat(21) }), "S_ADDR", "longer than the 20"),
        (json!({ "S_ADDR_TON": "256" }), "S_ADDR_TON", "from 0 to 255"),
        (json!({ "D_ADDR_NPI": "0xg" }), "D_ADDR_NPI", "from 0 to 255"),
        (json!({ "REGEXP": "/+/00/" }), "REGEXP", "nothing for `+` to repeat"),
        (json!({ "BIND": "both" }), "BIND", "must be one of"),
        (json!({ "WINDOW": 0 }), "WINDOW", "from 1 to 1000"),
        (json!({ "TPS": "fast" }), "TPS", "whole number"),
        (json!({ "LONG": "UDH" }), "LONG", "did you mean \"udh\"?"),
        (json!({ "ENCODING": "utf8" }), "ENCODING", "must be one of"),
        (json!({ "MAX_PARTS": 256 }), "MAX_PARTS", "from 1 to 255"),
        (json!({ "TLS": "yes", "CA_FILE": "/nowhere/ca.pem" }), "CA_FILE", "can't be used"),
        (json!({ "SYSTEMID": "x" }), "SYSTEMID", "did you mean SYSTEM_ID?"),
    ] {
        let problems = create(&change).unwrap_err();
        assert_eq!(problems.len(), 1, "{change}: {problems:?}");
        assert_eq!(problems[0].key, key, "{change}: {problems:?}");
        assert!(problems[0].to_string().contains(says), "{change}: {}", problems[0]);
        assert!(!problems[0].to_string().contains("cret"), "{}", problems[0]);
    }
}

#[tokio::test]
async fn all_mistakes_are_said_at_once() {
    let change =
        json!({ "SYSTEM_ID": "a".repeat(16), "PASSWORD": "a".repeat(9), "S_ADDR_TON": "x", "REGEXP": "y" });
    let problems = create(&change).unwrap_err();
    let keys = problems.iter().map(|problem| problem.key.as_str()).collect::<Vec<_>>();
    assert_eq!(keys, ["REGEXP", "SYSTEM_ID", "PASSWORD", "S_ADDR_TON"]);
}

#[tokio::test]
async fn a_definition_is_taken_as_privacyidea_has_it() {
    let change = json!({
        "SYSTEM_ID": "id", "PASSWORD": "pass", "S_ADDR": "Sender", "S_ADDR_TON": "0x5", "S_ADDR_NPI": "1", "D_ADDR_TON": "0x1",
        "D_ADDR_NPI": "0x01",
    });
    let taken = create(&change).unwrap();
    assert_eq!(taken.total_timeout().unwrap().as_secs(), 30);
    assert!(create(&json!({ "SMSC_HOST": "::1" })).is_ok());
}
