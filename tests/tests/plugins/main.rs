//! Providers that the host does not know: from other crates, other compilers, other versions of the API, and bad ones.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod figures;
mod isolation;
mod panics;
mod refused;
mod third_party;
mod versions;

use gatepost_tests::Site;
use std::fs;

/// A gateway `NAME` of the provider `courier`, in this mode, into `NAME.txt`.
fn gateway(name: &str, mode: &str) -> String {
    format!(
        "[gateways.{name}]\nprovider = \"courier\"\n[gateways.{name}.parameters]\nFILE = \"{name}.txt\"\nMODE = \"{mode}\"\n"
    )
}

/// What came out of the gateway `NAME`.
fn delivered(site: &Site, name: &str) -> String {
    fs::read_to_string(site.path().join(format!("{name}.txt"))).unwrap_or_default()
}
