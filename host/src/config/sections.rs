//! `[server]`, `[store]`, `[plugins]`, `[[api_keys]]`, `[smtp_servers.*]`.

use super::{
    ApiKey, Plugins, Scope, Server, StoreSettings,
    document::{Entry, Table},
    gateways::is_name,
    reader::Reader,
};
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    time::Duration,
};

const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8025);
const DEFAULT_MAX_QUEUED: u64 = 10_000_000;
const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn server(table: Option<&Table<'_>>, reader: &mut Reader<'_>) -> Server {
    let mut server = Server { listen: DEFAULT_LISTEN };
    let Some(table) = table else { return server };
    table.unknown(&["listen", "tls"], &mut reader.problems);
    if let Some(entry) = table.get("listen")
        && let Some(text) = reader.string(&entry)
    {
        match text.parse() {
            Ok(listen) => server.listen = listen,
            Err(_) => reader.refuse(
                &entry,
                format!("{text:?} is no address with a port"),
                "write one such as \"127.0.0.1:8025\" or \"[::1]:8025\"",
            ),
        }
    }
    if let Some(entry) = table.get("tls") {
        if let Some(tls) = entry.table(&mut reader.problems) {
            tls.unknown(&["cert", "key"], &mut reader.problems);
        }
        reader.not_available(&entry);
    }
    server
}

pub(super) fn store(table: Option<&Table<'_>>, directory: &Path, reader: &mut Reader<'_>) -> StoreSettings {
    let mut store =
        StoreSettings { path: directory.join("data"), max_queued: DEFAULT_MAX_QUEUED, retain: 30 * DAY };
    let Some(table) = table else { return store };
    table.unknown(&["max_queued", "kind", "path", "retain"], &mut reader.problems);
    if let Some(entry) = table.get("kind")
        && let Some("postgres") = reader.choice(&entry, &["embedded", "postgres"])
    {
        reader.refuse(&entry, "\"postgres\" is not available in this version", "write \"embedded\"");
    }
    if let Some(path) = table.get("path").and_then(|entry| path(&entry, reader)) {
        store.path = directory.join(path);
    }
    if let Some(max) = table.get("max_queued").and_then(|entry| reader.integer(&entry, 1..=1_000_000_000)) {
        store.max_queued = max;
    }
    if let Some(retain) = table.get("retain").and_then(|entry| reader.duration(&entry, DAY..=3650 * DAY)) {
        store.retain = retain;
    }
    store
}

fn path(entry: &Entry<'_>, reader: &mut Reader<'_>) -> Option<String> {
    let text = reader.string(entry)?;
    if text.is_empty() || text.contains('\0') {
        reader.refuse(entry, "must be a path", "write one, or remove the key");
        return None;
    }
    Some(text)
}

pub(super) fn plugins(table: Option<&Table<'_>>, directory: &Path, reader: &mut Reader<'_>) -> Plugins {
    let mut plugins = Plugins::default();
    let Some(table) = table else { return plugins };
    table.unknown(&["dirs", "isolation", "pins"], &mut reader.problems);
    if let Some(dirs) = table.get("dirs").and_then(|entry| reader.strings(&entry)) {
        plugins.dirs = Some(dirs.into_iter().map(|(_, dir)| directory.join(dir)).collect());
    }
    if let Some(entry) = table.get("isolation") {
        isolation(&entry, reader);
    }
    if let Some(pins) = table.get("pins").and_then(|entry| entry.table(&mut reader.problems)) {
        let mut found = BTreeMap::new();
        for entry in pins.entries() {
            let Some(text) = reader.string(&entry) else { continue };
            match text.strip_prefix("sha256:").filter(|hash| is_sha256(hash)) {
                Some(hash) => {
                    found.insert(entry.name.to_owned(), hash.to_owned());
                }
                None => reader.refuse(
                    &entry,
                    "is no pin",
                    "write \"sha256:\" and 64 lower-case hex digits, as `sha256sum` prints them",
                ),
            }
        }
        plugins.pins = Some(found);
    }
    plugins
}

