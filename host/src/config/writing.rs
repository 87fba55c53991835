//! Definitions as TOML: keys in their order, each value on a line of its own.

use serde_json::{Map, Number, Value};
use std::fmt::Write as _;

/// A value of a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// A text.
    Text(String),
    /// A number.
    Number(Number),
    /// True or false.
    Flag(bool),
    /// A reference to this environment variable.
    Env(String),
    /// A list.
    List(Vec<Given>),
    /// A table within its line: a reference is one too.
    Table(Keys),
}

/// Keys in their order.
pub type Keys = Vec<(String, Given)>;

/// The keys of a JSON object. TOML has no null: what is null is left out.
pub fn keys(object: &Map<String, Value>) -> Keys {
    object.iter().filter_map(|(name, value)| Some((name.clone(), given(value)?))).collect()
}

fn given(value: &Value) -> Option<Given> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(flag) => Given::Flag(*flag),
        Value::Number(number) => Given::Number(number.clone()),
        Value::String(text) => Given::Text(text.clone()),
        Value::Array(items) => Given::List(items.iter().filter_map(given).collect()),
        Value::Object(object) => Given::Table(keys(object)),
    })
}

/// A file that is being written.
#[derive(Debug, Default)]
pub struct Document {
    text: String,
}

impl Document {
    /// Begins with a comment.
    pub fn new(comment: &str) -> Self {
        let mut document = Self::default();
        document.comment(comment);
        document
    }

    /// A line for people.
    pub fn comment(&mut self, comment: &str) {
        // A line break would end it, and no control character may stand in one.
        let line = comment.chars().map(|character| if character.is_control() { ' ' } else { character });
        self.line(&format!("# {}", line.collect::<String>().trim_end()));
    }

    /// An empty line.
    pub fn blank(&mut self) {
        self.line("");
    }

    /// A table's head and its keys.
    pub fn table(&mut self, path: &[&str], keys: &Keys) {
        let path = path.iter().map(|name| key(name)).collect::<Vec<_>>().join(".");
        self.line(&format!("[{path}]"));
        for (name, given) in keys {
            self.line(&format!("{} = {}", key(name), value(given)));
        }
    }

    /// What was written.
    pub fn into_text(self) -> String {
        self.text
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}

fn key(name: &str) -> String {
    let bare = !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if bare { name.to_owned() } else { basic(name) }
}

fn value(given: &Given) -> String {
    match given {
        Given::Text(text) => string(text),
        Given::Number(number) => number.to_string(),
        Given::Flag(flag) => flag.to_string(),
        Given::Env(name) => format!("{{ env = {} }}", basic(name)),
        Given::List(items) => format!("[{}]", items.iter().map(value).collect::<Vec<_>>().join(", ")),
        Given::Table(keys) if keys.is_empty() => "{}".into(),
        Given::Table(keys) => {
            let pairs = keys.iter().map(|(name, given)| format!("{} = {}", key(name), value(given)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Without escapes where that is easier to read: patterns and JSON.
fn string(text: &str) -> String {
    let escapes = text.contains(['\\', '"']);
    if escapes && !text.contains('\'') && !text.chars().any(char::is_control) {
        format!("'{text}'")
    } else {
        basic(text)
    }
}

fn basic(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            // Writing to a text does not fail.
            control if control.is_control() => {
                write!(quoted, "\\u{:04X}", u32::from(control)).unwrap_or_default();
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_read_as_it_was_written() {
        let texts = [
            "",
            "plain",
            "ü 漢 😀",
            "two\nlines\r\n\ttab",
            r"\d+\\",
            r#"{"a": "b"}"#,
            "it's \"both\" \\",
            "'''",
            "\"\"\"",
            "\0\u{1f}\u{7f}\u{85}\u{2028}",
            "# no comment",
            "a = b]",
            "__CENSORED__",
        ];
        for text in texts {
            let given = Given::Text(text.into());
            let inner = Given::Table(vec![(text.into(), given.clone()), (format!("{text}x"), given.clone())]);
            let mut document = Document::new(text);
            document.comment(text);
            document.blank();
            document
                .table(&["gateways", text, "options"], &vec![(text.into(), given), ("table".into(), inner)]);
            let written = document.into_text();
            let read: toml::Table = written.parse().unwrap_or_else(|error| panic!("{error}\n{written}"));
            let options = &read["gateways"][text]["options"];
            assert_eq!(options[text].as_str(), Some(text), "{written}");
            assert_eq!(options["table"][text].as_str(), Some(text), "{written}");
        }
    }

    #[test]
    fn json_is_read_as_it_was_written() {
        let object = serde_json::json!({
            "n": 5, "f": 1.5, "large": 1e20, "small": 1e-7, "flag": true, "list": ["a", 1], "none": null,
            "table": { "env": "X", "deep": { "a": false } },
        });
        let mut document = Document::default();
        document.table(&["t"], &keys(object.as_object().unwrap()));
        let read: toml::Table = document.into_text().parse().unwrap();
        let expected = "n = 5\nf = 1.5\nlarge = 1e20\nsmall = 1e-7\nflag = true\nlist = [\"a\", 1]\ntable = { env = \"X\", deep = { a = false } }";
        assert_eq!(read["t"], toml::Value::Table(expected.parse().unwrap()));
    }

    #[test]
    fn keys_stand_in_their_order_and_references_are_inline() {
        let keys = vec![
            ("z".to_owned(), Given::Text("1".into())),
            ("a b".to_owned(), Given::Env("X_PASSWORD".into())),
            ("m".to_owned(), Given::Number(25.into())),
            ("e".to_owned(), Given::Table(Vec::new())),
            ("r".to_owned(), Given::Text(r"/[\+]//".into())),
        ];
        let mut document = Document::default();
        document.table(&["a", "b.c"], &keys);
        let expected =
            "[a.\"b.c\"]\nz = \"1\"\n\"a b\" = { env = \"X_PASSWORD\" }\nm = 25\ne = {}\nr = '/[\\+]//'\n";
        assert_eq!(document.into_text(), expected);
    }
}
