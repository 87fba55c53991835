//! The files of a configuration: `gatepost.toml`, and `gateways.d/*.toml` beside it.

use super::{
    Config, ConfigProblem, ConfigProblems, Doubts, Location, assemble::assemble, reader::Environment,
};
use std::{
    fmt,
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
};

/// What is larger is no configuration.
const LARGEST: u64 = 16 << 20;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file can't be read.
    #[error("{}: the configuration can't be read: {source}; name another with --config, or run this as a user who may read it, such as root", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something in it is wrong.
    #[error(transparent)]
    Wrong(ConfigProblems),
}

/// A configuration as far as it could be read.
#[derive(Debug)]
pub struct Draft {
    /// What could be read, with the default in place of what could not.
    pub config: Config,
    /// What is wrong.
    pub problems: Vec<ConfigProblem>,
    /// What is left open by that.
    pub doubts: Doubts,
}

impl Draft {
    /// The configuration, if nothing is wrong with it.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn complete(self) -> Result<Config, ConfigProblems> {
        if self.problems.is_empty() { Ok(self.config) } else { Err(ConfigProblems::new(self.problems)) }
    }
}

/// A file of `gateways.d` that is to stand there.
#[derive(Clone)]
pub struct Instead {
    /// The file, absolute.
    pub file: PathBuf,
    /// What it is to hold; `None`: it is to be gone. Secrets may stand in it.
    pub text: Option<String>,
}

impl fmt::Debug for Instead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instead").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Config {
    /// The configuration of a host that says nothing: every default, no gateway.
    pub fn empty() -> Self {
        assemble(Path::new(""), &[], true, &|_| None).config
    }

    /// Reads `path` and the gateway files beside it. References read `environment`.
    ///
    /// # Errors
    /// A file can't be read, or everything that is wrong in all of them at once.
    pub fn load(path: &Path, environment: Environment<'_>) -> Result<Self, LoadError> {
        Self::read(path, environment)?.complete().map_err(LoadError::Wrong)
    }

    /// Reads as [`Config::load`] does, and goes on where something is wrong: for those who report it together with what the
    /// providers find wrong.
    ///
    /// # Errors
    /// The file itself can't be read.
    pub fn read(path: &Path, environment: Environment<'_>) -> Result<Draft, LoadError> {
        Self::read_with(path, environment, None)
    }

    /// Reads as [`Config::read`] does, with another text in place of a file of `gateways.d`: what would be if it stood there.
    ///
    /// # Errors
    /// The file itself can't be read.
    pub fn read_with(
        path: &Path,
        environment: Environment<'_>,
        instead: Option<&Instead>,
    ) -> Result<Draft, LoadError> {
        let unreadable = |file: &Path, source| LoadError::Unreadable { file: file.into(), source };
        let file = std::path::absolute(path).map_err(|source| unreadable(path, source))?;
        let text = read(&file).map_err(|source| unreadable(&file, source))?;
        let folder = file.with_file_name("gateways.d");
        let mut files = gateway_files(&folder).map_err(|source| unreadable(&folder, source))?;
        if let Some(instead) = instead {
            files.retain(|file| *file != instead.file);
            files.extend(instead.text.is_some().then(|| instead.file.clone()));
            files.sort();
        }
        let mut texts = vec![(file.clone(), text)];
        let mut problems = Vec::new();
        for file in files {
            let instead =
                instead.filter(|instead| instead.file == file).and_then(|instead| instead.text.clone());
            match instead.map_or_else(|| read(&file), Ok) {
                Ok(text) => texts.push((file, text)),
                Err(error) => problems.push(ConfigProblem {
                    location: Location { file: Arc::new(file), line: 1 },
                    key: "file".into(),
                    what: format!("it can't be read: {error}"),
                    mend: "make it a readable text in UTF-8, or remove it".into(),
                }),
            }
        }
        let mut draft = assemble(&file, &texts, problems.is_empty(), environment);
        draft.problems.extend(problems);
        Ok(draft)
    }
}

/// The text of a regular file of at most [`LARGEST`] bytes: a pipe would keep whoever opens it waiting.
fn read(file: &Path) -> io::Result<String> {
    if !fs::metadata(file)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut text = String::new();
    File::open(file)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(io::Error::other(format!("it has more than {} MiB", LARGEST >> 20)));
    }
    Ok(text)
}

/// In lexical order. Hidden files and what editors leave behind do not end in `.toml`, or begin with a dot.
fn gateway_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
