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
    /// Those with a problem of their own.
    pub(super) unread: Vec<String>,
}

/// `[provider.*]`; `None` in place of what is no table.
pub(super) fn providers(
    entry: &Entry<'_>,
    reader: &mut Reader<'_>,
) -> Option<BTreeMap<String, Option<ProviderSettings>>> {
    let providers = entry.table(&mut reader.problems)?;
    let settings = providers.entries().map(|entry| (entry.name.to_owned(), settings(&entry, reader)));
    Some(settings.collect())
}

fn settings(entry: &Entry<'_>, reader: &mut Reader<'_>) -> Option<ProviderSettings> {
    let table = entry.table(&mut reader.problems)?;
    if let Some(entry) = table.get("isolation") {
        isolation(&entry, reader);
    }
    let settings = table.entries().filter(|entry| entry.name != "isolation").collect::<Vec<_>>();
    let keys = reader.section(&settings, true);
    Some(ProviderSettings {
        directory: table.directory(),
        settings: keys.values,
        places: SectionPlaces::of(&table, &entry.path),
        unread: keys.unread,
    })
}
