//! Which providers there are: every library in the plugin folders, loaded, or refused with the reason, or shadowed.

use super::{
    library::Library,
    loader::Identity,
    verify::{Copies, PrivateCopy},
};
use gatepost_provider_api::declaration::nearest;
use std::{
    collections::BTreeMap,
    fmt, io,
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
#[derive(Debug)]
pub struct Registry {
    found: Vec<Found>,
}

impl Registry {
    /// Loads every `*.so` of `folders`; a bad one is refused and the others go on. `copies` is the folder, 0700, for the private
    /// copies that are opened. With `pins` (provider name → lower-case hex SHA-256) a file whose hash is none of them is never
    /// opened. Blocks.
    ///
    /// # Errors
    /// The folder for the copies can't be made.
    pub fn load(
        folders: &[PathBuf],
        pins: Option<&BTreeMap<String, String>>,
        copies: &Path,
    ) -> io::Result<Self> {
        let copies = Copies::new(copies)?;
        let mut found = Vec::new();
        for folder in folders {
            match libraries(folder) {
                Ok(files) => found.extend(files.into_iter().map(|file| open(file, pins, &copies))),
                Err(error) => {
                    let what = format!("the folder can't be read: {error}");
                    let mend = "make it, or correct `dirs` under [plugins]";
                    let standing = Standing::Refused(Refusal::new(what, mend));
                    found.push(Found { file: folder.clone(), identity: None, standing });
                }
            }
        }
        shadow(&mut found);
        Ok(Self { found })
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
        // By what it says of itself, or by its file's name where it did not come so far.
        let refused = self.found.iter().find_map(|found| match (&found.identity, &found.standing) {
            (Some(identity), Standing::Refused(refusal)) if identity.name == name => Some((found, refusal)),
            (None, Standing::Refused(refusal)) if file_is_called(&found.file, name) => Some((found, refusal)),
            _ => None,
        });
        if let Some((found, refusal)) = refused {
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
}

/// `http.so`, `libhttp.so` and `libgatepost_provider_http.so` are files of the provider `http`.
fn file_is_called(file: &Path, name: &str) -> bool {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let stem = stem.strip_prefix("lib").unwrap_or(stem);
    let stem = stem.strip_prefix("gatepost_provider_").unwrap_or(stem);
    stem.replace('_', "-") == name
}

fn libraries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    // An absolute path, so that the loader never searches the system's folders for a bare name.
    let folder = std::path::absolute(folder)?;
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|extension| extension == "so") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn open(file: PathBuf, pins: Option<&BTreeMap<String, String>>, copies: &Copies) -> Found {
    let copy = match copies.take(&file) {
        Ok(copy) => copy,
        Err(refusal) => return Found { file, identity: None, standing: Standing::Refused(refusal) },
    };
    let pinned = pins.map(|pins| pinned_names(pins, &copy));
    if pinned.as_ref().is_some_and(Vec::is_empty) {
        let refusal = Refusal::new(
            format!("its hash is none of the pins: sha256:{}", copy.sha256),
            "put the pinned file there, or pin this hash under [plugins.pins] if you trust it",
        );
        return Found { file, identity: None, standing: Standing::Refused(refusal) };
    }
    match Library::open(file.clone(), copy) {
        Ok(library) => {
            let identity = Some(library.identity.clone());
            let standing = match pinned {
                Some(names) if !names.contains(&library.identity.name) => Standing::Refused(Refusal::new(
                    format!(
                        "it is the provider {:?}, but its hash is pinned for {:?}",
                        library.identity.name,
                        names.join(", ")
                    ),
                    "correct the name under [plugins.pins]",
                )),
                _ => Standing::Loaded(library),
            };
            Found { file, identity, standing }
        }
        Err(refused) => {
            Found { file, identity: refused.identity, standing: Standing::Refused(refused.refusal) }
        }
    }
}

fn pinned_names(pins: &BTreeMap<String, String>, copy: &PrivateCopy) -> Vec<String> {
    pins.iter().filter(|(_, hash)| **hash == copy.sha256).map(|(name, _)| name.clone()).collect()
}

/// Leaves the highest version of each provider name; of equal ones the first found.
fn shadow(found: &mut [Found]) {
    let mut best: BTreeMap<String, Arc<Library>> = BTreeMap::new();
    for entry in found.iter() {
        if let Standing::Loaded(library) = &entry.standing {
            let best = best.entry(library.identity.name.clone()).or_insert_with(|| Arc::clone(library));
            if version_key(&library.identity.version) > version_key(&best.identity.version) {
                *best = Arc::clone(library);
            }
        }
    }
    for entry in found {
        if let Standing::Loaded(library) = &entry.standing
            && let Some(best) = best.get(&library.identity.name)
            && !Arc::ptr_eq(best, library)
        {
            entry.standing = Standing::Shadowed { by: best.file.clone() };
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

    #[test]
    fn a_missing_folder_is_reported_and_the_host_goes_on() {
        let root = tempfile::tempdir().unwrap();
        let missing = root.path().join("missing");
        let registry =
            Registry::load(std::slice::from_ref(&missing), None, &root.path().join("copies")).unwrap();
        assert_eq!(registry.found().len(), 1);
        assert!(registry.found()[0].to_string().contains("the folder can't be read"));
        let refusal = registry.provider("http").unwrap_err();
        assert_eq!(refusal.what, "there is no provider \"http\"");
    }

    #[test]
    fn a_garbage_file_is_refused_and_named_by_its_gateway() {
        let root = tempfile::tempdir().unwrap();
        let plugins = root.path().join("plugins");
        std::fs::create_dir(&plugins).unwrap();
        std::fs::write(plugins.join("libgatepost_provider_http.so"), b"garbage").unwrap();
        let registry = Registry::load(&[plugins], None, &root.path().join("copies")).unwrap();
        let refusal = registry.provider("http").unwrap_err();
        assert!(refusal.what.contains("was refused"), "{refusal}");
        assert!(refusal.what.contains("file too short"), "{refusal}");
    }
}
