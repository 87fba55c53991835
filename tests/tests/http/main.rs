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
pub(crate) use gatepost_tests::{refused, sent_with};

const TO: &str = "+491701234567";
const TEXT: &str = "Your code is 123456";

/// Sends one message through `gateway` and checks that it is sent.
fn sent(host: &Host, gateway: &str) -> Answer {
    sent_with(host, gateway, TO, TEXT)
}
