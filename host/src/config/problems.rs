//! What is wrong with a configuration, and where.

use std::{collections::HashSet, fmt, path::PathBuf, sync::Arc};

/// A place in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The file, as it was named or found.
    pub file: Arc<PathBuf>,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// One thing that is wrong with the configuration: `FILE:LINE: KEY: what is wrong; how to mend it`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConfigProblem {
    /// Where. The line of the wrong key; for a missing one, of its table.
    pub location: Location,
    /// The key, with its table: `gateways.clickatell.parameters.URL`.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

impl ConfigProblem {
    /// In place of a key where a file is no TOML.
    pub const SYNTAX: &str = "TOML";
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}; {}", self.location, self.key, self.what, self.mend)
    }
}

/// Everything that is wrong, each once, in the order of files and lines.
#[derive(Debug)]
pub struct ConfigProblems(Vec<ConfigProblem>);

impl ConfigProblems {
    /// Puts them into their order. What is wrong with the settings of a provider is wrong for each of its gateways: said once.
    pub fn new(mut problems: Vec<ConfigProblem>) -> Self {
        let mut seen = HashSet::new();
        problems.retain(|problem| seen.insert(problem.clone()));
        problems.sort_by(|one, other| one.location.cmp(&other.location));
        Self(problems)
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigProblem> {
        self.0.iter()
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for ConfigProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.0.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigProblems {}
