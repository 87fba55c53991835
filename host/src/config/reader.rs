//! Values out of the file, each kind in one place, with every problem collected.

use super::{
    ConfigProblem,
    document::{Entry, Table},
    duration,
    rate::{self, Rate},
};
use serde_json::{Map, Value};
use std::{fs, io::Read as _, ops::RangeInclusive, time::Duration};

/// A file behind a `{ file = … }` reference holds one secret: what is larger is a mistake.
const LARGEST_REFERENCE: u64 = 64 << 10;

/// The environment that `{ env = … }` references read.
pub type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// The keys of a section of a definition.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) values: Map<String, Value>,
    /// Those with a problem of their own.
    pub(super) unread: Vec<String>,
}

/// Reads values and collects what is wrong with them.
pub(super) struct Reader<'e> {
    environment: Environment<'e>,
    pub(super) problems: Vec<ConfigProblem>,
    pub(super) warnings: Vec<ConfigProblem>,
    /// What references led to: never to be shown.
    pub(super) secrets: Vec<String>,
}

impl<'e> Reader<'e> {
    pub(super) fn new(environment: Environment<'e>) -> Self {
        Self { environment, problems: Vec::new(), warnings: Vec::new(), secrets: Vec::new() }
    }

    pub(super) fn refuse(&mut self, entry: &Entry<'_>, what: impl Into<String>, mend: impl Into<String>) {
        self.problems.push(entry.problem(what, mend));
    }

    /// A text: a scalar, or a reference to one.
    pub(super) fn text(&mut self, entry: &Entry<'_>) -> Option<String> {
        if let Some(table) = entry.as_table() {
            return self.reference(entry, &table);
        }
        let text = entry.scalar();
        if text.is_none() {
            let what = format!("must be one value, not {}", entry.kind());
            self.refuse(entry, what, "write a string, or { env = \"NAME\" } or { file = \"PATH\" }");
        }
        text.map(Into::into)
    }

    fn reference(&mut self, entry: &Entry<'_>, table: &Table<'_>) -> Option<String> {
        let Some((kind, name)) = reference_in(table) else {
            let what = "must be one value, not a table";
            self.refuse(entry, what, "write a string, or { env = \"NAME\" } or { file = \"PATH\" }");
            return None;
        };
        let found = match kind {
            "env" => (self.environment)(&name).ok_or_else(|| {
                (
                    format!("the environment variable {name} is not set"),
                    "set it, or correct the name".to_owned(),
                )
            }),
            _ => {
                let path = table.directory().join(&name);
                read_reference(&path).map_err(|reason| {
                    (
                        format!("the file {} can't be read: {reason}", path.display()),
                        "make it readable, or correct the path".to_owned(),
                    )
                })
            }
        };
        match found {
            Ok(value) => {
                self.secrets.push(value.clone());
                Some(value)
            }
            Err((what, mend)) => {
                self.refuse(entry, what, mend);
                None
            }
        }
    }

    /// A string, and nothing that is only like one.
    pub(super) fn string(&mut self, entry: &Entry<'_>) -> Option<String> {
        if !entry.value().is_str() && entry.as_table().is_none() {
            let what = format!("must be a string, not {}", entry.kind());
            self.refuse(entry, what, "write it in quotes");
            return None;
        }
        self.text(entry)
    }

    /// A path, as it is written.
    pub(super) fn path(&mut self, entry: &Entry<'_>) -> Option<String> {
        let text = self.string(entry)?;
        if text.is_empty() || text.contains('\0') {
            self.refuse(entry, "must be a path", "write one, or remove the key");
            return None;
        }
        Some(text)
    }

    pub(super) fn duration(
        &mut self,
        entry: &Entry<'_>,
        bounds: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        let text = self.string(entry)?;
        match duration::parse(&text) {
            None => {
                self.refuse(entry, format!("{} is no duration", quoted(entry, &text)), duration::EXAMPLES)
            }
            Some(span) if !bounds.contains(&span) => {
                let (least, most) = (bounds.start(), bounds.end());
                let what = format!(
                    "must be at least {} and at most {}",
                    duration::words(*least),
                    duration::words(*most)
                );
                self.refuse(entry, what, "write a duration between the two");
            }
            Some(span) => return Some(span),
        }
        None
    }

