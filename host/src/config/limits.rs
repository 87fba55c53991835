//! What a gateway definition says of times, rates, repetitions and doubts.

use super::{Limits, OnUncertain, Retry, document::Entry, document::Table, duration, reader::Reader};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A submission to this gateway is made so often, where a definition says nothing.
const DEFAULT_RETRY: Retry = Retry { attempts: 5, first: SECOND, max: Duration::from_secs(60) };

const MOST_ATTEMPTS: u64 = 100;

impl Default for Limits {
    /// Those of a definition that says nothing.
    fn default() -> Self {
        Self {
            valid_for: Duration::from_secs(600),
            submit_timeout: None,
            max_in_flight: 64,
            rate: None,
            retry: DEFAULT_RETRY,
            on_uncertain: OnUncertain::Retry,
        }
    }
}

pub(super) fn limits(table: &Table<'_>, reader: &mut Reader<'_>) -> Limits {
    let mut limits = Limits::default();
    let valid_for = table.get("valid_for");
    if let Some(span) = valid_for.and_then(|entry| reader.duration(&entry, SECOND..=7 * 86_400 * SECOND)) {
        limits.valid_for = span;
    }
    let submit_timeout = table.get("submit_timeout");
    limits.submit_timeout =
        submit_timeout.and_then(|entry| reader.duration(&entry, SECOND / 10..=3600 * SECOND));
    let max_in_flight = table.get("max_in_flight").and_then(|entry| reader.integer(&entry, 1..=100_000));
    if let Some(max) = max_in_flight.and_then(|max| usize::try_from(max).ok()) {
        limits.max_in_flight = max;
    }
    limits.rate = table.get("rate").and_then(|entry| reader.rate(&entry));
    if let Some(retry) = table.get("retry").and_then(|entry| retry(&entry, reader)) {
        limits.retry = retry;
    }
    if let Some(entry) = table.get("on_uncertain")
        && let Some("fail") = reader.choice(&entry, &["retry", "fail"])
    {
        limits.on_uncertain = OnUncertain::Fail;
    }
    limits
}

fn retry(entry: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Retry> {
    let table = entry.table(&mut reader.problems)?;
    let known = ["attempts", "first", "max"];
    table.unknown(&known, &mut reader.problems);
    let attempts = table.get("attempts").and_then(|entry| reader.integer(&entry, 1..=MOST_ATTEMPTS));
    let attempts = attempts.and_then(|attempts| u32::try_from(attempts).ok());
    let (first, max) = (table.get("first"), table.get("max"));
    let first_wait = first.as_ref().map(|entry| reader.duration(entry, SECOND / 10..=3600 * SECOND));
    let max_wait = max.as_ref().map(|entry| reader.duration(entry, SECOND / 10..=86_400 * SECOND));
    // One that could not be read, or was meant, is not known.
    let known_or = |wait: Option<Option<Duration>>, name, default| match wait {
        Some(wait) => wait,
        None => (!table.misspells(name, &known)).then_some(default),
    };
    let (Some(least), Some(most)) =
        (known_or(first_wait, "first", DEFAULT_RETRY.first), known_or(max_wait, "max", DEFAULT_RETRY.max))
    else {
        return None;
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
    Some(Retry { attempts: attempts.unwrap_or(DEFAULT_RETRY.attempts), first: least, max: most })
}
