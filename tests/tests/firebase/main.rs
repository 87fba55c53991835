//! The firebase provider, through the real host, against a token endpoint that checks each assertion with PyJWT.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod broken;
mod contents;
mod definitions;
mod outcomes;
mod secrecy;
mod tokens;

use gatepost_tests::{Answer, Host, peers::service::Service};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

const DEVICE: &str = "cXyZ:APA91b-device-token_0";
const TEXT: &str = "Your code is 123456";

/// Access tokens of this service hold for an hour.
fn service() -> Service {
    Service::start("fcm_server.py", &["3600"])
}

/// The service's account, changed, in a file of its own.
fn account(service: &Service, name: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
    let mut account = read_account(service);
    change(&mut account);
    let path = service.folder().join(format!("{name}.json"));
    fs::write(&path, account.to_string()).unwrap();
    path
}

fn read_account(service: &Service) -> Value {
    serde_json::from_str(&fs::read_to_string(service.folder().join("account.json")).unwrap()).unwrap()
}

/// A gateway with the service's own account.
fn gateway(name: &str, service: &Service, more: &str) -> String {
    with_account(name, &service.folder().join("account.json"), &service.origin(), more)
}

fn with_account(name: &str, account: &Path, endpoint: &str, more: &str) -> String {
    format!(
        "[gateways.{name}]\nprovider = \"firebase\"\nretry = {{ attempts = 1 }}\n[gateways.{name}.parameters]\n\
         \"JSON config file\" = \"{}\"\nENDPOINT = \"{endpoint}\"\nTIMEOUT = 4\n{more}\n",
        account.display()
    )
}

/// POSTs a message with data and checks that it is sent.
fn sent(host: &Host, message: &Value) -> Answer {
    let answer = host.post("/v1/messages?wait=30", message);
    assert_eq!(answer.status, 200, "{answer:?}\n{}", host.log());
    assert_eq!(answer.body["state"], "sent", "{answer:?}");
    answer
}

/// The requests for access tokens, or the pushes.
fn of_kind(service: &Service, kind: &str) -> Vec<Value> {
    service.arrived().into_iter().filter(|request| request["kind"] == kind).collect()
}
