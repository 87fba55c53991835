//! The file that `pi-manage config export` wrote: JSON or YAML.

use super::yaml;
use serde::Serialize;
use serde_json::{Map, Value};
use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Larger than the configuration of any system, and smaller than what would fill the memory.
const LARGEST: u64 = 64 << 20;

const AGAIN: &str = "write it anew with `pi-manage config export --format json --output FILE`";

/// How an export is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum Format {
    #[serde(rename = "JSON")]
    Json,
    #[serde(rename = "YAML")]
    Yaml,
}

/// What can be taken over of an export.
#[derive(Debug)]
pub(super) struct Export {
    pub(super) format: Format,
    /// privacyIDEA's version.
    pub(super) version: Option<String>,
    pub(super) gateways: Map<String, Value>,
    pub(super) smtp_servers: Map<String, Value>,
    /// Names of the other sections: they are about something else.
    pub(super) others: Vec<String>,
}

/// Why there is no export. Quotes nothing of it: secrets stand in it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("{}: the export can't be read: {source}; correct the path, or make it readable", .file.display())]
    Missing { file: PathBuf, source: io::Error },
    #[error("{}: {what}; {mend}", .file.display())]
    Wrong { file: PathBuf, what: String, mend: &'static str },
}

impl Export {
    /// Reads `file`; `-` is the standard input.
    pub(super) fn read(file: &Path) -> Result<Self, Unreadable> {
        let missing = |source| Unreadable::Missing { file: file.to_owned(), source };
        let mut bytes = Vec::new();
        let reader: Box<dyn Read> = if file.as_os_str() == "-" {
            Box::new(io::stdin())
        } else {
            Box::new(File::open(file).map_err(missing)?)
        };
        let length = reader.take(LARGEST + 1).read_to_end(&mut bytes).map_err(missing)?;
        let wrong = |(what, mend)| Unreadable::Wrong { file: file.to_owned(), what, mend };
        if length as u64 > LARGEST {
            return Err(wrong(("it is larger than 64 MiB".into(), "name the export alone")));
        }
        let text = String::from_utf8(bytes).map_err(|_| wrong(("it is no text in UTF-8".into(), AGAIN)))?;
        let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        Self::parse(&text, &extension.to_ascii_lowercase()).map_err(wrong)
    }

    fn parse(text: &str, extension: &str) -> Result<Self, (String, &'static str)> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (format, value) = value(text, extension)?;
        let Value::Object(mut sections) = value else {
            return Err((format!("it is {}, not a configuration", kind(&value)), AGAIN));
        };
        let version = sections.shift_remove("privacyIDEA_version");
        let mut section = |name: &str| match sections.shift_remove(name) {
            Some(Value::Object(section)) => Ok(Some(section)),
            None => Ok(None),
            Some(other) => Err((format!("its `{name}` is {}, not a table", kind(&other)), AGAIN)),
        };
        let (gateways, smtp_servers) = (section("smsgateway")?, section("smtpserver")?);
        if gateways.is_none() && smtp_servers.is_none() {
            let mend = "export them with `pi-manage config export --types smsgateway --types smtpserver`";
            return Err(("it holds neither `smsgateway` nor `smtpserver`".into(), mend));
        }
        Ok(Self {
            format,
            version: version.as_ref().and_then(Value::as_str).map(str::to_owned),
            gateways: gateways.unwrap_or_default(),
            smtp_servers: smtp_servers.unwrap_or_default(),
            others: sections.keys().cloned().collect(),
        })
    }
}

fn value(text: &str, extension: &str) -> Result<(Format, Value), (String, &'static str)> {
    let start = text.trim_start();
    if is_python(start) {
        return Err(("it is a Python literal, which is not read".into(), AGAIN));
    }
    let json = serde_json::from_str::<Value>(text);
    match json {
        Ok(value) if !matches!(extension, "yaml" | "yml") => Ok((Format::Json, value)),
        // JSON is written in one way only, so that what is meant is clear: an error in it is not to be read as something else.
        Err(error)
            if extension == "json" || (start.starts_with('{') && !matches!(extension, "yaml" | "yml")) =>
        {
            let what = format!("it is no JSON: line {}, column {}", error.line(), error.column());
            Err((what, AGAIN))
        }
        _ => match yaml::parse(text) {
            Ok(value) => Ok((Format::Yaml, value)),
            Err(what) => Err((format!("it is no YAML: {what}"), AGAIN)),
        },
    }
}

/// Whether it begins as a dictionary's `repr` does. As YAML that could be read, with the texts `None` and `True` in place of what they
/// mean.
fn is_python(start: &str) -> bool {
    start.strip_prefix('{').is_some_and(|rest| rest.trim_start().starts_with('\''))
}

/// What a value is, in words.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_told_by_extension_and_content() {
        for (text, extension, format) in [
            (r#"{"smsgateway": {}}"#, "json", Format::Json),
            (r#"{"smsgateway": {}}"#, "", Format::Json),
            (r#"{"smsgateway": {}}"#, "yml", Format::Yaml),
            ("\u{feff}{\"smsgateway\": {}}", "txt", Format::Json),
            ("smsgateway: {}\n", "yaml", Format::Yaml),
            ("smsgateway: {}\n", "", Format::Yaml),
            ("---\nsmtpserver: {}\n", "bak", Format::Yaml),
        ] {
            assert_eq!(Export::parse(text, extension).unwrap().format, format, "{text}");
        }
    }

    #[test]
    fn what_is_no_export_says_how_to_make_one() {
        for (text, extension, fragment) in [
            ("{'smsgateway': {'a': None}}", "", "Python literal"),
            ("\n {\n 'smsgateway': {}}", "py", "Python literal"),
            ("{'smsgateway': {}}", "json", "Python literal"),
            ("{'smsgateway': {}}", "yaml", "Python literal"),
            (r#"{"smsgateway": {"#, "", "no JSON: line 1"),
            ("smsgateway: {}", "json", "no JSON: line 1"),
            ("smsgateway: [", "yaml", "no YAML: line"),
            ("", "", "no YAML: there is nothing"),
            ("[]", "", "it is a list"),
            (r#"{"policy": {}}"#, "", "neither `smsgateway` nor"),
            (r#"{"smsgateway": []}"#, "", "`smsgateway` is a list"),
        ] {
            let (what, mend) = Export::parse(text, extension).unwrap_err();
            assert!(what.contains(fragment), "{text}: {what}");
            assert!(mend.contains("pi-manage config export"), "{mend}");
        }
    }

    #[test]
    fn what_else_is_in_it_is_named() {
        let text = r#"{"policy": {}, "smtpserver": {"x": {}}, "privacyIDEA_version": "3.9", "resolver": {}}"#;
        let export = Export::parse(text, "json").unwrap();
        assert_eq!((export.version.as_deref(), export.smtp_servers.len()), (Some("3.9"), 1));
        assert_eq!(export.others, ["policy", "resolver"]);
    }
}
