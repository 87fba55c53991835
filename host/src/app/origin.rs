//! What running gateways were built from, so that a reload leaves alone what has not changed.

use crate::{config::Gateway as Definition, gateway::Gateway, plugin::Library};
use gatepost_provider_api::Declaration;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::{
    collections::HashMap,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// The gateways that are as their definitions have them, by name: one whose provider could not be built is not among them.
pub(super) type Origins = HashMap<String, Origin>;

/// A running gateway and what it was built from.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) fingerprint: Fingerprint,
    pub(super) gateway: Gateway,
}

/// Over all that a running gateway depends on. It says nothing of what it was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of a definition that `library` serves, with what must not be shown of it.
    pub(super) fn of(gateway: &Definition, library: &Library, secrets: &[String]) -> Self {
        // As text, since the order of options counts.
        let definition = serde_json::to_string(&gateway.definition).unwrap_or_default();
        // Other definitions' secrets are among them too, which are nothing to this one.
        let own = secrets.iter().filter(|secret| stands_in(&definition, secret)).collect::<Vec<_>>();
        let files = files(gateway, &library.declaration);
        let files = files.iter().map(|file| (file, stamp(file))).collect::<Vec<_>>();
        let whole = format!("{definition}\n{own:?}\n{files:?}\n{:?}\n{}", gateway.limits, library.sha256);
        Self(Sha256::digest(whole).into())
    }
}

fn stands_in(definition: &str, secret: &str) -> bool {
    let written = Value::from(secret).to_string();
    definition.contains(written.trim_matches('"'))
}

/// The files that the provider reads when it is built: what is in them may change while their names stay.
fn files(gateway: &Definition, declaration: &Declaration) -> Vec<PathBuf> {
    let definition = &gateway.definition;
    let read = declaration.parameters.iter().filter(|parameter| parameter.read_at_create);
    let names = read.flat_map(|parameter| std::iter::once(&parameter.name).chain(&parameter.aliases));
    let named = names.filter_map(|name| definition.text(name));
    let servers = definition.smtp_servers.values().filter_map(|server| server.get("ca_file")?.as_str());
    named.chain(servers).map(|path| definition.directory.join(path)).collect()
}

/// Tells a file from another one, and from itself after it was written.
fn stamp(file: &Path) -> Option<(u64, u64, i64, i64)> {
    let metadata = fs::metadata(file).ok()?;
    Some((metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
}
