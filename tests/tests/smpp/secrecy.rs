//! Canaries: a value of its own in password, texts and number, and none of them in anything that is said.

use super::gateway_with;
use gatepost_tests::{Host, Site, eventually, peers::smsc::Smsc, tree};
use serde_json::{Value, json};

const TEXT: &str = "canary-text says 48151623";
const PHONE: &str = "+491709998877";

const CANARIES: [(&str, &str); 6] = [
    ("password", "canaryPW"),
    ("text", "canary-text"),
    ("code", "48151623"),
    ("inbound text", "canary-inbound"),
    ("number", "491709998877"),
    ("inbound number", "491708887766"),
];

#[test]
fn nothing_secret_is_said() {
    let smsc = Smsc::start();
    smsc.set(&json!({ "receipt": "after" }));
    let keys = "retry = { attempts = 1 }";
    let with = |name: &str, more: &str| {
        gateway_with(name, &smsc, keys, &format!("RESPONSE_TIMEOUT = 1\n{more}"))
            .replace("pass5521", "canaryPW")
    };
    let names = ["right", "refused", "throttled", "silent", "cut", "long"];
    let site =
        Site::new(&(names.map(|name| with(name, "")).concat() + &with("narrow", "ENCODING = \"gsm7\"")));
    let mut host = Host::start_with(&site, &tree::binary(), &["--log", "trace"]);
    let mut said = Vec::new();
    let mut say = |name: &str, text: &str| {
        let mut message = host.send_and_see(name, PHONE, text);
        // The one place where the number may stand.
        assert_eq!(message["to"], PHONE, "{name}");
        message["to"] = json!(null);
        said.push((name.to_owned(), message.to_string()));
        message["attempts"][0]["outcome"].as_str().unwrap().to_owned()
    };
    assert_eq!(say("right", TEXT), "accepted");
    assert_eq!(say("long", &TEXT.repeat(10)), "accepted");
    assert_eq!(say("narrow", &format!("{TEXT} я")), "rejected");
    smsc.set(&json!({ "submit_status": 0x0b }));
    assert_eq!(say("refused", TEXT), "rejected");
    smsc.set(&json!({ "submit_status": 0, "throttle": 1_000_000 }));
    assert_eq!(say("throttled", TEXT), "throttled");
    smsc.set(&json!({ "throttle": 0, "silent": true }));
    assert_eq!(say("silent", TEXT), "uncertain");
    smsc.set(&json!({ "silent": false, "cut_after": 1 }));
    assert_eq!(say("cut", TEXT), "uncertain");
    // What receipts quote of a text, of a message that is known and of one that is not.
    let first = serde_json::from_str::<Value>(&said[0].1).unwrap();
    let mut delivered = host.until_state(first["id"].as_str().unwrap(), "delivered");
    assert_eq!(delivered["receipts"][0]["detail"], "stat:DELIVRD err:000", "{delivered}");
    delivered["to"] = json!(null);
    said.push(("receipt".into(), delivered.to_string()));
    let quoting = "id:a-1 stat:canary-text err:canary-text text:canary-text 48151623";
    smsc.order(&json!({ "deliver": { "esm_class": 4, "short_message": quoting } }));
    let receipts = eventually("it is kept", || {
        Some(host.get("/v1/receipts").body.to_string()).filter(|receipts| receipts.contains("a-1"))
    });
    said.push(("receipts".into(), receipts));
    let inbound = json!({ "source_addr": "491708887766", "destination_addr": "4711", "short_message": "canary-inbound" });
    smsc.order(&json!({ "deliver": inbound }));
    eventually("it is handed over", || host.log().contains("inbound message").then_some(()));
    host.ask_to_end();
    eventually("it ends", || (!host.is_running()).then_some(()));
    let log = host.log();
    assert!(log.contains("the parts have ended"), "the provider's own events are there: {log}");
    said.extend(log.lines().map(|line| ("log".to_owned(), line.to_owned())));
    for (what, canary) in CANARIES {
        let leak = said.iter().find(|(_, words)| words.contains(canary));
        assert!(leak.is_none(), "a canary, {what}, sings: {leak:?}");
    }
    // The peer did get them.
    assert_eq!(smsc.events("bind_transceiver")[0]["password"], "canaryPW");
    assert_eq!(
        (&smsc.submits()[0]["short_message"], &smsc.submits()[0]["destination_addr"]),
        (&json!(TEXT), &json!(PHONE))
    );
}
