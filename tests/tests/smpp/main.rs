//! The smpp provider, through the real host, against an SMSC that nobody here wrote.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod contents;
mod disk;
mod figures;
mod inbound;
mod links;
mod outcomes;
mod receipts;
mod probes;
mod respelt;
mod secrecy;
mod texts;

use gatepost_tests::{Answer, Host, peers::smsc::Smsc};

const TO: &str = "+491701234567";
const TEXT: &str = "Your code is 123456";

/// A gateway to this SMSC that tries once; `more` are further parameters.
fn gateway(name: &str, smsc: &Smsc, more: &str) -> String {
    gateway_with(name, smsc, "retry = { attempts = 1 }", more)
}

/// One with these keys of its own.
fn gateway_with(name: &str, smsc: &Smsc, keys: &str, more: &str) -> String {
    let host = if more.contains("SMSC_HOST") { "" } else { "SMSC_HOST = \"127.0.0.1\"\n" };
    let port = smsc.port;
    format!(
        "[gateways.{name}]\nprovider = \"smpp\"\n{keys}\n[gateways.{name}.parameters]\n{host}SMSC_PORT = {port}\n\
         SYSTEM_ID = \"gatepost\"\nPASSWORD = \"pass5521\"\n{more}\n"
    )
}

/// Sends one message through `gateway` and checks that it is sent.
fn sent(host: &Host, gateway: &str) -> Answer {
    gatepost_tests::sent_with(host, gateway, TO, TEXT)
}
