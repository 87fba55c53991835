//! The http provider, through the real host, against servers and proxies that nobody here wrote.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod broken;
mod connections;
mod contents;
mod examples;
mod outcomes;
mod proxies;
mod secrecy;
mod tls;

use gatepost_tests::{Answer, Host};

const TO: &str = "+491701234567";
const TEXT: &str = "Your code is 123456";

/// Sends one message through `gateway` and checks that it is sent.
fn sent(host: &Host, gateway: &str) -> Answer {
    sent_with(host, gateway, TO, TEXT)
}

fn sent_with(host: &Host, gateway: &str, to: &str, text: &str) -> Answer {
    let answer = host.send_and_wait(gateway, to, text);
    assert_eq!(answer.status, 200, "{gateway}: {answer:?}\n{}", host.log());
    assert_eq!(answer.body["state"], "sent", "{answer:?}");
    answer
}

/// The outcome of the first attempt of a message: outcome, code and detail.
fn refused(host: &Host, gateway: &str, to: &str, text: &str) -> (String, String, String) {
    let message = host.send_and_see(gateway, to, text);
    let attempt = &message["attempts"][0];
    let text = |name: &str| attempt[name].as_str().unwrap_or_default().to_owned();
    (text("outcome"), text("code"), text("detail"))
}
