//! Which providers there are: every library in the plugin folders, loaded, or refused with the reason, or shadowed.

use super::{library::Library, loader::Identity};
use gatepost_provider_api::declaration::nearest;
use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Why a library was not loaded, and how to mend that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

impl Refusal {
    pub(super) fn new(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { what: what.into(), mend: mend.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.mend)
    }
}

/// What became of a file.
#[derive(Clone, Debug)]
pub enum Standing {
    /// It serves its provider name.
    Loaded(Arc<Library>),
    /// It was refused.
    Refused(Refusal),
    /// Another library of the same provider name has a higher version.
    Shadowed {
        /// The file of that library.
        by: PathBuf,
    },
}

/// A file in a plugin folder, or a folder that can't be read.
#[derive(Clone, Debug)]
pub struct Found {
    /// The file.
    pub file: PathBuf,
    /// What it says of itself, if it came so far.
    pub identity: Option<Identity>,
    /// What became of it.
    pub standing: Standing,
}

impl fmt::Display for Found {
    /// One line: the file, what is wrong, how to mend it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match &self.standing {
            Standing::Loaded(library) => write!(f, "{file}: provider {}", library.identity.name),
            Standing::Refused(refusal) => write!(f, "{file}: refused: {refusal}"),
            Standing::Shadowed { by } => write!(f, "{file}: shadowed by {}", by.display()),
        }
    }
}

/// Every provider library that was found, and what became of it.
#[derive(Debug, Default)]
pub struct Registry {
    found: Vec<Found>,
}

impl Registry {
    /// Of these files, each judged by itself: of several of one provider name the highest version serves.
    pub(super) fn new(mut found: Vec<Found>) -> Self {
        shadow(&mut found);
        Self { found }
    }

    /// Every file that was found, in the order of folders and names.
    pub fn found(&self) -> &[Found] {
        &self.found
    }

    /// The libraries that serve.
    pub fn libraries(&self) -> impl Iterator<Item = &Arc<Library>> {
        self.found.iter().filter_map(|found| match &found.standing {
            Standing::Loaded(library) => Some(library),
            _ => None,
        })
    }

    /// The provider of this name.
    ///
    /// # Errors
    /// Why there is none, for the operator.
    pub fn provider(&self, name: &str) -> Result<&Arc<Library>, Refusal> {
        if let Some(library) = self.libraries().find(|library| library.identity.name == name) {
            return Ok(library);
        }
        if let Some((found, refusal)) = self.refused(name) {
            let what =
                format!("its provider {name:?} was refused: {}: {}", found.file.display(), refusal.what);
            return Err(Refusal::new(what, refusal.mend.clone()));
        }
        let names = self.libraries().map(|library| library.identity.name.as_str()).collect::<Vec<_>>();
        let mend = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean {near:?}?"),
            None if names.is_empty() => "put its library into a folder of `dirs` under [plugins]".into(),
            None => format!("put its library into a plugin folder; there are {}", names.join(", ")),
        };
        Err(Refusal::new(format!("there is no provider {name:?}"), mend))
    }

    /// What was found of the provider of this name: the library that serves, else one that was refused.
    pub fn of_name(&self, name: &str) -> Option<&Found> {
        let serves = |found: &&Found| match &found.standing {
            Standing::Loaded(library) => library.identity.name == name,
            _ => false,
        };
        self.found.iter().find(serves).or_else(|| self.refused(name).map(|(found, _)| found))
    }

    /// By what it says of itself, or by its file's name where it did not come so far.
    fn refused(&self, name: &str) -> Option<(&Found, &Refusal)> {
        self.found.iter().find_map(|found| match (&found.identity, &found.standing) {
            (Some(identity), Standing::Refused(refusal)) if identity.name == name => Some((found, refusal)),
            (None, Standing::Refused(refusal)) if file_is_called(&found.file, name) => Some((found, refusal)),
            _ => None,
        })
    }
}

/// `http.so`, `libhttp.so` and `libgatepost_provider_http.so` are files of the provider `http`.
fn file_is_called(file: &Path, name: &str) -> bool {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let stem = stem.strip_prefix("lib").unwrap_or(stem);
    let stem = stem.strip_prefix("gatepost_provider_").unwrap_or(stem);
    stem.replace('_', "-") == name
}

/// Leaves the highest version of each provider name; of equal ones the first found.
fn shadow(found: &mut [Found]) {
    let mut best: BTreeMap<String, (Arc<Library>, PathBuf)> = BTreeMap::new();
    for Found { file, standing, .. } in found.iter() {
        if let Standing::Loaded(library) = standing {
            let this = || (Arc::clone(library), file.clone());
            let best = best.entry(library.identity.name.clone()).or_insert_with(this);
            if version_key(&library.identity.version) > version_key(&best.0.identity.version) {
                *best = this();
            }
        }
    }
    for Found { file, standing, .. } in found {
        if let Standing::Loaded(library) = standing
            && let Some((_, by)) = best.get(&library.identity.name)
            && by != file
        {
            *standing = Standing::Shadowed { by: by.clone() };
        }
    }
}

/// Orders versions as SemVer does, as far as that goes for what is no SemVer: the numbers, then a release over its pre-releases.
fn version_key(version: &str) -> (Vec<u64>, bool, String) {
    let version = version.split('+').next().unwrap_or_default();
    let (numbers, before) = version.split_once('-').unwrap_or((version, ""));
    let numbers = numbers.split('.').map(|number| number.parse().unwrap_or(0)).collect();
    (numbers, before.is_empty(), before.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert!(version_key("1.10.0") > version_key("1.9.9"));
        assert!(version_key("1.0.0") > version_key("1.0.0-rc.1"));
        assert!(version_key("1.0.0-rc.1") > version_key("0.9.0"));
        assert_eq!(version_key("1.0.0+a"), version_key("1.0.0+b"));
    }
}
