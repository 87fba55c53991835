//! The sipgate provider, through the real host, against Python's own XML-RPC server.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod broken;
mod contents;
mod outcomes;
mod secrecy;

use gatepost_tests::peers::service::Service;

const TO: &str = "+491701234567";
const TEXT: &str = "Your code is 123456";
const USER: &str = "sip-user@example.com";
const PASSWORD: &str = "sip:pass grüße";

fn service() -> Service {
    Service::start("xmlrpc_server.py", &[USER, PASSWORD])
}

fn gateway(name: &str, endpoint: &str, more: &str) -> String {
    with_password(name, PASSWORD, endpoint, more)
}

fn with_password(name: &str, password: &str, endpoint: &str, more: &str) -> String {
    format!(
        "[gateways.{name}]\nprovider = \"sipgate\"\nretry = {{ attempts = 1 }}\n[gateways.{name}.parameters]\n\
         USERNAME = \"{USER}\"\nPASSWORD = \"{password}\"\nENDPOINT = \"{endpoint}\"\nTIMEOUT = 2\n{more}\n"
    )
}
