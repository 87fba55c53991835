//! Which definitions are taken, and what is said of the others.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

use gatepost_provider_api::{
    Context, Definition, Message, Problem, Provider, Verdict,
    serde_json::{Value, json},
    tokio,
};
use gatepost_provider_sipgate::Sipgate;

fn create(change: &Value) -> Result<Sipgate, Vec<Problem>> {
    let mut definition = Definition { gateway: "gw".into(), ..Definition::default() };
    definition.parameters.insert("USERNAME".into(), json!("user"));
    definition.parameters.insert("PASSWORD".into(), json!("pass"));
    definition.parameters.extend(change.as_object().cloned().unwrap_or_default());
    definition.parameters.retain(|_, value| !value.is_null());
    let definition = Sipgate::declaration().check(&definition)?;
    Sipgate::create(definition, Context::for_tests("gw").unwrap())
}

#[tokio::test]
async fn each_mistake_is_said_with_its_key_and_its_mend() {
    for (change, key, says) in [
        (json!({ "USERNAME": null }), "USERNAME", "required key is missing"),
        (json!({ "PASSWORD": null }), "PASSWORD", "required key is missing"),
        (json!({ "USERNAME": "" }), "USERNAME", "must not be empty"),
        (json!({ "PASSWORD": "" }), "PASSWORD", "must not be empty"),
        (json!({ "USERNAME": "a:b" }), "USERNAME", "colon"),
        (json!({ "REGEXP": "/+/00/" }), "REGEXP", "nothing for `+` to repeat"),
        (json!({ "REGEXP": "0049" }), "REGEXP", "/PATTERN/REPLACEMENT/"),
        (json!({ "PROXY": "proxy://x" }), "PROXY", "none of http, https, socks5"),
        (json!({ "PROXY": "user:pass@proxy" }), "PROXY", "write one such as"),
        (json!({ "API": "soap" }), "API", "\"xml-rpc\", \"rest\""),
        (json!({ "API": "Rest" }), "API", "did you mean \"rest\"?"),
        (json!({ "ENDPOINT": "samurai.sipgate.net" }), "ENDPOINT", "is no URL"),
        (json!({ "ENDPOINT": "https://user:pass@x/" }), "ENDPOINT", "has a user in it"),
        (json!({ "TIMEOUT": 0 }), "TIMEOUT", "more than 0"),
        (json!({ "PASSWORT": "x" }), "PASSWORT", "did you mean PASSWORD?"),
    ] {
        let problems = create(&change).unwrap_err();
        assert_eq!(problems.len(), 1, "{change}: {problems:?}");
        assert_eq!(problems[0].key, key, "{change}: {problems:?}");
        assert!(problems[0].to_string().contains(says), "{change}: {}", problems[0]);
        assert!(!problems[0].to_string().contains("pass@"), "{}", problems[0]);
    }
}

#[tokio::test]
async fn all_mistakes_are_said_at_once() {
    let change =
        json!({ "USERNAME": "", "PASSWORD": "", "ENDPOINT": "x", "REGEXP": "y", "PROXY": "ftp://x" });
    let problems = create(&change).unwrap_err();
    let keys = problems.iter().map(|problem| problem.key.as_str()).collect::<Vec<_>>();
    assert_eq!(keys, ["ENDPOINT", "REGEXP", "USERNAME", "PASSWORD", "PROXY"]);
}

#[tokio::test]
async fn an_exchange_takes_a_minute_at_most_unless_the_definition_says_otherwise() {
    assert_eq!(create(&json!({})).unwrap().total_timeout().unwrap().as_secs(), 60);
    assert_eq!(
        create(&json!({ "TIMEOUT": 5, "API": "rest" })).unwrap().total_timeout().unwrap().as_secs(),
        5
    );
}

#[tokio::test]
async fn a_message_that_can_not_be_sent_is_rejected_before_anything_goes_out() {
    // Nobody listens there: what gets as far as that is `unavailable`.
    let nowhere = json!({ "ENDPOINT": "http://127.0.0.1:9/", "REGEXP": "/x//" });
    let (rpc, mut rest) = (create(&nowhere).unwrap(), nowhere.clone());
    rest["API"] = json!("rest");
    let rest = create(&rest).unwrap();
    for (to, text, why) in [
        ("+", "hello", "number is empty"),
        ("x", "hello", "number is empty"),
        ("49@evil.example", "hello", "an @"),
        ("49\u{1}", "hello", "control character"),
        ("49", "bell \u{7}", "control character"),
        ("49", "\u{ffff}", "control character"),
        ("49", "", "no text"),
    ] {
        let error = rpc.submit(Message::new("m", to, text)).await.unwrap_err();
        assert_eq!(error.verdict, Verdict::Rejected, "{to:?} {text:?}: {error}");
        assert!(error.detail.contains(why), "{to:?} {text:?}: {error}");
    }
    let error = rest.submit(Message::new("m", " ", "hello")).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::Rejected, "{error}");
    for provider in [rpc, rest] {
        let error = provider.submit(Message::new("m", "49", "tab\tline\n")).await.unwrap_err();
        assert_eq!(error.verdict, Verdict::Unavailable, "{error}");
    }
}