/// `isolation` of all plugins or of one.
pub(super) fn isolation(entry: &Entry<'_>, reader: &mut Reader<'_>) {
    if let Some("process") = reader.choice(entry, &["in-process", "process"]) {
        reader.refuse(entry, "\"process\" is not available in this version", "write \"in-process\"");
    }
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

pub(super) fn api_keys(entry: &Entry<'_>, reader: &mut Reader<'_>) -> Vec<ApiKey> {
    let Some(items) = entry.items() else {
        reader.refuse(entry, format!("must be a list of tables, not {}", entry.kind()), "write [[api_keys]]");
        return Vec::new();
    };
    let mut keys: Vec<ApiKey> = Vec::new();
    for item in items {
        let Some(table) = item.table(&mut reader.problems) else { continue };
        let known = ["name", "sha256", "scopes", "routes", "gateways", "rate", "callback_url"];
        table.unknown(&known, &mut reader.problems);
        for name in ["routes", "gateways"] {
            // An empty list restricts nothing.
            if let Some(entry) =
                table.get(name).filter(|entry| entry.items().is_none_or(|items| !items.is_empty()))
            {
                reader.not_available(&entry);
            }
        }
        for entry in ["rate", "callback_url"].into_iter().filter_map(|name| table.get(name)) {
            reader.not_available(&entry);
        }
        let name = api_key_name(&table, &keys, reader);
        let sha256 = api_key_hash(&table, reader);
        let scopes = table.get("scopes").map_or(Some(vec![Scope::Send]), |entry| scopes(&entry, reader));
        if let (Some(name), Some(sha256), Some(scopes)) = (name, sha256, scopes) {
            keys.push(ApiKey { name, sha256, scopes });
        }
    }
    keys
}

fn api_key_name(table: &Table<'_>, keys: &[ApiKey], reader: &mut Reader<'_>) -> Option<String> {
    let Some(entry) = table.get("name") else {
        reader.problems.push(table.missing("name", "give the key a name"));
        return None;
    };
    let name = reader.string(&entry)?;
    if !is_name(&name) {
        reader.refuse(
            &entry,
            "is no name",
            "use letters, digits, `.`, `_` and `-`, at most 64, a letter or digit first",
        );
        return None;
    }
    if keys.iter().any(|key| key.name == name) {
        reader.refuse(
            &entry,
            format!("there is another API key {name:?}"),
            "give each key a name of its own",
        );
        return None;
    }
    Some(name)
}

fn api_key_hash(table: &Table<'_>, reader: &mut Reader<'_>) -> Option<[u8; 32]> {
    let Some(entry) = table.get("sha256") else {
        let mend = "add the hash: `printf %s KEY | sha256sum`";
        reader.problems.push(table.missing("sha256", mend));
        return None;
    };
    let text = reader.string(&entry)?;
    if !is_sha256(&text) {
        // Not quoted: perhaps it is the key itself.
        reader.refuse(
            &entry,
            "is no SHA-256",
            "write the 64 lower-case hex digits of `printf %s KEY | sha256sum`",
        );
        return None;
    }
    let mut hash = [0; 32];
    for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).unwrap_or_default();
        *byte = u8::from_str_radix(digits, 16).unwrap_or_default();
    }
    Some(hash)
}

fn scopes(entry: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Vec<Scope>> {
    const SCOPES: [(&str, Scope); 4] =
        [("send", Scope::Send), ("read", Scope::Read), ("receipt", Scope::Receipt), ("admin", Scope::Admin)];
    let words = SCOPES.map(|(word, _)| word);
    let mut found = Vec::new();
    let mut complete = true;
    for item in entry.items().unwrap_or_default() {
        match reader.choice(&item, &words).and_then(|word| SCOPES.iter().find(|(name, _)| *name == word)) {
            Some((_, scope)) => found.push(*scope),
            None => complete = false,
        }
    }
    if entry.items().is_none() {
        reader.refuse(entry, "must be a list of scopes", "write it as scopes = [\"send\", \"read\"]");
        complete = false;
    }
    complete.then_some(found)
}

/// Centrally defined SMTP servers, each as its provider gets it.
pub(super) fn smtp_servers(entry: &Entry<'_>, reader: &mut Reader<'_>, found: &mut Map<String, Value>) {
    let known = ["host", "port", "tls", "username", "password", "sender", "timeout", "ca_file", "verify"];
    let Some(servers) = entry.table(&mut reader.problems) else { return };
    for entry in servers.entries() {
        let Some(table) = entry.table(&mut reader.problems) else { continue };
        table.unknown(&known, &mut reader.problems);
        if table.get("host").is_none() {
            reader.problems.push(table.missing("host", "add the server's name or address"));
        }
        if let Some(tls) = table.get("tls") {
            reader.choice(&tls, &["starttls", "tls", "none"]);
        }
        if let Some(timeout) = table.get("timeout") {
            reader.duration(&timeout, Duration::from_secs(1)..=Duration::from_secs(600));
        }
        if let Some(port) = table.get("port") {
            reader.integer(&port, 1..=65_535);
        }
        let mut server = reader.section(&table, true);
        if let Some(Value::String(path)) = server.get_mut("ca_file") {
            *path = table.directory().join(&*path).to_string_lossy().into_owned();
        }
        if found.insert(entry.name.to_owned(), Value::Object(server)).is_some() {
            reader.refuse(&entry, "this SMTP server is defined twice", "remove one of the two");
        }
    }
}
