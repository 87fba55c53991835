//! `[smtp_servers.*]`

use super::{document::Entry, reader::Reader};
use serde_json::{Map, Value};
use std::time::Duration;

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
