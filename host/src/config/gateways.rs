//! `[gateways.*]` and `[provider.*]`.

use super::{
    ConfigProblem, Gateway, Location,
    document::{Entry, Table},
    reader::Reader,
    sections::isolation,
};
use gatepost_provider_api::{Declaration, Definition, Problem, Section, declaration::name_is_secret};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    time::Duration,
};

const DEFAULT_VALID_FOR: Duration = Duration::from_secs(600);
const DEFAULT_MAX_IN_FLIGHT: usize = 64;
const SECOND: Duration = Duration::from_secs(1);

/// Gateway names: `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`.
pub(super) fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        && name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
}

/// Where the keys of a definition stand.
#[derive(Clone, Debug)]
pub struct Places {
    /// Dotted name and place of the definition as a whole, and of its `provider`.
    whole: (String, Location),
    provider: (String, Location),
    sections: HashMap<Section, SectionPlaces>,
}

/// Where the keys of one section stand.
#[derive(Clone, Debug)]
pub(super) struct SectionPlaces {
    path: String,
    table: Location,
    keys: HashMap<String, Location>,
}

impl SectionPlaces {
    fn of(table: &Table<'_>, path: &str) -> Self {
        let keys = table.entries().map(|entry| (entry.name.to_owned(), entry.location)).collect();
        Self { path: path.to_owned(), table: table.location.clone(), keys }
    }
}

/// The settings of a provider as a whole.
#[derive(Clone, Debug)]
pub(super) struct ProviderSettings {
    pub(super) directory: PathBuf,
    pub(super) settings: Map<String, Value>,
    pub(super) places: SectionPlaces,
}

/// `[provider.*]`
pub(super) fn providers(entry: &Entry<'_>, reader: &mut Reader<'_>) -> BTreeMap<String, ProviderSettings> {
    let mut found = BTreeMap::new();
    let Some(providers) = entry.table(&mut reader.problems) else { return found };
    for entry in providers.entries() {
        let Some(table) = entry.table(&mut reader.problems) else { continue };
        if let Some(entry) = table.get("isolation") {
            isolation(&entry, reader);
        }
        let mut settings = reader.section(&table, true);
        settings.shift_remove("isolation");
        let places = SectionPlaces::of(&table, &entry.path);
        found.insert(
            entry.name.to_owned(),
            ProviderSettings { directory: table.directory(), settings, places },
        );
    }
    found
}

/// `[gateways.*]` of one file.
pub(super) fn gateways(entry: &Entry<'_>, reader: &mut Reader<'_>, found: &mut Vec<Gateway>) {
    let Some(gateways) = entry.table(&mut reader.problems) else { return };
    for entry in gateways.entries() {
        if !is_name(entry.name) {
            let mend = "use letters, digits, `.`, `_` and `-`, at most 64, a letter or digit first";
            reader.refuse(&entry, format!("{:?} is no gateway name", entry.name), mend);
        }
        if let Some(first) = found.iter().find(|gateway| gateway.name == entry.name) {
            let what = format!("this gateway is defined twice, first at {}", first.places.whole.1);
            reader.refuse(&entry, what, "remove or rename one of the two");
            continue;
        }
        if let Some(table) = entry.table(&mut reader.problems)
            && let Some(gateway) = gateway(&entry, &table, reader)
        {
            found.push(gateway);
        }
    }
}

const KNOWN: [&str; 11] = [
    "provider",
    "description",
    "valid_for",
    "submit_timeout",
    "max_in_flight",
    "rate",
    "retry",
    "on_uncertain",
    "parameters",
    "options",
    "headers",
];

fn gateway(entry: &Entry<'_>, table: &Table<'_>, reader: &mut Reader<'_>) -> Option<Gateway> {
    table.unknown(&KNOWN, &mut reader.problems);
    let before = reader.secrets.len();
    let description = table.get("description").and_then(|entry| reader.string(&entry));
    let valid_for =
        table.get("valid_for").and_then(|entry| reader.duration(&entry, SECOND..=7 * 86_400 * SECOND));
    let submit_timeout =
        table.get("submit_timeout").and_then(|entry| reader.duration(&entry, SECOND / 10..=3600 * SECOND));
    let max_in_flight = table.get("max_in_flight").and_then(|entry| reader.integer(&entry, 1..=100_000));
    for entry in ["rate", "retry"].into_iter().filter_map(|name| table.get(name)) {
        reader.not_available(&entry);
    }
    if let Some(entry) = table.get("on_uncertain")
        && let Some("fail") = reader.choice(&entry, &["retry", "fail"])
    {
        reader.refuse(&entry, "\"fail\" is not available in this version", "remove it");
    }
    let mut sections = HashMap::new();
    let mut section = |section, name: &str, reader: &mut Reader<'_>| {
        let Some(table) = table.get(name).and_then(|entry| entry.table(&mut reader.problems)) else {
            return Map::new();
        };
        sections.insert(section, SectionPlaces::of(&table, &format!("{}.{name}", entry.path)));
        // Options and headers have values alone; a parameter may be a table.
        reader.section(&table, matches!(section, Section::Parameters))
    };
    let definition = Definition {
        gateway: entry.name.to_owned(),
        parameters: section(Section::Parameters, "parameters", reader),
        options: section(Section::Options, "options", reader),
        headers: section(Section::Headers, "headers", reader),
        directory: table.directory(),
        settings_directory: table.directory(),
        ..Definition::default()
    };
    let whole = (entry.path.clone(), entry.location.clone());
    let Some(provider) = table.get("provider") else {
        reader.problems.push(table.missing("provider", "name the provider, such as provider = \"http\""));
        return None;
    };
    let name = reader.string(&provider)?;
    Some(Gateway {
        name: entry.name.to_owned(),
        provider: name,
        description,
        valid_for: valid_for.unwrap_or(DEFAULT_VALID_FOR),
        submit_timeout,
        max_in_flight: max_in_flight
            .and_then(|max| usize::try_from(max).ok())
            .unwrap_or(DEFAULT_MAX_IN_FLIGHT),
        definition,
        places: Places { whole, provider: (provider.path.clone(), provider.location), sections },
        referenced: reader.secrets.split_off(before),
    })
}

