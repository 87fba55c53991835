//! `gateways.d/NAME.toml`: the file that a definition has to itself.

use super::super::{
    Location,
    document::{Source, Table},
    name::is_name,
};
use rustix::{
    fs::{self, AtFlags, FileType, Mode, OFlags},
    io::Errno,
};
use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::Arc,
};

/// What is written next to a definition until it is whole: hidden, so that nobody takes it for one. One name for all: what a kill
/// leaves behind, the next one clears away.
const FRESH: &str = ".fresh";

/// A gateway's own file. No link is followed to it or to its folder.
#[derive(Debug)]
pub struct DefinitionFile {
    name: String,
    path: PathBuf,
    folder: PathBuf,
}

/// Why a definition can't be changed where it stands.
#[derive(Debug, thiserror::Error)]
pub enum Held {
    /// It is not in a file of its own.
    #[error("{0}: {1}")]
    At(Location, String),
    /// The file or its folder can't be used.
    #[error("{}: {source}", .path.display())]
    Unusable {
        /// The file or the folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl DefinitionFile {
    /// The file of this gateway beside the configuration file; `None` where that is no name of a gateway.
    pub fn of(configuration: &Path, name: &str) -> Option<Self> {
        let folder = configuration.with_file_name("gateways.d");
        let file = format!("{name}.toml");
        is_name(name).then(|| Self { path: folder.join(&file), name: file, folder })
    }

    /// Where it stands.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its text, if it is there; it must hold the definition of `gateway` and nothing else.
    ///
    /// # Errors
    /// It holds something else, or it is no file of ours.
    pub fn own(&self, gateway: &str) -> Result<Option<String>, Held> {
        let Some(text) = self.read()? else { return Ok(None) };
        let source = Source::new(Arc::new(self.path.clone()), &text);
        let parsed = source.parse().map_err(|problems| {
            let place =
                problems.first().map_or_else(|| source.location(&(0..0)), |problem| problem.location.clone());
            Held::At(place, "the file is no TOML; mend it first".into())
        })?;
        for entry in Table::top(&source, &parsed).entries() {
            let other = match entry.as_table() {
                Some(gateways) if entry.name == "gateways" => {
                    gateways.entries().find(|entry| entry.name != gateway)
                }
                _ => Some(entry),
            };
            if let Some(other) = other {
                let what = format!(
                    "the file of this gateway holds [{}] too; move that into a file of its own",
                    other.path
                );
                return Err(Held::At(other.location, what));
            }
        }
        Ok(Some(text))
    }

    /// Replaces it as a whole, or removes it: with mode 0600, and on disk when this returns.
    ///
    /// # Errors
    /// Nothing was changed, unless the last sync failed.
    pub fn replace(&self, text: Option<&str>) -> Result<(), Held> {
        let folder = match self.open_folder()? {
            Some(folder) => folder,
            None if text.is_none() => return Ok(()),
            None => self.make_folder()?,
        };
        self.replace_in(&folder, text).map_err(|source| self.unusable(source))
    }

    fn replace_in(&self, folder: &OwnedFd, text: Option<&str>) -> io::Result<()> {
        match text {
            Some(text) => {
                absent(fs::unlinkat(folder, FRESH, AtFlags::empty()))?;
                let flags =
                    OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::WRONLY | OFlags::CLOEXEC;
                let mode = Mode::RUSR | Mode::WUSR;
                let mut fresh = File::from(fs::openat(folder, FRESH, flags, mode)?);
                // The umask may have taken some of it.
                fs::fchmod(&fresh, mode)?;
                let written = fresh.write_all(text.as_bytes()).and_then(|()| fresh.sync_all());
                let renamed = written.and_then(|()| Ok(fs::renameat(folder, FRESH, folder, &self.name)?));
                if let Err(error) = renamed {
                    absent(fs::unlinkat(folder, FRESH, AtFlags::empty()))?;
                    return Err(error);
                }
            }
            None => absent(fs::unlinkat(folder, &self.name, AtFlags::empty()))?,
        }
        Ok(fs::fsync(folder)?)
    }

    fn read(&self) -> Result<Option<String>, Held> {
        let Some(folder) = self.open_folder()? else { return Ok(None) };
        let unusable = |source: io::Error| self.unusable(source);
        let kind = match fs::statat(&folder, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => FileType::from_raw_mode(found.st_mode),
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(unusable(error.into())),
        };
        if kind != FileType::RegularFile {
            return Err(elsewhere(
                &self.path,
                "it is a link or no regular file; put the definition itself there",
            ));
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = fs::openat(&folder, &self.name, flags, Mode::empty());
        let mut text = String::new();
        let read = file.map_err(io::Error::from).and_then(|file| File::from(file).read_to_string(&mut text));
        read.map_err(unusable)?;
        Ok(Some(text))
    }

    /// The folder, if it is there and no link.
    fn open_folder(&self) -> Result<Option<OwnedFd>, Held> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match fs::open(&self.folder, flags, Mode::empty()) {
            Ok(folder) => Ok(Some(folder)),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::LOOP | Errno::NOTDIR) => {
                Err(elsewhere(&self.folder, "it is a link or no folder; put a folder there"))
            }
            Err(error) => Err(Held::Unusable { path: self.folder.clone(), source: error.into() }),
        }
    }

