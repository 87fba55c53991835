//! `[plugins]`

use super::{
    Doubts, Plugins,
    api_keys::is_sha256,
    document::{Entry, Table},
    reader::Reader,
};
use std::{collections::BTreeMap, path::Path};

const KNOWN: [&str; 3] = ["dirs", "isolation", "pins"];

pub(super) fn plugins(
    entry: Option<&Entry<'_>>,
    directory: &Path,
    reader: &mut Reader<'_>,
) -> (Plugins, Doubts) {
    let Some(entry) = entry else { return (Plugins::default(), Doubts::default()) };
    let Some(table) = entry.table(&mut reader.problems) else {
        return (Plugins::default(), Doubts { pins: true, dirs: true });
    };
    table.unknown(&KNOWN, &mut reader.problems);
    if let Some(entry) = table.get("isolation") {
        isolation(&entry, reader);
    }
    let (dirs, pins) = (table.get("dirs"), table.get("pins"));
    let (has_dirs, has_pins) = (dirs.is_some(), pins.is_some());
    let dirs = dirs.and_then(|entry| reader.strings(&entry));
    let dirs = dirs.map(|dirs| dirs.into_iter().map(|(_, dir)| directory.join(dir)).collect::<Vec<_>>());
    let pins =
        pins.and_then(|entry| entry.table(&mut reader.problems)).and_then(|table| pins_in(&table, reader));
    let doubts = Doubts {
        pins: table.misspells("pins", &KNOWN) || has_pins && pins.is_none(),
        dirs: table.misspells("dirs", &KNOWN) || has_dirs && dirs.is_none(),
    };
    (Plugins { dirs, pins }, doubts)
}

fn pins_in(table: &Table<'_>, reader: &mut Reader<'_>) -> Option<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut complete = true;
    for entry in table.entries() {
        let Some(text) = reader.string(&entry) else {
            complete = false;
            continue;
        };
        match text.strip_prefix("sha256:").filter(|hash| is_sha256(hash)) {
            Some(hash) => {
                found.insert(entry.name.to_owned(), hash.to_owned());
            }
            None => {
                complete = false;
                let mend = "write \"sha256:\" and 64 lower-case hex digits, as `sha256sum` prints them";
                reader.refuse(&entry, "is no pin", mend);
            }
        }
    }
    complete.then_some(found)
}

/// `isolation` of all plugins or of one.
pub(super) fn isolation(entry: &Entry<'_>, reader: &mut Reader<'_>) {
    if let Some("process") = reader.choice(entry, &["in-process", "process"]) {
        reader.refuse(entry, "\"process\" is not available in this version", "remove it");
    }
}