impl Gateway {
    pub(super) fn add_settings(&mut self, provider: &ProviderSettings) {
        self.definition.settings.clone_from(&provider.settings);
        self.definition.settings_directory.clone_from(&provider.directory);
        self.places.sections.insert(Section::Settings, provider.places.clone());
    }

    /// The SMTP servers that its parameters name.
    pub(super) fn add_smtp_servers(&mut self, servers: &Map<String, Value>) {
        for parameter in ["SMTPIDENTIFIER", "SMTPIDENTIFIED"] {
            if let Some(name) = self.definition.text(parameter).map(str::to_owned)
                && let Some(server) = servers.get(&name)
            {
                self.definition.smtp_servers.insert(name, server.clone());
            }
        }
    }

    /// What a provider says of the definition, with its place in the file.
    pub fn problem(&self, problem: &Problem) -> ConfigProblem {
        let (key, location) = self.locate(problem.section, &problem.key);
        ConfigProblem { location, key, what: problem.what.clone(), mend: problem.mend.clone() }
    }

    /// A problem with the provider that it names.
    pub fn provider_problem(&self, what: impl Into<String>, mend: impl Into<String>) -> ConfigProblem {
        let (key, location) = self.places.provider.clone();
        ConfigProblem { location, key, what: what.into(), mend: mend.into() }
    }

    fn locate(&self, section: Section, key: &str) -> (String, Location) {
        let (whole, place) = &self.places.whole;
        let name = match section {
            Section::Parameters => "parameters",
            Section::Options => "options",
            Section::Headers => "headers",
            Section::Settings => {
                return match self.places.sections.get(&section) {
                    Some(places) => places.locate(key),
                    None => (format!("provider.{}.{key}", self.provider), place.clone()),
                };
            }
            _ => return (whole.clone(), place.clone()),
        };
        match self.places.sections.get(&section) {
            Some(places) => places.locate(key),
            // The whole section is missing: the line of the gateway.
            None => (format!("{whole}.{name}.{key}"), place.clone()),
        }
    }

    /// All values of this definition that must not be shown: by the provider's word, by their name, because a reference led to them, or
    /// because they are passwords in a URL.
    pub fn secrets(&self, declaration: Option<&Declaration>) -> Vec<String> {
        let mut secrets = self.referenced.clone();
        let definition = &self.definition;
        let declared = |parameters: &[gatepost_provider_api::Parameter], name: &str| {
            parameters.iter().any(|parameter| {
                parameter.is_secret()
                    && (parameter.name == name || parameter.aliases.iter().any(|alias| alias == name))
            })
        };
        let parameters = declaration.map_or(&[][..], |declaration| &declaration.parameters);
        let settings = declaration.map_or(&[][..], |declaration| &declaration.settings);
        let none: &[gatepost_provider_api::Parameter] = &[];
        for (section, declarations) in [
            (&definition.parameters, parameters),
            (&definition.options, none),
            (&definition.headers, none),
            (&definition.settings, settings),
            (&definition.smtp_servers, none),
        ] {
            for (name, value) in section {
                collect(name, value, declared(declarations, name), &mut secrets);
            }
        }
        secrets.sort();
        secrets.dedup();
        secrets
    }
}

impl SectionPlaces {
    fn locate(&self, key: &str) -> (String, Location) {
        let location = self.keys.get(key).unwrap_or(&self.table).clone();
        (format!("{}.{key}", self.path), location)
    }
}

fn collect(name: &str, value: &Value, secret: bool, secrets: &mut Vec<String>) {
    match value {
        Value::Object(table) => {
            for (name, value) in table {
                collect(name, value, secret, secrets);
            }
        }
        Value::String(text) if secret || name_is_secret(name) => secrets.push(text.clone()),
        Value::String(text) => secrets.extend(password_in_url(text)),
        _ => {}
    }
}

/// `secret` of `https://user:secret@host/path`.
fn password_in_url(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    user.split_once(':').map(|(_, password)| password.to_owned()).filter(|password| !password.is_empty())
}
