//! `[plugins]`

use super::{
    Plugins,
    api_keys::is_sha256,
    document::{Entry, Table},
    reader::Reader,
};
use std::{collections::BTreeMap, path::Path};

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
