//! Where the keys of a gateway definition stand, so that what its provider says of them gets its file and line.

use super::{ConfigProblem, Gateway, Location, document::Table};
use gatepost_provider_api::{Declaration, Problem, Section};
use std::collections::{HashMap, HashSet};

/// Where the keys of a definition stand.
#[derive(Clone, Debug)]
pub struct Places {
    /// Dotted name and place of the definition as a whole, and of its `provider`.
    pub(super) whole: (String, Location),
    pub(super) provider: (String, Location),
    pub(super) sections: HashMap<Section, SectionPlaces>,
    /// What has a problem in the file already: keys, or a section as a whole.
    pub(super) unread: HashSet<(Section, Option<String>)>,
}

/// Where the keys of one section stand.
#[derive(Clone, Debug)]
pub struct SectionPlaces {
    path: String,
    table: Location,
    keys: HashMap<String, Location>,
}

impl SectionPlaces {
    pub(super) fn of(table: &Table<'_>, path: &str) -> Self {
        let keys = table.entries().map(|entry| (entry.name.to_owned(), entry.location)).collect();
        Self { path: path.to_owned(), table: table.location.clone(), keys }
    }

    /// Those of a section that is not there: at the begin of its file.
    pub(super) fn none(path: &str, file: Location) -> Self {
        Self { path: path.to_owned(), table: file, keys: HashMap::new() }
    }

    /// Dotted name and place of a key; of one that is not there, the place of its table.
    pub(super) fn locate(&self, key: &str) -> (String, Location) {
        let location = self.keys.get(key).unwrap_or(&self.table).clone();
        (format!("{}.{key}", self.path), location)
    }
}

impl Gateway {
    /// Where the definition stands.
    pub fn location(&self) -> &Location {
        &self.places.whole.1
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

    /// Whether all of the definition could be read. If not, its provider can't be built from what is left of it.
    pub fn is_whole(&self) -> bool {
        self.places.unread.is_empty()
    }

    /// Whether the problem only follows from one of the file: of this key, under any of its names, or of its whole section.
    pub fn is_known(&self, problem: &Problem, declaration: &Declaration) -> bool {
        let unread =
            |key: Option<&str>| self.places.unread.contains(&(problem.section, key.map(str::to_owned)));
        let declared = match problem.section {
            Section::Parameters => &declaration.parameters[..],
            Section::Settings => &declaration.settings,
            _ => &[],
        };
        let names = |name: &str| declared.iter().find(|parameter| parameter.is_called(name));
        unread(None)
            || unread(Some(&problem.key))
            || names(&problem.key).is_some_and(|parameter| {
                unread(Some(&parameter.name)) || parameter.aliases.iter().any(|alias| unread(Some(alias)))
            })
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
}
