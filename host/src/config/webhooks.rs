//! `[webhooks]` and `[inbound]`

use super::{
    Endpoint,
    document::{Entry, Table},
    reader::Reader,
};
use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use std::{collections::BTreeSet, fmt, ops::RangeInclusive};
use zeroize::Zeroize as _;

/// Length of a secret in bytes, as the Standard Webhooks specification has it: "between 24 bytes (192 bits) and 64 bytes (512 bits)".
const SECRET: RangeInclusive<usize> = 24..=64;

/// Whoever leaves out the padding means the same.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const KNOWN: [&str; 2] = ["allow", "secret"];

/// `[webhooks]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Webhooks {
    /// The origins that a `callback_url` may have.
    pub allow: BTreeSet<String>,
    /// What webhooks are signed with; there where anything could be sent.
    pub secret: Option<WebhookSecret>,
}

/// A key that webhooks are signed with. It can't be printed, and its memory is cleared on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Vec<u8>);

impl WebhookSecret {
    /// Reads `whsec_` and the base64 of the key; `None` if it is none, or not of a length that the specification allows.
    pub fn parse(text: &str) -> Option<Self> {
        let key = Self(BASE64.decode(text.strip_prefix("whsec_")?).ok()?);
        SECRET.contains(&key.0.len()).then_some(key)
    }

    /// The key's bytes, for signing.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret")
    }
}

impl Drop for WebhookSecret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// What both tables come to.
#[derive(Debug, Default)]
pub(super) struct Callbacks {
    pub(super) webhooks: Webhooks,
    pub(super) inbound: Option<Endpoint>,
    /// Whether `webhooks.allow` could be read: else it says nothing about what is not in it.
    pub(super) origins_known: bool,
}

/// Reads both tables. `certain`: neither may stand there under a name that is a slip of the pen.
pub(super) fn callbacks(
    webhooks: Option<&Entry<'_>>,
    inbound: Option<&Entry<'_>>,
    certain: bool,
    reader: &mut Reader<'_>,
) -> Callbacks {
    let before = reader.problems.len();
    let table = webhooks.and_then(|entry| entry.table(&mut reader.problems));
    let (mut allow, mut key) = (Some(BTreeSet::new()), None);
    if let Some(table) = &table {
        table.unknown(&KNOWN, &mut reader.problems);
        allow = allowed(table, reader);
        key = table.get("secret").and_then(|entry| secret(&entry, reader));
    }
    let url = inbound.and_then(|entry| inbound_url(entry, reader));
    // With problems of their own, what is missing can't be told.
    if certain && key.is_none() && reader.problems.len() == before {
        let mend = "add it: \"whsec_\" and what `openssl rand -base64 32` prints";
        match (&table, &url) {
            (Some(table), _) if url.is_some() || allow.as_ref().is_some_and(|allow| !allow.is_empty()) => {
                reader.problems.push(table.missing("secret", mend));
            }
            (None, Some((entry, _))) => {
                let mend =
                    "add `secret` under [webhooks]: \"whsec_\" and what `openssl rand -base64 32` prints";
                reader.refuse(entry, "there is no secret to sign inbound messages with", mend);
            }
            _ => {}
        }
    }
    let origins_known = certain && allow.is_some() && (webhooks.is_none() || table.is_some());
    let webhooks = Webhooks { allow: allow.unwrap_or_default(), secret: key };
    Callbacks { webhooks, inbound: url.map(|(_, url)| url), origins_known }
}

/// The origins that a callback may have; `None` where they could not be read.
fn allowed(table: &Table<'_>, reader: &mut Reader<'_>) -> Option<BTreeSet<String>> {
    let Some(entry) = table.get("allow") else {
        return (!table.misspells("allow", &KNOWN)).then(BTreeSet::new);
    };
    let items = reader.list(&entry)?;
    let found = items.iter().map(|item| reader.origin(item)).collect::<Vec<_>>();
    found.into_iter().collect()
}

fn secret(entry: &Entry<'_>, reader: &mut Reader<'_>) -> Option<WebhookSecret> {
    let text = reader.string(entry)?;
    let secret = WebhookSecret::parse(&text);
    if secret.is_none() {
        let mend = "write \"whsec_\" and the base64 of 24 to 64 random bytes, as `openssl rand -base64 32` prints it";
        reader.refuse(entry, "is no Standard Webhooks secret", mend);
    }
    secret
}

fn inbound_url<'d>(entry: &Entry<'d>, reader: &mut Reader<'_>) -> Option<(Entry<'d>, Endpoint)> {
    let table = entry.table(&mut reader.problems)?;
    table.unknown(&["url"], &mut reader.problems);
    let entry = table.get("url")?;
    let url = reader.endpoint(&entry)?;
    Some((entry, url))
}
