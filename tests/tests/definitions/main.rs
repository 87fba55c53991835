//! Gateway definitions over the API, through the real host with the real providers.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod attacks;
mod checks;
mod lifecycle;
mod reading;
mod refused;
mod together;

use gatepost_tests::{Host, Site, site::api_key};
use serde_json::{Value, json};
use std::{fs, path::PathBuf};

const TO: &str = "+491701234567";

/// A site with a key for everything, `admin`, and one that reads, `reader`.
fn site(more: &str) -> Site {
    let keys = api_key("admin", &["admin"], "") + &api_key("reader", &["read"], "");
    Site::new(&format!("{more}\n{keys}"))
}

fn start(site: &Site) -> Host {
    // `/readyz` needs no key, so that the host can be waited for without one.
    Host::start_with(site, &gatepost_tests::tree::binary(), &["--log", "trace"]).with_key("admin")
}

/// A definition that sends to this address.
fn to(url: &str) -> Value {
    json!({
        "provider": "http",
        "parameters": { "URL": url, "HTTP_METHOD": "POST", "TIMEOUT": 5 },
        "options": { "to": "{phone}", "text": "{otp}" },
    })
}

/// The file that the gateway has to itself.
fn file(site: &Site, name: &str) -> PathBuf {
    site.path().join(format!("gateways.d/{name}.toml"))
}

/// The names of all that is in `gateways.d`.
fn files(site: &Site) -> Vec<String> {
    let entries = fs::read_dir(site.path().join("gateways.d")).into_iter().flatten();
    let mut names =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>();
    names.sort();
    names
}
