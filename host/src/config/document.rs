//! A parsed file in which every key knows its line.

use super::{ConfigProblem, Location};
use gatepost_provider_api::declaration::nearest;
use serde_json::{Map, Value};
use std::{borrow::Cow, ops::Range, path::PathBuf, sync::Arc};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// One file's text and where its lines begin.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) file: Arc<PathBuf>,
    text: &'a str,
    line_starts: Vec<usize>,
}

impl<'a> Source<'a> {
    pub(super) fn new(file: Arc<PathBuf>, text: &'a str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { file, text, line_starts: std::iter::once(0).chain(breaks).collect() }
    }

    pub(super) fn location(&self, span: &Range<usize>) -> Location {
        let line = self.line_starts.partition_point(|start| *start <= span.start).max(1);
        Location { file: Arc::clone(&self.file), line }
    }

    /// The words of the file at this place.
    pub(super) fn words(&self, span: Range<usize>) -> &'a str {
        self.text.get(span).unwrap_or_default()
    }

    /// Parses the whole.
    ///
    /// # Errors
    /// Every place that is no TOML.
    pub(super) fn parse(&self) -> Result<Spanned<DeTable<'a>>, Vec<ConfigProblem>> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        if errors.is_empty() {
            return Ok(table);
        }
        let problem = |error: toml::de::Error| ConfigProblem {
            location: self.location(&error.span().unwrap_or(0..0)),
            key: ConfigProblem::SYNTAX.into(),
            what: error.message().replace('\n', ", "),
            mend: "correct it; strings are in quotes, tables in [brackets], each key stands once".into(),
        };
        Err(errors.into_iter().map(problem).collect())
    }

    pub(super) fn directory(&self) -> PathBuf {
        self.file.parent().map(PathBuf::from).unwrap_or_default()
    }
}

/// A table in its file.
#[derive(Clone, Debug)]
pub(super) struct Table<'d> {
    source: &'d Source<'d>,
    table: &'d DeTable<'d>,
    /// Dotted name of the table, empty at the top.
    path: String,
    /// Where it begins.
    pub(super) location: Location,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry<'d> {
    source: &'d Source<'d>,
    value: &'d Spanned<DeValue<'d>>,
    pub(super) name: &'d str,
    /// Dotted name of the key.
    pub(super) path: String,
    pub(super) location: Location,
}

impl<'d> Table<'d> {
    pub(super) fn top(source: &'d Source<'d>, table: &'d Spanned<DeTable<'d>>) -> Self {
        Self { source, table: table.get_ref(), path: String::new(), location: source.location(&(0..0)) }
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'d>> + use<'d> {
        let (source, path) = (self.source, self.path.clone());
        self.table.iter().map(move |(key, value)| {
            let name: &'d str = key.get_ref();
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            Entry { source, value, name, path, location: source.location(&key.span()) }
        })
    }

    pub(super) fn get(&self, name: &str) -> Option<Entry<'d>> {
        self.entries().find(|entry| entry.name == name)
    }

    pub(super) fn directory(&self) -> PathBuf {
        self.source.directory()
    }

    /// Its keys and values as they stand there.
    pub(super) fn json(&self) -> Map<String, Value> {
        self.entries().map(|entry| (entry.name.to_owned(), entry.json())).collect()
    }

    /// A problem with a key that is not there.
    pub(super) fn missing(&self, key: &str, mend: impl Into<String>) -> ConfigProblem {
        ConfigProblem {
            location: self.location.clone(),
            key: format!("{}.{key}", self.path),
            what: "required key is missing".into(),
            mend: mend.into(),
        }
    }

    /// Whether an unknown key was probably meant to be `name`.
    pub(super) fn misspells(&self, name: &str, known: &[&str]) -> bool {
        let unknown = self.entries().filter(|entry| !known.contains(&entry.name));
        unknown.into_iter().any(|entry| nearest(entry.name, known.iter().copied()) == Some(name))
    }

    /// A problem for each key that is none of `known`.
    pub(super) fn unknown(&self, known: &[&str], problems: &mut Vec<ConfigProblem>) {
        for entry in self.entries().filter(|entry| !known.contains(&entry.name)) {
            let mend = match nearest(entry.name, known.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("known keys are {}", known.join(", ")),
            };
            problems.push(entry.problem("unknown key", mend));
        }
    }
}

impl<'d> Entry<'d> {
    pub(super) fn problem(&self, what: impl Into<String>, mend: impl Into<String>) -> ConfigProblem {
        ConfigProblem {
            location: self.location.clone(),
            key: self.path.clone(),
            what: what.into(),
            mend: mend.into(),
        }
    }

    pub(super) fn value(&self) -> &'d DeValue<'d> {
        self.value.get_ref()
    }

    /// The scalar's text as it stands in the file: `1.50` stays `1.50`. `None` for tables and lists.
    pub(super) fn scalar(&self) -> Option<Cow<'d, str>> {
        match self.value.get_ref() {
            DeValue::String(text) => Some(Cow::Borrowed(text)),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Datetime(_) => {
                let words = self.source.words(self.value.span());
                // The underscores are TOML's, not the value's.
                Some(if words.contains('_') { words.replace('_', "").into() } else { words.into() })
            }
            DeValue::Boolean(flag) => Some(if *flag { "true".into() } else { "false".into() }),
            DeValue::Array(_) | DeValue::Table(_) => None,
        }
    }

    /// The value with the order of its keys: a number whose words JSON would change is a text.
    pub(super) fn json(&self) -> Value {
        if let Some(table) = self.as_table() {
            return Value::Object(table.json());
        }
        if let Some(items) = self.items() {
            return items.iter().map(Self::json).collect();
        }
        let words = self.scalar().unwrap_or_default();
        match self.value() {
            DeValue::Boolean(flag) => Value::Bool(*flag),
            DeValue::Integer(_) | DeValue::Float(_) => match serde_json::from_str(&words) {
                Ok(Value::Number(number)) if number.to_string() == words => Value::Number(number),
                _ => Value::String(words.into()),
            },
            _ => Value::String(words.into()),
        }
    }

    pub(super) fn as_table(&self) -> Option<Table<'d>> {
        let table = self.value.get_ref().as_table()?;
        Some(Table { source: self.source, table, path: self.path.clone(), location: self.location.clone() })
    }

    /// The table under this key, or a problem.
    pub(super) fn table(&self, problems: &mut Vec<ConfigProblem>) -> Option<Table<'d>> {
        let table = self.as_table();
        if table.is_none() {
            let what = format!("must be a table, not {}", self.kind());
            problems.push(self.problem(what, format!("write it as [{}]", self.path)));
        }
        table
    }

    /// The entries of a list, each under its own number.
    pub(super) fn items(&self) -> Option<Vec<Entry<'d>>> {
        let items = self.value.get_ref().as_array()?;
        let entry = |value: &'d Spanned<DeValue<'d>>| Entry {
            source: self.source,
            value,
            name: self.name,
            path: self.path.clone(),
            location: self.source.location(&value.span()),
        };
        Some(items.iter().map(entry).collect())
    }

    pub(super) fn is_empty_list(&self) -> bool {
        self.value.get_ref().as_array().is_some_and(|items| items.is_empty())
    }

    pub(super) fn kind(&self) -> &'static str {
        match self.value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        }
    }
}
