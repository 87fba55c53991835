//! A definition that takes the place of another, or none that does.
//!
//! The files on the disk are what counts, not what runs. What would stand there is read and tried first, as a whole: a file that the
//! host could not start with is never on the disk, not even for a moment.

use super::trial::trial;
use crate::{
    accept::Snapshot,
    config::{
        self, Config, ConfigProblem, ConfigProblems, Draft, Environment, Instead, LoadError,
        definition::{DefinitionFile, Held, Objection, Written, replacement},
    },
};
use gatepost_provider_api::Declaration;
use serde_json::{Map, Value};
use std::io;

/// Why a definition was not changed. The files are as they were.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is no gateway of this name.
    #[error("there is no such gateway")]
    NoSuchGateway,
    /// That is no name of a gateway.
    #[error("that is no name of a gateway")]
    NoName,
    /// The definition itself: everything that is wrong with it.
    #[error("the definition has mistakes")]
    Invalid(Vec<Objection>),
    /// It can't be changed where it stands.
    #[error(transparent)]
    Held(Held),
    /// What is wrong with the rest of the configuration, as it is or as it would be.
    #[error(transparent)]
    Others(ConfigProblems),
    /// The configuration can't be read.
    #[error(transparent)]
    Unreadable(LoadError),
}

/// A change that was made.
#[derive(Debug)]
pub struct Change {
    file: DefinitionFile,
    before: Option<String>,
    /// Whether there was no such gateway before.
    pub is_new: bool,
}

impl Change {
    /// Puts the file back as it was.
    ///
    /// # Errors
    /// It can't be written.
    pub fn undo(self) -> io::Result<()> {
        self.file.replace(self.before.as_deref()).map_err(io::Error::other)
    }
}

/// Puts the definition that `given` stands for in the place of the gateway `name`. Blocks.
///
/// # Errors
/// Why not.
pub fn replace(
    snapshot: &Snapshot,
    environment: Environment<'_>,
    name: &str,
    given: &Map<String, Value>,
) -> Result<Change, Refusal> {
    let there = There::look(snapshot, environment, name)?;
    let provider = match (given.get("provider"), &there.gateway) {
        // Perhaps a reference, which stays.
        (Some(same), Some(gateway)) if gateway.written.get("provider") == Some(same) => {
            Some(gateway.provider.as_str())
        }
        (given, _) => given.and_then(Value::as_str),
    };
    // Without one, the reading below refuses what a provider would have to be asked of.
    let library = provider.and_then(|provider| snapshot.registry.provider(provider).ok());
    let none = Declaration::default();
    let declaration = library.map_or(&none, |library| &library.declaration);
    let stored = there.gateway.as_ref().map(|gateway| &gateway.written);
    let written = replacement(given, stored, declaration).map_err(Refusal::Invalid)?;

    let text = written.to_toml(name);
    let draft = there.read_with(snapshot, environment, Some(text.clone()))?;
    let (mut own, others): (Vec<ConfigProblem>, Vec<ConfigProblem>) =
        draft.problems.into_iter().partition(|problem| **problem.location.file == *there.file.path());
    // Whatever else is wrong: who mends a definition is to hear of everything at once.
    if let Some(gateway) = draft.config.gateways.iter().find(|gateway| gateway.name == name) {
        own.extend(trial(gateway, &snapshot.registry).problems.into_iter().map(|finding| finding.problem));
    }
    if !own.is_empty() {
        // In the order of their lines, which is that of the definition.
        let own = ConfigProblems::new(own);
        return Err(Refusal::Invalid(own.iter().map(|problem| objection(&written, name, problem)).collect()));
    }
    if !others.is_empty() {
        return Err(Refusal::Others(ConfigProblems::new(others)));
    }
    there.write(Some(&text))
}

/// Removes the gateway `name`. Blocks.
///
/// # Errors
/// Why not.
pub fn remove(snapshot: &Snapshot, environment: Environment<'_>, name: &str) -> Result<Change, Refusal> {
    let there = There::look(snapshot, environment, name)?;
    if there.gateway.is_none() {
        return Err(Refusal::NoSuchGateway);
    }
    // Whoever still names it is told of.
    let draft = there.read_with(snapshot, environment, None)?;
    if !draft.problems.is_empty() {
        return Err(Refusal::Others(ConfigProblems::new(draft.problems)));
    }
    there.write(None)
}

/// A gateway as it stands on the disk, if it does.
struct There {
    file: DefinitionFile,
    text: Option<String>,
    gateway: Option<config::Gateway>,
}

impl There {
    fn look(snapshot: &Snapshot, environment: Environment<'_>, name: &str) -> Result<Self, Refusal> {
        let configuration = &snapshot.config.file;
        let file = DefinitionFile::of(configuration, name).ok_or(Refusal::NoName)?;
        let draft = Config::read(configuration, environment).map_err(Refusal::Unreadable)?;
        if !draft.problems.is_empty() {
            return Err(Refusal::Others(ConfigProblems::new(draft.problems)));
        }
        let gateway = draft.config.gateways.into_iter().find(|gateway| gateway.name == name);
        if let Some(gateway) = &gateway
            && **gateway.location().file != *file.path()
        {
            let what =
                format!("this gateway is defined there; move it into {}, alone", file.path().display());
            return Err(Refusal::Held(Held::At(gateway.location().clone(), what)));
        }
        let text = file.own(name).map_err(Refusal::Held)?;
        Ok(Self { file, text, gateway })
    }

    fn read_with(
        &self,
        snapshot: &Snapshot,
        environment: Environment<'_>,
        text: Option<String>,
    ) -> Result<Draft, Refusal> {
        let instead = Instead { file: self.file.path().to_owned(), text };
        Config::read_with(&snapshot.config.file, environment, Some(&instead)).map_err(Refusal::Unreadable)
    }

    fn write(self, text: Option<&str>) -> Result<Change, Refusal> {
        self.file.replace(text).map_err(Refusal::Held)?;
        Ok(Change { file: self.file, before: self.text, is_new: self.gateway.is_none() })
    }
}

fn objection(written: &Written, name: &str, problem: &ConfigProblem) -> Objection {
    let pointer = written.pointer_of(name, &problem.key).unwrap_or_default();
    Objection { pointer, detail: format!("{}; {}", problem.what, problem.mend) }
}
