//! What became of a message, for tests of a provider.

use crate::{Answer, Host};

/// Sends one message through `gateway` and checks that it is sent.
pub fn sent_with(host: &Host, gateway: &str, to: &str, text: &str) -> Answer {
    let answer = host.send_and_wait(gateway, to, text);
    assert_eq!(answer.status, 200, "{gateway}: {answer:?}\n{}", host.log());
    assert_eq!(answer.body["state"], "sent", "{answer:?}");
    answer
}

/// The outcome of the first attempt of a message: outcome, code and detail.
pub fn refused(host: &Host, gateway: &str, to: &str, text: &str) -> (String, String, String) {
    first_attempt(&host.send_and_see(gateway, to, text))
}

/// Outcome, code and detail of a message's first attempt.
pub fn first_attempt(message: &serde_json::Value) -> (String, String, String) {
    let attempt = &message["attempts"][0];
    let text = |name: &str| attempt[name].as_str().unwrap_or_default().to_owned();
    (text("outcome"), text("code"), text("detail"))
}
