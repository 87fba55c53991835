//! `[webhooks]` and `[inbound]`

use super::{
    document::{Entry, Table},
    reader::Reader,
};
use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use std::{collections::BTreeSet, ops::RangeInclusive};

/// Length of a secret in bytes, as the Standard Webhooks specification has it: "between 24 bytes (192 bits) and 64 bytes (512 bits)".
const SECRET: RangeInclusive<usize> = 24..=64;

/// Whoever leaves out the padding means the same.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const KNOWN: [&str; 2] = ["allow", "secret"];

/// The origins that a callback may have; `None` where they could not be read.
pub(super) fn webhooks(entry: Option<&Entry<'_>>, reader: &mut Reader<'_>) -> Option<BTreeSet<String>> {
    let Some(entry) = entry else { return Some(BTreeSet::new()) };
    let table = entry.table(&mut reader.problems)?;
    table.unknown(&KNOWN, &mut reader.problems);
    if let Some(entry) = table.get("secret") {
        reader.not_built(&entry, |reader| secret(&entry, reader));
    }
    allowed(&table, reader)
}

fn allowed(table: &Table<'_>, reader: &mut Reader<'_>) -> Option<BTreeSet<String>> {
    let Some(entry) = table.get("allow") else {
        return (!table.misspells("allow", &KNOWN)).then(BTreeSet::new);
    };
    let mut origins = Some(BTreeSet::new());
    let mut read = |reader: &mut Reader<'_>| {
        let items = reader.list(&entry).unwrap_or_default();
        let found = items.iter().map(|item| reader.origin(item)).collect::<Vec<_>>();
        origins = found.into_iter().collect();
    };
    // An empty list allows what there is: nothing.
    if entry.is_empty_list() {
        read(reader)
    } else {
        reader.not_built(&entry, read)
    }
    origins
}

fn secret(entry: &Entry<'_>, reader: &mut Reader<'_>) {
    let Some(text) = reader.string(entry) else { return };
    let key = text.strip_prefix("whsec_").and_then(|key| BASE64.decode(key).ok());
    if key.is_none_or(|key| !SECRET.contains(&key.len())) {
        let mend = "write \"whsec_\" and the base64 of 24 to 64 random bytes, as `openssl rand -base64 32` prints it";
        reader.refuse(entry, "is no Standard Webhooks secret", mend);
    }
}

pub(super) fn inbound(entry: &Entry<'_>, reader: &mut Reader<'_>) {
    let Some(table) = entry.table(&mut reader.problems) else { return };
    table.unknown(&["url"], &mut reader.problems);
    if let Some(entry) = table.get("url") {
        reader.not_built(&entry, |reader| reader.url(&entry));
    }
}
