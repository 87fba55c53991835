//! What became of an export: for people, or as JSON. No value of a definition stands in it, since any may be a secret.

use super::export::Format;
use serde::Serialize;
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// What a remark is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// It is called otherwise here.
    Renamed,
    /// The definition relied on a bug, or on something else of privacyIDEA's that is not copied.
    NotCopied,
    /// It means something else, or could be written otherwise only.
    Differs,
    /// There is nothing for it here.
    NoCounterpart,
    /// What the provider says of the definition.
    Warning,
}

impl Kind {
    fn words(self) -> &'static str {
        match self {
            Self::Renamed => "renamed",
            Self::NotCopied => "not copied",
            Self::Differs => "differs",
            Self::NoCounterpart => "no counterpart",
            Self::Warning => "warning",
        }
    }
}

/// A remark on a definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Note {
    pub(super) kind: Kind,
    /// The key that it is about, as the export has it; empty for the definition as a whole.
    pub(super) key: String,
    pub(super) text: String,
}

impl Note {
    pub(super) fn new(kind: Kind, key: &str, text: impl Into<String>) -> Self {
        Self { kind, key: key.into(), text: text.into() }
    }
}

/// A definition of the export, and what became of it.
#[derive(Debug, Serialize)]
pub(super) struct Entry {
    /// Its name in the export.
    pub(super) name: String,
    /// Its name here.
    pub(super) becomes: String,
    /// Its provider; none for a server, or where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) provider: Option<&'static str>,
    /// The file that it stands in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<PathBuf>,
    /// Why it was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) left_out: Option<String>,
    pub(super) notes: Vec<Note>,
}

/// An environment variable or a file that has to be there before the definitions can be used.
#[derive(Debug, Serialize)]
pub(super) struct Need {
    /// The variable, or the file's path.
    pub(super) name: String,
    pub(super) what: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) export: PathBuf,
    pub(super) format: Format,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    /// Whether nothing was written.
    pub(super) dry_run: bool,
    pub(super) gateways: Vec<Entry>,
    pub(super) smtp_servers: Vec<Entry>,
    pub(super) environment: Vec<Need>,
    pub(super) files: Vec<Need>,
    /// Sections of the export that are about something else.
    pub(super) ignored_sections: Vec<String>,
}

impl Report {
    /// Whether every definition was taken over.
    pub(super) fn is_whole(&self) -> bool {
        self.gateways.iter().chain(&self.smtp_servers).all(|entry| entry.left_out.is_none())
    }

    fn next(&self) -> &'static str {
        match (self.dry_run, self.is_whole()) {
            (true, _) => "nothing was written, since --dry-run was given",
            (false, true) => "`gatepost check` says whether all of it can be used",
            (false, false) => {
                "what was left out can be mended in privacyIDEA or in a copy of the export, and imported again; \
                 `gatepost check` says whether the rest can be used"
            }
        }
    }
}

/// For people.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = match self.format {
            Format::Json => "JSON",
            Format::Yaml => "YAML",
        };
        let version = self.version.as_ref().map(|version| format!(", privacyIDEA {}", shown(version)));
        writeln!(f, "{}: {format}{}", self.export.display(), version.unwrap_or_default())?;
        entries(f, "Gateways", &self.gateways)?;
        entries(f, "SMTP servers", &self.smtp_servers)?;
        needs(f, "Environment variables to set before the gateways can be used", &self.environment)?;
        needs(f, "Files to provide before the gateways can be used", &self.files)?;
        if !self.ignored_sections.is_empty() {
            let names = self.ignored_sections.iter().map(|name| shown(name)).collect::<Vec<_>>().join(", ");
            writeln!(f, "\nNot about delivery, and not looked at: {names}")?;
        }
        writeln!(
            f,
            "\n{}, {}; {}",
            taken("gateway", &self.gateways),
            taken("SMTP server", &self.smtp_servers),
            self.next()
        )
    }
}

fn entries(f: &mut fmt::Formatter<'_>, title: &str, entries: &[Entry]) -> fmt::Result {
    if entries.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{title}:")?;
    for entry in entries {
        write!(f, "  {}: ", shown(&entry.name))?;
        match (&entry.left_out, &entry.file) {
            (Some(reason), _) => writeln!(f, "LEFT OUT: {}", shown(reason))?,
            (None, file) => {
                let provider = entry.provider.map(|provider| format!("{provider}, ")).unwrap_or_default();
                let file = file.as_deref().map(Path::display);
                writeln!(f, "{provider}{}", file.map(|file| file.to_string()).unwrap_or_default())?;
            }
        }
        for Note { kind, key, text } in &entry.notes {
            let key = if key.is_empty() { String::new() } else { format!("{}: ", shown(key)) };
            writeln!(f, "    {}: {key}{}", kind.words(), shown(text))?;
        }
    }
    Ok(())
}

fn needs(f: &mut fmt::Formatter<'_>, title: &str, needs: &[Need]) -> fmt::Result {
    if needs.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{title}:")?;
    for Need { name, what } in needs {
        writeln!(f, "  {}: {}", shown(name), shown(what))?;
    }
    Ok(())
}

/// `3 of 4 gateways`
fn taken(what: &str, entries: &[Entry]) -> String {
    let taken = entries.iter().filter(|entry| entry.left_out.is_none()).count();
    let plural = if entries.len() == 1 { "" } else { "s" };
    format!("{taken} of {} {what}{plural} taken over", entries.len())
}

/// On one line: names of the export may hold anything.
fn shown(text: &str) -> String {
    let show = |character: char| {
        if character.is_control() { character.escape_default().to_string() } else { character.to_string() }
    };
    text.chars().map(show).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, left_out: Option<&str>, notes: Vec<Note>) -> Entry {
        let file = left_out.is_none().then(|| "/etc/gatepost/gateways.d/a.toml".into());
        Entry {
            name: name.into(),
            becomes: "a".into(),
            provider: Some("http"),
            file,
            left_out: left_out.map(Into::into),
            notes,
        }
    }

    #[test]
    fn people_see_what_became_of_each() {
        let report = Report {
            export: "export.json".into(),
            format: Format::Json,
            version: Some("3.12".into()),
            dry_run: false,
            gateways: vec![
                entry("a", None, vec![Note::new(Kind::NotCopied, "PROXY", "there it was bypassed")]),
                entry("b\nc", Some("REGEXP: wrong"), Vec::new()),
            ],
            smtp_servers: Vec::new(),
            environment: vec![Need { name: "A_PASSWORD".into(), what: "PASSWORD of the gateway a".into() }],
            files: Vec::new(),
            ignored_sections: vec!["policy".into()],
        };
        let expected = "export.json: JSON, privacyIDEA 3.12\n\
            \nGateways:\
            \n  a: http, /etc/gatepost/gateways.d/a.toml\
            \n    not copied: PROXY: there it was bypassed\
            \n  b\\nc: LEFT OUT: REGEXP: wrong\n\
            \nEnvironment variables to set before the gateways can be used:\
            \n  A_PASSWORD: PASSWORD of the gateway a\n\
            \nNot about delivery, and not looked at: policy\n\
            \n1 of 2 gateways taken over, 0 of 0 SMTP servers taken over; what was left out can be mended in privacyIDEA or \
            in a copy of the export, and imported again; `gatepost check` says whether the rest can be used\n";
        assert_eq!(report.to_string(), expected);
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(
            (&json["format"], &json["gateways"][0]["notes"][0]["kind"]),
            (&"JSON".into(), &"not_copied".into())
        );
        assert_eq!(json["gateways"][1]["left_out"], "REGEXP: wrong");
    }
}
