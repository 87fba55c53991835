//! A gateway definition as it is written: what of it may be shown, what may take its place, and its file.

mod file;
mod replacement;
mod shown;

pub use file::{DefinitionFile, Held};
pub use replacement::{Objection, replacement};

use super::{
    document::Table,
    writing::{self, Document, Given},
};
use serde_json::{Map, Value};
use std::fmt;

/// What stands in place of a secret, and keeps it where it is put back.
pub const CENSORED: &str = "__CENSORED__";

/// The parts of a definition that are tables of their own.
const SECTIONS: [&str; 3] = ["parameters", "options", "headers"];

/// A definition as it is written: its keys in their order, references as such. Secrets stand in it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Written(Map<String, Value>);

impl Written {
    /// The definition in this table.
    pub(super) fn of(table: &Table<'_>) -> Self {
        Self(table.json())
    }

    /// The text of a file that holds it, and nothing else, as the gateway `name`.
    pub fn to_toml(&self, name: &str) -> String {
        let mut document = Document::new(
            "Written over the API: PUT /v1/gateways/{name} replaces it as a whole, comments too.",
        );
        document.blank();
        let mut head = writing::keys(&self.0);
        let mut sections = Vec::new();
        head.retain(|(key, given)| match given {
            Given::Table(keys) if SECTIONS.contains(&key.as_str()) => {
                sections.push((key.clone(), keys.clone()));
                false
            }
            _ => true,
        });
        document.table(&["gateways", name], &head);
        for (section, keys) in sections.iter().filter(|(_, keys)| !keys.is_empty()) {
            document.table(&["gateways", name, section], keys);
        }
        document.into_text()
    }

    /// A member of the definition.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The JSON pointer of a key of the configuration, such as `gateways.NAME.parameters.URL`; `None` where it stands elsewhere.
    pub fn pointer_of(&self, gateway: &str, key: &str) -> Option<String> {
        let within = key.strip_prefix("gateways.")?.strip_prefix(gateway)?;
        if within.is_empty() {
            Some(String::new())
        } else {
            within.strip_prefix('.').map(|key| self.pointer(key))
        }
    }

    fn pointer(&self, key: &str) -> String {
        let mut pointer = String::new();
        let mut within = Some(&self.0);
        let mut rest = key;
        while !rest.is_empty() {
            // A key may have dots of its own: the longest that is there counts.
            let there = within.and_then(|table| {
                let fits = |key: &&String| {
                    rest.strip_prefix(key.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                };
                table.keys().filter(fits).max_by_key(|key| key.len())
            });
            let first = match there {
                Some(key) => key.as_str(),
                // One that is missing; within a section its name is all that is left.
                None if pointer.is_empty() => rest.split('.').next().unwrap_or_default(),
                None => rest,
            };
            pointer.push_str(&token(first));
            within = within.and_then(|table| table.get(first)?.as_object());
            rest = rest.get(first.len()..).unwrap_or_default().trim_start_matches('.');
        }
        pointer
    }
}

/// A step of a JSON pointer (RFC 6901).
fn token(key: &str) -> String {
    format!("/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// Whether a value is `{ env = "NAME" }` or `{ file = "PATH" }`, as the reader of the configuration takes it.
fn is_reference(value: &Value) -> bool {
    value.as_object().is_some_and(|table| {
        table.len() == 1
            && table.iter().all(|(key, value)| matches!(key.as_str(), "env" | "file") && value.is_string())
    })
}

/// Shows no value: any may be a secret.
impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Written").field(&self.0.keys().collect::<Vec<_>>()).finish()
    }
}

#[cfg(test)]
mod tests;
