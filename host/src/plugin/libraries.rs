//! The libraries of this process: found in the plugin folders, judged, opened once.
//!
//! An opened library stays in memory for as long as the process runs, and the same one opened twice would be two in one. So what a file
//! came to is kept with its hash, and whoever looks into the folders again, as a reload does, opens only what is new.

use super::{
    library::Library,
    loader::{Identity, Refused},
    registry::{Found, Refusal, Registry, Standing},
    verify::{Copies, PrivateCopy},
};
use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Libraries in one process, those that were replaced among them: each stays in memory.
const MOST: usize = 256;

/// What a library came to.
#[derive(Clone)]
enum Verdict {
    Loaded(Arc<Library>),
    Refused(Refusal, Option<Identity>),
}

/// The libraries that this process has opened, and the folder of their private copies.
pub struct Libraries {
    copies: Copies,
    /// By the hash of the file.
    verdicts: Mutex<BTreeMap<String, Verdict>>,
}

impl Libraries {
    /// None yet. `copies` is the folder, 0700, for the private copies that are opened; earlier ones are removed from it.
    ///
    /// # Errors
    /// The folder can't be made.
    pub fn new(copies: &Path) -> io::Result<Self> {
        Ok(Self { copies: Copies::new(copies)?, verdicts: Mutex::default() })
    }

    fn verdicts(&self) -> MutexGuard<'_, BTreeMap<String, Verdict>> {
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at every `*.so` of `folders`, and loads those that this process has not seen yet; a bad one is refused and the others go
    /// on. With `pins` (provider name → lower-case hex SHA-256) a file whose hash is none of them is never opened. Blocks.
    pub fn find(&self, folders: &[PathBuf], pins: Option<&BTreeMap<String, String>>) -> Registry {
        let mut found = Vec::new();
        for folder in folders {
            match files(folder) {
                Ok(files) => found.extend(files.into_iter().map(|file| self.look_at(file, pins))),
                Err(error) => {
                    let what = format!("the folder can't be read: {error}");
                    let mend = "make it, or correct `dirs` under [plugins]";
                    let standing = Standing::Refused(Refusal::new(what, mend));
                    found.push(Found { file: folder.clone(), identity: None, standing });
                }
            }
        }
        Registry::new(found)
    }

    fn look_at(&self, file: PathBuf, pins: Option<&BTreeMap<String, String>>) -> Found {
        let copy = match self.copies.take(&file) {
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
        match self.judge(&file, copy) {
            Verdict::Loaded(library) => {
                let identity = Some(library.identity.clone());
                let standing = match pinned {
                    Some(names) if !names.contains(&library.identity.name) => {
                        Standing::Refused(Refusal::new(
                            format!(
                                "it is the provider {:?}, but its hash is pinned for {:?}",
                                library.identity.name,
                                names.join(", ")
                            ),
                            "correct the name under [plugins.pins]",
                        ))
                    }
                    _ => Standing::Loaded(library),
                };
                Found { file, identity, standing }
            }
            Verdict::Refused(refusal, identity) => {
                Found { file, identity, standing: Standing::Refused(refusal) }
            }
        }
    }

    /// What the library came to when it was opened, now or before.
    fn judge(&self, file: &Path, copy: PrivateCopy) -> Verdict {
        let mut verdicts = self.verdicts();
        if let Some(known) = verdicts.get(&copy.sha256) {
            return known.clone();
        }
        if verdicts.len() >= MOST {
            let what = format!("this process has loaded {MOST} libraries, and none of them can be unloaded");
            return Verdict::Refused(Refusal::new(what, "restart the host"), None);
        }
        let sha256 = copy.sha256.clone();
        let verdict = match Library::open(file.to_owned(), copy) {
            Ok(library) => Verdict::Loaded(library),
            Err(refused) => {
                let Refused { refusal, identity } = *refused;
                Verdict::Refused(refusal, identity)
            }
        };
        verdicts.insert(sha256, verdict.clone());
        verdict
    }

    /// The libraries of `registry` serve; every other one rests, once none of its instances is left. Blocks for as long as that takes.
    pub fn only(&self, registry: &Registry) {
        let serving = registry.libraries().map(|library| library.sha256.as_str()).collect::<Vec<_>>();
        let loaded = self
            .verdicts()
            .values()
            .filter_map(|verdict| match verdict {
                Verdict::Loaded(library) => Some(Arc::clone(library)),
                Verdict::Refused(..) => None,
            })
            .collect::<Vec<_>>();
        for library in loaded {
            library.set_serving(serving.contains(&library.sha256.as_str()));
        }
    }
}

impl fmt::Debug for Libraries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Libraries").field("copies", &self.copies).finish_non_exhaustive()
    }
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
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

fn pinned_names(pins: &BTreeMap<String, String>, copy: &PrivateCopy) -> Vec<String> {
    pins.iter().filter(|(_, hash)| **hash == copy.sha256).map(|(name, _)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_folder_is_reported_and_the_host_goes_on() {
        let root = tempfile::tempdir().unwrap();
        let missing = root.path().join("missing");
        let libraries = Libraries::new(&root.path().join("copies")).unwrap();
        let registry = libraries.find(std::slice::from_ref(&missing), None);
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
        let libraries = Libraries::new(&root.path().join("copies")).unwrap();
        let folders = [plugins.clone()];
        let refusal = libraries.find(&folders, None).provider("http").unwrap_err();
        assert!(refusal.what.contains("was refused"), "{refusal}");
        assert!(refusal.what.contains("file too short"), "{refusal}");
        // Known by what is in it: not opened again, and no longer refused for it once something else is there.
        std::fs::rename(plugins.join("libgatepost_provider_http.so"), plugins.join("http.so")).unwrap();
        assert!(libraries.find(&folders, None).found()[0].to_string().contains("file too short"));
        assert_eq!(libraries.verdicts().len(), 1);
        std::fs::remove_file(plugins.join("http.so")).unwrap();
        assert!(libraries.find(&folders, None).found().is_empty());
    }
}
