//! YAML as PyYAML's `safe_dump` writes it, to JSON values.
//!
//! Scalars stay texts, as they are written: what is a number differs between YAML 1.1, which PyYAML speaks, and 1.2. A plain `0891` or
//! `1e5` is a text to the one and a number to the other, and phone numbers and passwords look like that.

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Value};
use std::{borrow::Cow, collections::HashMap};

/// The deepest nesting; an export has six levels.
const DEEPEST: usize = 64;

/// Most values, those that anchors keep and aliases repeat included: aliases of aliases could make any number of them.
const MOST: usize = 1_000_000;

/// Most bytes that anchors keep and aliases repeat: a few aliases of one long text could fill the memory.
const MOST_COPIED: usize = 64 << 20;

/// Reads the only document of `text`.
///
/// # Errors
/// What is wrong, with its line.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let mark = error.marker();
            format!("line {}, column {}: {}", mark.line(), mark.col() + 1, error.info())
        })?;
        builder.take(event).map_err(|what| format!("line {}: {what}", span.start.line()))?;
    }
    builder.document.ok_or_else(|| "there is nothing in it".to_owned())
}

/// A list or a table that is not at its end, with its anchor.
enum Open {
    List(Vec<Value>, usize),
    Table(Map<String, Value>, Option<String>, usize),
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, (Value, Size)>,
    document: Option<Value>,
    count: usize,
    copied: usize,
}

#[derive(Clone, Copy, Default)]
struct Size {
    values: usize,
    bytes: usize,
}

impl Size {
    fn of(value: &Value) -> Self {
        let (values, bytes) = match value {
            Value::String(text) => return Self { values: 1, bytes: text.len() },
            Value::Array(values) => (values.iter().map(Self::of).fold(Self::default(), Self::plus), 0),
            Value::Object(values) => (
                values.values().map(Self::of).fold(Self::default(), Self::plus),
                values.keys().map(String::len).sum(),
            ),
            _ => (Self::default(), 0),
        };
        values.plus(Self { values: 1, bytes })
    }

    fn plus(self, other: Self) -> Self {
        Self { values: self.values + other.values, bytes: self.bytes + other.bytes }
    }
}

impl Builder {
    fn take(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                known(tag.as_ref())?;
                let value = scalar(text, style, tag.as_ref());
                self.put(value, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                known(tag.as_ref())?;
                self.open(Open::List(Vec::new(), anchor))
            }
            Event::MappingStart(anchor, tag) => {
                known(tag.as_ref())?;
                self.open(Open::Table(Map::new(), None, anchor))
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List(values, anchor)) => self.put(values.into(), anchor),
                Some(Open::Table(values, _, anchor)) => self.put(values.into(), anchor),
                None => Ok(()),
            },
            Event::Alias(anchor) => {
                let found = self.anchors.get(&anchor);
                let size = found.ok_or("an alias stands inside of what it repeats")?.1;
                self.copies(size)?;
                let value = self.anchors.get(&anchor).map(|(value, _)| value.clone());
                self.place(value.unwrap_or_default())
            }
            Event::DocumentStart(_) if self.document.is_some() => {
                Err("a second document begins: an export is one".into())
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, open: Open) -> Result<(), String> {
        if self.open.len() == DEEPEST {
            return Err(format!("it is nested deeper than {DEEPEST} levels"));
        }
        self.open.push(open);
        Ok(())
    }

    /// Takes a value that has just been read.
    fn put(&mut self, value: Value, anchor: usize) -> Result<(), String> {
        self.counts(1)?;
        if anchor > 0 {
            let size = Size::of(&value);
            self.copies(size)?;
            self.anchors.insert(anchor, (value.clone(), size));
        }
        self.place(value)
    }

    fn counts(&mut self, values: usize) -> Result<(), String> {
        self.count += values;
        if self.count > MOST { Err(format!("there are more than {MOST} values")) } else { Ok(()) }
    }

    /// Whether there is room for a copy of this size.
    fn copies(&mut self, size: Size) -> Result<(), String> {
        self.counts(size.values)?;
        self.copied += size.bytes;
        if self.copied > MOST_COPIED {
            return Err(format!("anchors and aliases repeat more than {} MiB", MOST_COPIED >> 20));
        }
        Ok(())
    }

    /// Puts a value where it belongs.
    fn place(&mut self, value: Value) -> Result<(), String> {
        match self.open.last_mut() {
            None => self.document = Some(value),
            Some(Open::List(values, _)) => values.push(value),
            Some(Open::Table(values, key, _)) => match key.take() {
                Some(key) => drop(values.insert(key, value)),
                None => *key = Some(name(value)?),
            },
        }
        Ok(())
    }
}

