//! What a gateway definition says of rates, repetitions and doubts.

use super::{document::Entry, document::Table, duration, reader::Reader};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

// What counts where a definition says nothing.
const DEFAULT_FIRST: Duration = SECOND;
const DEFAULT_MAX: Duration = Duration::from_secs(60);

const MOST_ATTEMPTS: u64 = 100;

/// Checks the settings whose features are not built.
pub(super) fn limits(table: &Table<'_>, reader: &mut Reader<'_>) {
    if let Some(entry) = table.get("rate") {
        reader.not_built(&entry, |reader| reader.rate(&entry));
    }
    if let Some(entry) = table.get("retry") {
        reader.not_built(&entry, |reader| retry(&entry, reader));
    }
    if let Some(entry) = table.get("on_uncertain")
        && let Some("fail") = reader.choice(&entry, &["retry", "fail"])
    {
        reader.refuse(&entry, "\"fail\" is not available in this version", "remove it");
    }
}

fn retry(entry: &Entry<'_>, reader: &mut Reader<'_>) {
    let Some(table) = entry.table(&mut reader.problems) else { return };
    let known = ["attempts", "first", "max"];
    table.unknown(&known, &mut reader.problems);
    if let Some(entry) = table.get("attempts") {
        reader.integer(&entry, 1..=MOST_ATTEMPTS);
    }
    let (first, max) = (table.get("first"), table.get("max"));
    let first_wait = first.as_ref().map(|entry| reader.duration(entry, SECOND / 10..=3600 * SECOND));
    let max_wait = max.as_ref().map(|entry| reader.duration(entry, SECOND / 10..=86_400 * SECOND));
    // One that could not be read, or was meant, is not known.
    let known_or = |wait: Option<Option<Duration>>, name, default| match wait {
        Some(wait) => wait,
        None => (!table.misspells(name, &known)).then_some(default),
    };
    let (Some(least), Some(most)) =
        (known_or(first_wait, "first", DEFAULT_FIRST), known_or(max_wait, "max", DEFAULT_MAX))
    else {
        return;
    };
    if least > most {
        let what = format!(
            "the first wait, {}, is longer than the longest, {}",
            duration::words(least),
            duration::words(most)
        );
        reader.refuse(
            max.as_ref().or(first.as_ref()).unwrap_or(entry),
            what,
            "write a longer max, or a shorter first",
        );
    }
}
