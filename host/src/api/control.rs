//! What the API has done to the host as a whole, by whoever runs it.

use super::problem::{self, Problem};
use crate::{
    accept::{FieldError, Snapshot},
    config::{ConfigProblem, ConfigProblems},
};
use futures_util::future::BoxFuture;
use std::{fmt, io};

/// A change of the configuration's files, made with a look at the configuration as it runs. It says how it is undone, or why it was not
/// made. Runs on a thread that may block, while no other reload does.
pub type Edit = Box<dyn FnOnce(&Snapshot) -> Result<Undo, Problem> + Send>;

/// Undoes an [`Edit`].
pub type Undo = Box<dyn FnOnce() -> io::Result<()> + Send>;

/// Changes how the host runs.
pub trait Control: fmt::Debug + Send + Sync + 'static {
    /// Reads the configuration again and goes on with it, or refuses it as a whole and goes on with the one before. One at a time: the
    /// next waits.
    ///
    /// # Errors
    /// Why the host goes on as before.
    ///
    /// # Cancellation
    /// What was begun is done.
    fn reload(&self) -> BoxFuture<'_, Result<Reloaded, NotReloaded>>;

    /// The same after a change of the files, which is undone if the configuration is refused with it.
    ///
    /// # Errors
    /// As for `reload`; or the edit's own.
    ///
    /// # Cancellation
    /// What was begun is done.
    fn change(&self, edit: Edit) -> BoxFuture<'_, Result<Reloaded, NotReloaded>>;
}

/// What a reload changed.
#[derive(Debug, Default)]
pub struct Reloaded {
    /// Gateways that are new.
    pub added: Vec<String>,
    /// Gateways that have another definition, or another version of their provider.
    pub changed: Vec<String>,
    /// Gateways that are gone.
    pub removed: Vec<String>,
    /// How many gateways go on as they were.
    pub kept: usize,
    /// Not wrong, but worth a look.
    pub warnings: Vec<ConfigProblem>,
}

/// Why the host goes on as before.
#[derive(Debug)]
pub enum NotReloaded {
    /// The configuration is wrong: all that is.
    Wrong(ConfigProblems),
    /// It can't be read at all, or not be put to use: why, and how to mend it.
    Unusable(String),
    /// The host is stopping.
    Stopping,
    /// The files were not changed.
    NotEdited(Problem),
}

impl fmt::Display for NotReloaded {
    /// A line for each thing that is wrong.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong(problems) => problems.fmt(f),
            Self::Unusable(why) => f.write_str(why),
            Self::Stopping => f.write_str("the host is stopping"),
            Self::NotEdited(_) => f.write_str("the files were not changed"),
        }
    }
}

impl From<NotReloaded> for Problem {
    fn from(refused: NotReloaded) -> Self {
        let lines = match refused {
            NotReloaded::Wrong(problems) => problems.iter().map(ToString::to_string).collect(),
            NotReloaded::Unusable(why) => vec![why],
            NotReloaded::Stopping => return Self::stopping(),
            NotReloaded::NotEdited(problem) => return problem,
        };
        let error = |detail| FieldError { pointer: String::new(), detail };
        Self::of(problem::CONFIGURATION_REFUSED).errors(lines.into_iter().map(error).collect())
    }
}
