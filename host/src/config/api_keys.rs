//! `[[api_keys]]`

use super::{
    ApiKey, Endpoint, Reach, Scope,
    document::{Entry, Table},
    name::{self, Names},
    reader::Reader,
};
use std::collections::BTreeSet;

pub(super) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

const KNOWN: [&str; 7] = ["name", "sha256", "scopes", "routes", "gateways", "rate", "callback_url"];

/// What an API key may refer to.
#[derive(Debug)]
pub(super) struct References<'n> {
    pub(super) gateways: &'n Names,
    pub(super) routes: &'n Names,
    /// The origins that a callback may have; `None` where they are not known.
    pub(super) origins: Option<&'n BTreeSet<String>>,
}

pub(super) fn api_keys(
    entry: &Entry<'_>,
    references: &References<'_>,
    reader: &mut Reader<'_>,
) -> Vec<ApiKey> {
    let Some(items) = entry.items() else {
        reader.refuse(entry, format!("must be a list of tables, not {}", entry.kind()), "write [[api_keys]]");
        return Vec::new();
    };
    let mut keys: Vec<ApiKey> = Vec::new();
    for item in items {
        let Some(table) = item.table(&mut reader.problems) else { continue };
        table.unknown(&KNOWN, &mut reader.problems);
        let reach = reach(&table, references, reader);
        let callback_url = callback(&table, references, reader);
        let rate = table.get("rate").and_then(|entry| reader.rate(&entry));
        let name = api_key_name(&table, &keys, reader);
        let sha256 = api_key_hash(&table, reader);
        let scopes = table.get("scopes").map_or(Some(vec![Scope::Send]), |entry| scopes(&entry, reader));
        if let (Some(name), Some(sha256), Some(scopes)) = (name, sha256, scopes) {
            if let Some(other) = keys.iter().find(|key| key.sha256 == sha256) {
                let place = table.get("sha256").unwrap_or(item);
                let what = format!("is the hash of the API key {:?} as well", other.name);
                reader.refuse(&place, what, "make a key for each");
            }
            keys.push(ApiKey { name, sha256, scopes, reach, rate, callback_url });
        }
    }
    keys
}

/// What the key is restricted to. An empty list restricts nothing.
fn reach(table: &Table<'_>, references: &References<'_>, reader: &mut Reader<'_>) -> Reach {
    let mut listed = |name: &str, names: &Names| {
        let listed = table.get(name).and_then(|entry| names.listed(&entry, reader));
        listed.unwrap_or_default().into_iter().map(|(_, name)| name).collect()
    };
    Reach { routes: listed("routes", references.routes), gateways: listed("gateways", references.gateways) }
}

/// Where the changes of the key's messages are told.
fn callback(table: &Table<'_>, references: &References<'_>, reader: &mut Reader<'_>) -> Option<Endpoint> {
    let entry = table.get("callback_url")?;
    let endpoint = reader.endpoint(&entry)?;
    let origin = endpoint.origin();
    if references.origins.is_some_and(|allowed| !allowed.contains(origin)) {
        let mend = format!("add {origin:?} to `allow` under [webhooks]");
        reader.refuse(&entry, format!("its origin {origin} is not allowed"), mend);
    }
    Some(endpoint)
}

fn api_key_name(table: &Table<'_>, keys: &[ApiKey], reader: &mut Reader<'_>) -> Option<String> {
    let Some(entry) = table.get("name") else {
        if !table.misspells("name", &KNOWN) {
            reader.problems.push(table.missing("name", "give the key a name"));
        }
        return None;
    };
    let name = reader.string(&entry)?;
    if !name::is_name(&name) {
        reader.refuse(&entry, "is no name", name::FORM);
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
        if !table.misspells("sha256", &KNOWN) {
            let mend = "add the hash: `printf %s KEY | sha256sum`";
            reader.problems.push(table.missing("sha256", mend));
        }
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
