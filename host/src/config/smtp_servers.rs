//! `[smtp_servers.*]`

use super::{
    document::{Entry, Table},
    reader::Reader,
};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, time::Duration};

const KNOWN: [&str; 10] =
    ["host", "port", "tls", "username", "password", "auth", "sender", "timeout", "ca_file", "verify"];

/// Centrally defined SMTP servers, each as its provider gets it; `None` for one that has a problem of its own.
pub(super) type SmtpServers = BTreeMap<String, Option<Value>>;

pub(super) fn smtp_servers(entry: &Entry<'_>, reader: &mut Reader<'_>, found: &mut SmtpServers) {
    let Some(servers) = entry.table(&mut reader.problems) else { return };
    for entry in servers.entries() {
        let before = reader.problems.len();
        let server = entry.table(&mut reader.problems).map(|table| server(&table, reader));
        let sound = reader.problems.len() == before;
        if found.insert(entry.name.to_owned(), server.filter(|_| sound)).is_some() {
            reader.refuse(&entry, "this SMTP server is defined twice", "remove one of the two");
        }
    }
}

fn server(table: &Table<'_>, reader: &mut Reader<'_>) -> Value {
    table.unknown(&KNOWN, &mut reader.problems);
    if table.get("host").is_none() && !table.misspells("host", &KNOWN) {
        reader.problems.push(table.missing("host", "add the server's name or address"));
    }
    let mut server = Map::new();
    for entry in table.entries() {
        let value = match entry.name {
            "port" => reader.integer(&entry, 1..=65_535).map(|port| port.to_string().into()),
            "tls" => reader.choice(&entry, &["starttls", "tls", "none"]).map(Value::from),
            "auth" => reader.choice(&entry, &["plain", "login", "xoauth2"]).map(Value::from),
            "timeout" => timeout(&entry, reader),
            "ca_file" => {
                let path = reader.path(&entry).map(|path| table.directory().join(path));
                path.map(|path| path.to_string_lossy().into())
            }
            "verify" => reader.boolean(&entry).map(Value::from),
            _ => reader.string(&entry).map(Value::from),
        };
        if let Some(value) = value {
            server.insert(entry.name.to_owned(), value);
        }
    }
    server.into()
}

/// In seconds: durations are read in one place, and that is not the provider's.
fn timeout(entry: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Value> {
    let timeout = reader.duration(entry, Duration::from_secs(1)..=Duration::from_secs(600))?;
    Some(timeout.as_secs_f64().to_string().into())
}