    pub(super) fn rate(&mut self, entry: &Entry<'_>) -> Option<Rate> {
        let text = self.string(entry)?;
        let rate = rate::parse(&text);
        match rate {
            None => self.refuse(entry, format!("{} is no rate", quoted(entry, &text)), rate::EXAMPLES),
            Some(rate) if !rate.is_sensible() => {
                let what = "must be at least 1/min and at most 1000000/s";
                self.refuse(entry, what, "write a rate between the two, or remove it for no limit");
            }
            Some(_) => return rate,
        }
        None
    }

    pub(super) fn integer(&mut self, entry: &Entry<'_>, bounds: RangeInclusive<u64>) -> Option<u64> {
        let number = entry.value().is_integer().then(|| entry.scalar()).flatten();
        let number =
            number.and_then(|number| number.parse::<u64>().ok()).filter(|number| bounds.contains(number));
        if number.is_none() {
            let what = format!("must be a whole number from {} to {}", bounds.start(), bounds.end());
            self.refuse(entry, what, "write such a number, without quotes");
        }
        number
    }

    pub(super) fn boolean(&mut self, entry: &Entry<'_>) -> Option<bool> {
        let flag = entry.value().as_bool();
        if flag.is_none() {
            let what = format!("must be true or false, not {}", entry.kind());
            self.refuse(entry, what, "write true or false, without quotes");
        }
        flag
    }

    /// One of a few words.
    pub(super) fn choice<'w>(&mut self, entry: &Entry<'_>, words: &[&'w str]) -> Option<&'w str> {
        let given = self.string(entry)?;
        let found = words.iter().copied().find(|word| *word == given);
        if found.is_none() {
            let known = words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" or ");
            let mend = match gatepost_provider_api::declaration::nearest(&given, words.iter().copied()) {
                Some(near) => format!("did you mean {near:?}?"),
                None => "write one of them".into(),
            };
            self.refuse(entry, format!("must be {known}"), mend);
        }
        found
    }

    pub(super) fn list<'d>(&mut self, entry: &Entry<'d>) -> Option<Vec<Entry<'d>>> {
        let items = entry.items();
        if items.is_none() {
            let what = format!("must be a list, not {}", entry.kind());
            self.refuse(entry, what, "write it in [brackets]");
        }
        items
    }

    /// The strings of a list.
    pub(super) fn strings<'d>(&mut self, entry: &Entry<'d>) -> Option<Vec<(Entry<'d>, String)>> {
        let items = self.list(entry)?;
        let texts = items.into_iter().map(|item| Some((item.clone(), self.string(&item)?)));
        texts.collect::<Vec<_>>().into_iter().collect()
    }

    /// The keys of a section of a definition, in their order: scalars as strings (booleans stay), tables of scalars as such.
    pub(super) fn section(&mut self, entries: &[Entry<'_>], tables_allowed: bool) -> Keys {
        let mut keys = Keys::default();
        for entry in entries {
            let value = match entry.as_table() {
                Some(inner) if tables_allowed && reference_in(&inner).is_none() => {
                    let inner = self.section(&inner.entries().collect::<Vec<_>>(), false);
                    inner.unread.is_empty().then_some(Value::Object(inner.values))
                }
                _ if tables_allowed && entry.value().is_bool() => {
                    Some(Value::Bool(entry.value().as_bool() == Some(true)))
                }
                _ => self.text(entry).map(Value::String),
            };
            match value {
                Some(value) => drop(keys.values.insert(entry.name.to_owned(), value)),
                None => keys.unread.push(entry.name.to_owned()),
            }
        }
        keys
    }
}

/// The value as a problem may show it: what a reference led to is a secret, put there by mistake.
pub(super) fn quoted(entry: &Entry<'_>, text: &str) -> String {
    if entry.as_table().is_some() { "what the reference leads to".into() } else { format!("{text:?}") }
}

/// `{ env = "NAME" }` or `{ file = "PATH" }`, and nothing beside it.
fn reference_in(table: &Table<'_>) -> Option<(&'static str, String)> {
    let mut entries = table.entries();
    let (entry, None) = (entries.next()?, entries.next()) else { return None };
    let kind = ["env", "file"].into_iter().find(|kind| *kind == entry.name)?;
    entry.value().as_str().map(|name| (kind, name.to_owned()))
}

fn read_reference(path: &std::path::Path) -> Result<String, String> {
    let metadata = fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is not a regular file".into());
    }
    let mut text = String::new();
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    let length =
        file.take(LARGEST_REFERENCE + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if length as u64 > LARGEST_REFERENCE {
        return Err("it is larger than 64 KiB".into());
    }
    // The one that every editor puts at the end.
    let value = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text));
    Ok(value.unwrap_or(&text).to_owned())
}
