//! The configuration is reloaded while the host runs: through SIGHUP and through the API.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod definitions;
mod libraries;
mod load;
mod refused;

use gatepost_tests::{Host, Site, site::api_key};
use std::fs;

const ADMIN: &str = "root";

/// The key that may reload, before anything that ends in a table.
fn admin() -> String {
    api_key(ADMIN, &["admin"], "")
}

/// A gateway `NAME` of the provider `courier`, in this mode, into `NAME.txt`. `more` goes before its parameters.
fn courier(name: &str, mode: &str, more: &str) -> String {
    format!(
        "[gateways.{name}]\nprovider = \"courier\"\n{more}\n[gateways.{name}.parameters]\nFILE = \"{name}.txt\"\nMODE = \"{mode}\"\n"
    )
}

/// What came out of the gateway `NAME`, as it was defined in the main file and in `gateways.d`.
fn delivered(site: &Site, name: &str) -> String {
    let of = |folder: &str| {
        let file = site.path().join(folder).join(format!("{name}.txt"));
        fs::read_to_string(file).unwrap_or_default()
    };
    of("") + &of("gateways.d")
}

/// A host that does what the admin says.
fn start(site: &Site) -> Host {
    Host::start(site).with_key(ADMIN)
}

/// What a reload has to say of each wrong thing.
fn refusals(host: &Host) -> Vec<String> {
    let answer = host.reload();
    let pointers = answer.problem(422);
    assert!(pointers.iter().all(|pointer| pointer.is_empty()), "{answer:?}");
    let errors = answer.body["errors"].as_array().unwrap().iter();
    errors.map(|error| error["detail"].as_str().unwrap().to_owned()).collect()
}