    fn make_folder(&self) -> Result<OwnedFd, Held> {
        let unusable = |source| Held::Unusable { path: self.folder.clone(), source };
        fs::mkdir(&self.folder, Mode::RWXU).map_err(|error| unusable(error.into()))?;
        let above = self.folder.parent().unwrap_or(Path::new("/"));
        // So that it is still there after a power loss.
        File::open(above).and_then(|above| above.sync_all()).map_err(unusable)?;
        self.open_folder()?.ok_or_else(|| unusable(io::ErrorKind::NotFound.into()))
    }

    fn unusable(&self, source: io::Error) -> Held {
        Held::Unusable { path: self.path.clone(), source }
    }
}

/// What is written through a link would stand somewhere else.
fn elsewhere(path: &Path, what: &str) -> Held {
    Held::At(Location { file: Arc::new(path.to_owned()), line: 1 }, what.into())
}

/// That it is not there is as good as that it went away.
fn absent(removed: rustix::io::Result<()>) -> io::Result<()> {
    match removed {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs as files,
        os::unix::fs::{PermissionsExt as _, symlink},
    };

    fn of(root: &Path, name: &str) -> DefinitionFile {
        DefinitionFile::of(&root.join("gatepost.toml"), name).unwrap()
    }

    #[test]
    fn it_is_written_as_a_whole_for_its_owner_alone_and_removed() {
        let root = tempfile::tempdir().unwrap();
        let file = of(root.path(), "a.b");
        file.replace(None).unwrap();
        assert!(!root.path().join("gateways.d").exists());
        assert_eq!(file.own("a.b").unwrap(), None);
        for text in ["# one", "two = [", "[gateways.\"a.b\"]\n"] {
            file.replace(Some(text)).unwrap();
            assert_eq!(files::read_to_string(file.path()).unwrap(), text);
            files::set_permissions(file.path(), files::Permissions::from_mode(0o644)).unwrap();
        }
        // What a kill left behind is in nobody's way.
        files::write(root.path().join("gateways.d/.fresh"), "half").unwrap();
        file.replace(Some("[gateways.\"a.b\"]\n")).unwrap();
        assert_eq!(files::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(file.own("a.b").unwrap().is_some());
        let listed = || files::read_dir(root.path().join("gateways.d")).unwrap().count();
        assert_eq!(listed(), 1, "nothing else is left");
        file.replace(None).unwrap();
        file.replace(None).unwrap();
        assert_eq!(listed(), 0);
    }

    #[test]
    fn what_holds_more_than_its_own_says_where() {
        let root = tempfile::tempdir().unwrap();
        for (text, place) in [
            ("# nothing\n", None),
            ("[gateways.a]\n[gateways.a.options]\nx = 1\n", None),
            ("[gateways.a]\n\n[gateways.b]\n", Some("a.toml:3: ")),
            ("[gateways.b]\n", Some("a.toml:1: ")),
            ("gateways = 5\n", Some("a.toml:1: ")),
            ("[gateways.a]\n[smtp_servers.relay]\n", Some("a.toml:2: ")),
            ("x = 1\n[gateways.a]\n", Some("a.toml:1: ")),
            ("[gateways.a]\n[gateways.\n", Some("a.toml:2: ")),
        ] {
            let file = of(root.path(), "a");
            file.replace(Some(text)).unwrap();
            let held = file.own("a").map(|own| own.is_some());
            match place {
                None => assert!(held.unwrap(), "{text}"),
                Some(place) => {
                    let said = held.unwrap_err().to_string();
                    assert!(said.contains(place), "{text}: {said}");
                }
            }
        }
    }

    #[test]
    fn no_link_is_followed() {
        let (root, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let victim = other.path().join("victim");
        files::write(&victim, "precious").unwrap();
        let file = of(root.path(), "a");
        file.replace(Some("")).unwrap();
        // In place of what is written first: it is replaced, not followed.
        symlink(&victim, root.path().join("gateways.d/.fresh")).unwrap();
        file.replace(Some("[gateways.a]")).unwrap();
        // In place of the file.
        file.replace(None).unwrap();
        symlink(&victim, file.path()).unwrap();
        assert!(file.own("a").unwrap_err().to_string().contains("a.toml:1: it is a link"));
        file.replace(Some("new")).unwrap();
        assert!(files::symlink_metadata(file.path()).unwrap().is_file());
        // In place of the folder.
        files::remove_dir_all(root.path().join("gateways.d")).unwrap();
        symlink(other.path(), root.path().join("gateways.d")).unwrap();
        for refused in [file.own("a").map(drop), file.replace(Some("x")), file.replace(None)] {
            assert!(refused.unwrap_err().to_string().contains("gateways.d:1: it is a link"));
        }
        assert_eq!(files::read_to_string(&victim).unwrap(), "precious");
        assert_eq!(files::read_dir(other.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_names_have_files() {
        for name in ["", "..", "../x", "a/b", "a\0", ".hidden", "a b", "ä", &"x".repeat(65)] {
            assert!(DefinitionFile::of(Path::new("/etc/gatepost/gatepost.toml"), name).is_none(), "{name:?}");
        }
    }
}
