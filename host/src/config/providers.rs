//! `[provider.*]`

use super::{document::Entry, places::SectionPlaces, plugins::isolation, reader::Reader};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, path::PathBuf};

/// The settings of a provider as a whole.
#[derive(Clone, Debug)]
pub(super) struct ProviderSettings {
    pub(super) directory: PathBuf,
    pub(super) settings: Map<String, Value>,
    pub(super) places: SectionPlaces,
}

/// `[provider.*]`
pub(super) fn providers(entry: &Entry<'_>, reader: &mut Reader<'_>) -> BTreeMap<String, ProviderSettings> {
    let mut found = BTreeMap::new();
    let Some(providers) = entry.table(&mut reader.problems) else { return found };
    for entry in providers.entries() {
        let Some(table) = entry.table(&mut reader.problems) else { continue };
        if let Some(entry) = table.get("isolation") {
            isolation(&entry, reader);
        }
        let mut settings = reader.section(&table, true);
        settings.shift_remove("isolation");
        let places = SectionPlaces::of(&table, &entry.path);
        found.insert(
            entry.name.to_owned(),
            ProviderSettings { directory: table.directory(), settings, places },
        );
    }
    found
}
