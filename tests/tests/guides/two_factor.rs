//! `docs/two-factor-operator.md`: a code comes by the first gateway, and by the second when that one is away.

use crate::well;
use gatepost_tests::{
    Host, Site,
    guide::Guide,
    peers::{nginx::Nginx, smsc::Smsc},
};
use serde_json::{Value, json};

#[test]
fn the_steps_lead_to_a_code_that_comes_although_a_provider_is_down() {
    let guide = Guide::read("two-factor-operator.md");
    let (key, hash) = guide.api_key();
    let environment = [
        ("SMS_AUTHORIZATION", "Bearer of-the-service"),
        ("SMSC_PASSWORD", "pass5521"),
        ("KEY", key.as_str()),
    ];
    let (mut service, smsc) = (Nginx::start(), Smsc::start());
    let site = Site::new(guide.block("toml", "[[api_keys]]").with("HASH", &hash).text());
    let gateways = guide
        .block("toml", "[gateways.main]")
        .with("https://sms.example.com", &service.origin())
        .with("smsc.example.com", "127.0.0.1")
        .with("2775", &smsc.port.to_string());
    site.add_gateways("logins.toml", gateways.text());
    well(&site, guide.block("sh", "gatepost check --probe").text(), &environment);
    let probed = service.arrived().len();

    let host = Host::start_in(&site, &environment);
    let send = guide.block("sh", "curl").with("http://127.0.0.1:8025", &host.url(""));
    let log_in = |idempotency: &str| -> Value {
        let script = send.text().replace("login-8842-1", idempotency);
        serde_json::from_str(&well(&site, &script, &environment)).unwrap()
    };
    let first = log_in("login-8842-1");
    assert_eq!((&first["state"], &first["gateway"]), (&json!("sent"), &json!("main")), "{first}");
    let arrived = service.until_arrived(probed + 1);
    let body: Value = serde_json::from_str(arrived.last().unwrap().body()).unwrap();
    assert_eq!(body, json!({ "to": "+491701234567", "text": "Your code is 123456" }));
    assert_eq!(log_in("login-8842-1")["id"], first["id"], "a repeated request does nothing else");

    service.kill();
    let second = log_in("login-8842-2");
    assert_eq!((&second["state"], &second["gateway"]), (&json!("sent"), &json!("backup")), "{second}");
    assert_eq!(smsc.submits()[0]["short_message"], "Your code is 123456");
    assert!(!host.log().contains("123456"));
}
