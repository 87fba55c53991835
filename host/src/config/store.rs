//! `[store]`

use super::{Location, SectionPlaces, StoreSettings, document::Table, reader::Reader};
use std::{path::Path, time::Duration};

const DEFAULT_MAX_QUEUED: u64 = 10_000_000;
const DAY: Duration = Duration::from_secs(86_400);

/// `top` is the begin of the file, for a table that is not there.
pub(super) fn store(
    table: Option<&Table<'_>>,
    directory: &Path,
    top: Location,
    reader: &mut Reader<'_>,
) -> StoreSettings {
    let mut store = StoreSettings {
        path: directory.join("data"),
        max_queued: DEFAULT_MAX_QUEUED,
        retain: 30 * DAY,
        places: SectionPlaces::none("store", top),
    };
    let Some(table) = table else { return store };
    store.places = SectionPlaces::of(table, "store");
    table.unknown(&["max_queued", "kind", "path", "retain"], &mut reader.problems);
    if let Some(entry) = table.get("kind")
        && let Some("postgres") = reader.choice(&entry, &["embedded", "postgres"])
    {
        reader.refuse(&entry, "\"postgres\" is not available in this version", "write \"embedded\"");
    }
    if let Some(path) = table.get("path").and_then(|entry| reader.path(&entry)) {
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
