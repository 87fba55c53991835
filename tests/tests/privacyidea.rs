//! privacyIDEA with the definitions of `docs/privacyidea.md`, from a login to the SMSC.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

use gatepost_tests::{
    Answer, Host, Site,
    guide::Guide,
    peers::{privacyidea::PrivacyIdea, smsc::Smsc},
};
use serde_json::json;
use std::fs;

/// An SMSC, a Gatepost with a gateway to it, and a privacyIDEA that sends through that.
struct Chain {
    smsc: Smsc,
    host: Host,
    privacyidea: PrivacyIdea,
    _site: Site,
}

impl Chain {
    fn start() -> Self {
        let (guide, smsc) = (Guide::read("privacyidea.md"), Smsc::start());
        let (key, hash) = guide.api_key();
        let definition = guide
            .block("toml", "[gateways.carrier]")
            .with("HASH", &hash)
            .with("smsc.example.com", "127.0.0.1")
            .with("2775", &smsc.port.to_string());
        let site = Site::new(definition.text());
        fs::write(site.path().join("smsc-password"), "pass5521").unwrap();
        let host = Host::start(&site).with_key(&key);
        let privacyidea = PrivacyIdea::start();
        let gateway = guide.block("json", "HttpSMSProvider").with("http://127.0.0.1:8025", &host.url(""));
        let gateway = gateway.with("Bearer KEY", &format!("Bearer {key}"));
        privacyidea.value("/smsgateway", &serde_json::from_str(gateway.text()).unwrap());
        privacyidea.value("/system/setConfig", &json!({ "sms.identifier": "gatepost" }));
        Self { smsc, host, privacyidea, _site: site }
    }

    fn enrol(&self, serial: &str, phone: &str) {
        let token = json!({ "type": "sms", "serial": serial, "phone": phone, "pin": "1234", "genkey": 1 });
        self.privacyidea.value("/token/init", &token);
    }

    /// A user gives the PIN, and is asked for the code.
    fn challenge(&self, serial: &str) -> Answer {
        self.privacyidea.post("/validate/check", &json!({ "serial": serial, "pass": "1234" }))
    }
}

#[test]
fn a_user_logs_in_with_a_code_that_came_through_gatepost() {
    let chain = Chain::start();
    chain.enrol("SMS1", "+49 (170) 123-4567");
    let challenged = chain.challenge("SMS1");
    assert_eq!(
        challenged.body["result"]["authentication"],
        "CHALLENGE",
        "{challenged:?}\n{}",
        chain.privacyidea.output()
    );

    let submits = chain.smsc.submits();
    let [submit] = &submits[..] else { panic!("{submits:?}") };
    assert_eq!(
        (&submit["destination_addr"], &submit["source_addr"]),
        (&json!("+491701234567"), &json!("ACME"))
    );
    let text = submit["short_message"].as_str().unwrap();
    let code = text.strip_prefix("Your code is ").unwrap_or_else(|| panic!("{text}"));
    assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()), "{text}");
    let listed = chain.host.get("/v1/messages");
    let message = &listed.body["messages"][0];
    assert_eq!(
        (&message["state"], &message["route"], &message["gateway"]),
        (&json!("sent"), &json!("logins"), &json!("carrier"))
    );

    let log_in = |pass: &str| {
        let transaction = &challenged.body["detail"]["transaction_id"];
        let answer = json!({ "serial": "SMS1", "pass": pass, "transaction_id": transaction });
        chain.privacyidea.post("/validate/check", &answer).body["result"]["authentication"].clone()
    };
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert_eq!((log_in(wrong), log_in(code)), (json!("REJECT"), json!("ACCEPT")));
    // Marked as secret, the key is shown to nobody.
    let gateways = chain.privacyidea.get("/smsgateway/");
    assert_eq!(
        gateways.body["result"]["value"][0]["headers"]["Authorization"], "__CENSORED__",
        "{gateways:?}"
    );
}

#[test]
fn privacyidea_hears_what_could_not_be_sent() {
    let mut chain = Chain::start();
    // The words of the page stand in the answer or in the log.
    let unsent = |chain: &Chain, serial: &str, words: &str| {
        let answer = chain.challenge(serial);
        assert_ne!(answer.body["result"]["authentication"], "CHALLENGE", "{answer:?}");
        let said = answer.text + &chain.privacyidea.output();
        assert!(said.contains(words), "{said}");
    };
    // Refused by Gatepost: a number without its plus is a JSON number to privacyIDEA.
    chain.enrol("NUMBER", "491701234567");
    unsent(&chain, "NUMBER", "SMS could not be sent: 422");
    // Not sent within the wait, since nobody takes it.
    chain.enrol("AWAY", "+491701234567");
    chain.smsc.kill();
    unsent(&chain, "AWAY", "We received a none success reply");
    let listed = chain.host.get("/v1/messages");
    assert_eq!(listed.body["messages"][0]["state"], "queued", "{listed:?}");
    assert_eq!(chain.smsc.submits().len(), 0);
}
