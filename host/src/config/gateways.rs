//! `[gateways.*]`

use super::{
    Gateway, Written,
    document::{Entry, Table},
    limits,
    name::{self, Names},
    places::{Places, SectionPlaces},
    providers::ProviderSettings,
    reader::Reader,
    smtp_servers::SmtpServers,
};
use gatepost_provider_api::{Definition, Section};
use serde_json::Map;
use std::collections::{HashMap, HashSet};

/// `[gateways.*]` of one file.
pub(super) fn gateways(
    entry: &Entry<'_>,
    reader: &mut Reader<'_>,
    found: &mut Vec<Gateway>,
    names: &mut Names,
) {
    let Some(gateways) = entry.table(&mut reader.problems) else {
        names.complete = false;
        return;
    };
    for entry in gateways.entries() {
        if !name::is_name(entry.name) {
            reader.refuse(&entry, format!("{:?} is no gateway name", entry.name), name::FORM);
        }
        if let Some(first) = names.defined.get(entry.name) {
            let what = format!("this gateway is defined twice, first at {first}");
            reader.refuse(&entry, what, "remove or rename one of the two");
            continue;
        }
        names.defined.insert(entry.name.to_owned(), entry.location.clone());
        if let Some(table) = entry.table(&mut reader.problems)
            && let Some(gateway) = gateway(&entry, &table, reader)
        {
            found.push(gateway);
        }
    }
}

/// The members of a gateway's definition.
pub(crate) const MEMBERS: [&str; 11] = [
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
    table.unknown(&MEMBERS, &mut reader.problems);
    let before = reader.secrets.len();
    let description = table.get("description").and_then(|entry| reader.string(&entry));
    let limits = limits::limits(table, reader);
    let whole = (entry.path.clone(), entry.location.clone());
    let (mut sections, mut unread) = (HashMap::new(), HashSet::new());
    let mut section = |section, name: &str, reader: &mut Reader<'_>| {
        let entry = table.get(name);
        let Some(table) = entry.as_ref().and_then(|entry| entry.table(&mut reader.problems)) else {
            if entry.is_some() || table.misspells(name, &MEMBERS) {
                unread.insert((section, None));
            }
            return Map::new();
        };
        sections.insert(section, SectionPlaces::of(&table, &format!("{}.{name}", whole.0)));
        // Options and headers have values alone; a parameter may be a table.
        let entries = table.entries().collect::<Vec<_>>();
        let keys = reader.section(&entries, matches!(section, Section::Parameters));
        unread.extend(keys.unread.into_iter().map(|key| (section, Some(key))));
        keys.values
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
    let Some(provider) = table.get("provider") else {
        if !table.misspells("provider", &MEMBERS) {
            let mend = "name the provider, such as provider = \"http\"";
            reader.problems.push(table.missing("provider", mend));
        }
        return None;
    };
    let name = reader.string(&provider)?;
    Some(Gateway {
        name: entry.name.to_owned(),
        provider: name,
        description,
        limits,
        definition,
        written: Written::of(table),
        places: Places { whole, provider: (provider.path.clone(), provider.location), sections, unread },
        referenced: reader.secrets.split_off(before),
    })
}

impl Gateway {
    /// The settings of its provider as a whole; `None` where they could not be read.
    pub(super) fn add_settings(&mut self, provider: Option<&ProviderSettings>) {
        let Some(provider) = provider else {
            self.places.unread.insert((Section::Settings, None));
            return;
        };
        self.definition.settings.clone_from(&provider.settings);
        self.definition.settings_directory.clone_from(&provider.directory);
        self.places.sections.insert(Section::Settings, provider.places.clone());
        let unread = provider.unread.iter().map(|key| (Section::Settings, Some(key.clone())));
        self.places.unread.extend(unread);
    }

    /// The SMTP servers that its parameters name.
    pub(super) fn add_smtp_servers(&mut self, servers: &SmtpServers, more: bool) {
        for parameter in ["SMTPIDENTIFIER", "SMTPIDENTIFIED"] {
            let Some(name) = self.definition.text(parameter).map(str::to_owned) else { continue };
            match servers.get(&name) {
                Some(Some(server)) => drop(self.definition.smtp_servers.insert(name, server.clone())),
                None if !more => {}
                None | Some(None) => {
                    self.places.unread.insert((Section::Parameters, Some(parameter.into())));
                }
            }
        }
    }
}
