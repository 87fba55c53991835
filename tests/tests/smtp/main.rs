//! The smtp provider, through the real host, against servers that nobody here wrote; what arrives is read by Python's `email` package.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod authentication;
mod broken;
mod connections;
mod contents;
mod definitions;
mod outcomes;
mod postfix;
mod secrecy;
mod tls;

use gatepost_tests::{Answer, Host};

const TO: &str = "+491701234567";
const TEXT: &str = "Your code is 123456";

/// A server's table, without TLS unless `more` says otherwise.
fn server(name: &str, port: u16, more: &str) -> String {
    let tls = if more.contains("tls =") { "" } else { "tls = \"none\"\n" };
    format!(
        "[smtp_servers.{name}]\nhost = \"127.0.0.1\"\nport = {port}\n{tls}sender = \"gatepost@sender.test\"\n{more}\n"
    )
}

/// A gateway that sends through the server of that name, and tries once.
fn gateway(name: &str, server: &str, mailto: &str, more: &str) -> String {
    format!(
        "[gateways.{name}]\nprovider = \"smtp\"\nretry = {{ attempts = 1 }}\n[gateways.{name}.parameters]\n\
         SMTPIDENTIFIER = \"{server}\"\nMAILTO = \"{mailto}\"\n{more}\n"
    )
}

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