fn name(value: Value) -> Result<String, String> {
    match value {
        Value::String(name) => Ok(name),
        Value::Bool(flag) => Ok(flag.to_string()),
        _ => Err("a key is no text".into()),
    }
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Cow<'_, Tag>>) -> Value {
    let is_text = tag.is_some_and(|tag| tag.suffix == "str" || tag.handle.is_empty());
    match (style, &*text) {
        (ScalarStyle::Plain, "" | "~" | "null" | "Null" | "NULL") if !is_text => Value::Null,
        (ScalarStyle::Plain, "true" | "True" | "TRUE") if !is_text => true.into(),
        (ScalarStyle::Plain, "false" | "False" | "FALSE") if !is_text => false.into(),
        _ => text.into_owned().into(),
    }
}

/// Those of YAML itself; others would have Python make an object of what follows.
fn known(tag: Option<&Cow<'_, Tag>>) -> Result<(), String> {
    let Some(tag) = tag else { return Ok(()) };
    let known = ["str", "int", "float", "bool", "null", "map", "seq"];
    // A lone `!` is for a value that is what it looks like.
    let lone = tag.suffix.is_empty();
    if lone || (tag.is_yaml_core_schema() && known.contains(&tag.suffix.as_str())) {
        Ok(())
    } else {
        Err(format!("the tag {tag} is none that an export has"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn scalars_stay_as_they_are_written() {
        let text = "a: 0891\nb: 1e5\nc: 0o14\nd: yes\ne: 'true'\nf: 25\ng: !!str true\nh: 1_0\ni: 1:30\n";
        let expected = json!({
            "a": "0891", "b": "1e5", "c": "0o14", "d": "yes", "e": "true", "f": "25", "g": "true", "h": "1_0", "i": "1:30",
        });
        assert_eq!(parse(text).unwrap(), expected);
    }

    #[test]
    fn nothing_and_flags_are_told_from_texts() {
        let text = "a: null\nb:\nc: ~\nd: true\ne: False\nf: ''\ng: {}\nh: []\n";
        let expected =
            json!({ "a": null, "b": null, "c": null, "d": true, "e": false, "f": "", "g": {}, "h": [] });
        assert_eq!(parse(text).unwrap(), expected);
    }

    #[test]
    fn python_s_escapes_and_folded_lines_are_read() {
        let text = "a: \"B\\xFCro \\u6F22 \\U0001F600 \\\n  \\ two\\nlines \\0\"\nb: 'it''s\n\n  folded'\nc: \"x: y\"\n\"\\xFC\": 1\n";
        let expected =
            json!({ "a": "Büro 漢 😀  two\nlines \0", "b": "it's\nfolded", "c": "x: y", "ü": "1" });
        assert_eq!(parse(text).unwrap(), expected);
    }

    #[test]
    fn keys_keep_their_order() {
        let value = parse("z: 1\na: 2\nm: {b: 1, a: 2}\n").unwrap();
        assert_eq!(value.to_string(), r#"{"z":"1","a":"2","m":{"b":"1","a":"2"}}"#);
    }

    #[test]
    fn aliases_repeat_what_their_anchor_names() {
        let value = parse("a: &id001 {x: [1]}\nb: *id001\n").unwrap();
        assert_eq!(value, json!({ "a": { "x": ["1"] }, "b": { "x": ["1"] } }));
    }

    #[test]
    fn aliases_of_aliases_come_to_an_end() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let before = format!("*a{}, ", level - 1).repeat(10);
            text.push_str(&format!("a{level}: &a{level} [{before}]\n"));
        }
        let error = parse(&text).unwrap_err();
        assert!(error.contains("more than 1000000 values"), "{error}");
    }

    #[test]
    fn aliases_of_long_texts_come_to_an_end() {
        let long = "x".repeat(1 << 20);
        let aliases = |count: usize| "*a, ".repeat(count);
        for anchored in [long.clone(), format!("[{long}]"), format!("{{{long}: 1}}")] {
            let list = |count| format!("a: &a {anchored}\nb: [{}]\n", aliases(count));
            assert!(parse(&list(60)).is_ok());
            let error = parse(&list(64)).unwrap_err();
            assert!(error.contains("line 2: anchors and aliases repeat more than 64 MiB"), "{error}");
        }
    }

    #[test]
    fn anchors_in_anchors_come_to_an_end() {
        let anchors = (0..60).map(|level| format!("&a{level} [")).collect::<String>();
        let many = "x, ".repeat(20_000);
        let error = parse(&format!("{anchors}{many}{}", "]".repeat(60))).unwrap_err();
        assert!(error.contains("more than 1000000 values"), "{error}");
    }

    #[test]
    fn what_is_no_export_is_refused_with_its_line() {
        for (text, fragment) in [
            ("a: 1\nb: [1\n", "line "),
            ("a: 1\n---\nb: 2\n", "second document"),
            ("a: !!python/object:os.system x\n", "line 1: the tag"),
            ("a: !x y\n", "the tag"),
            ("[1]: 2\n", "a key is no text"),
            ("a: *nobody\n", "line 1"),
            ("a: &a [*a]\n", "line 1"),
            ("", "nothing in it"),
            (&"[".repeat(100), "nested deeper"),
            ("{---", "line"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(fragment), "{text:?}: {error}");
        }
    }
}
