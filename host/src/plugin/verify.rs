//! May this file be opened? And if so, a private copy of it, which is what is opened.
//!
//! `dlopen` runs a library's constructors before anything can be asked of it, so all that protects the host is decided on the file: who could
//! have written it, and its hash. A copy in a folder that nobody else can write keeps that answer true until the file is opened;
//! and it keeps running code from changing when the original is overwritten in place.

use super::registry::Refusal;
use rustix::{
    fs::{FileType, Mode, OFlags, Stat},
    process::geteuid,
};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// No provider is larger: a file that is would only fill the disk.
const LARGEST: u64 = 1 << 30;

/// The folder of private copies, 0700.
#[derive(Debug)]
pub(super) struct Copies {
    folder: PathBuf,
}

/// A private copy, ready to be opened.
#[derive(Debug)]
pub(super) struct PrivateCopy {
    /// Absolute path of the copy.
    pub(super) path: PathBuf,
    /// Lower-case hex SHA-256 over it.
    pub(super) sha256: String,
}

impl Copies {
    /// Uses `folder`, made if it is missing, emptied of earlier copies.
    ///
    /// # Errors
    /// The folder can't be made or read.
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let folder = folder.canonicalize()?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "so" || extension == "tmp") {
                fs::remove_file(path)?;
            }
        }
        Ok(Self { folder })
    }

    /// Verifies `library` and copies it.
    ///
    /// # Errors
    /// Why it may not be opened, and how to mend that.
    pub(super) fn take(&self, library: &Path) -> Result<PrivateCopy, Refusal> {
        let target = library.canonicalize().map_err(|error| unreadable(&error))?;
        let folder = target.parent().unwrap_or(Path::new("/"));
        trusted_folder(folder)?;
        // Also the folder in which a link stands: whoever can write it chooses what is loaded.
        if let Some(folder) = library.parent() {
            trusted_folder(folder)?;
        }
        // Not following: between the question above and this, nobody can put a link in its place. Not blocking: a FIFO
        // would hang here.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file =
            rustix::fs::open(&target, flags, Mode::empty()).map_err(|error| unreadable(&error.into()))?;
        let stat = rustix::fs::fstat(&file).map_err(|error| unreadable(&error.into()))?;
        trusted_file(&target, &stat)?;
        self.copy(&target, File::from(file)).map_err(|error| {
            Refusal::new(
                format!("it can't be copied to {}: {error}", self.folder.display()),
                "make room there, and make it writable for the user that Gatepost runs as",
            )
        })
    }

    fn copy(&self, target: &Path, source: File) -> io::Result<PrivateCopy> {
        let stem = target.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let unfinished = self.folder.join(format!("{stem}.tmp"));
        let mut copy =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o500).open(&unfinished)?;
        let mut source = source.take(LARGEST);
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let length = source.read(&mut buffer)?;
            let Some(bytes) = buffer.get(..length).filter(|bytes| !bytes.is_empty()) else { break };
            hash.update(bytes);
            copy.write_all(bytes)?;
        }
        drop(copy);
        let sha256 = hex(&hash.finalize());
        let path = self.folder.join(format!("{stem}-{sha256}.so"));
        // One that may be open is never replaced, not even by the same bytes.
        if path.exists() { fs::remove_file(&unfinished) } else { fs::rename(&unfinished, &path) }?;
        Ok(PrivateCopy { path, sha256 })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unreadable(error: &io::Error) -> Refusal {
    Refusal::new(
        format!("it can't be read: {error}"),
        "make it readable for the user that Gatepost runs as, or remove it",
    )
}

fn trusted_folder(folder: &Path) -> Result<(), Refusal> {
    let stat = rustix::fs::stat(folder).map_err(|error| unreadable(&error.into()))?;
    trusted("its folder ", folder, &stat)
}

fn trusted_file(path: &Path, stat: &Stat) -> Result<(), Refusal> {
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Refusal::new(
            "it is not a regular file",
            "put the library itself there, or a link to it",
        ));
    }
    if u64::try_from(stat.st_size).unwrap_or(u64::MAX) > LARGEST {
        return Err(Refusal::new("it is larger than 1 GiB", "put a provider library there"));
    }
    trusted("it ", path, stat)
}

/// Only root and the user that the host runs as could have written it.
fn trusted(subject: &str, path: &Path, stat: &Stat) -> Result<(), Refusal> {
    let owner = stat.st_uid;
    if owner != 0 && owner != geteuid().as_raw() {
        return Err(Refusal::new(
            format!("{subject}belongs to user {owner}, neither root nor the user that Gatepost runs as"),
            format!("`chown root {}`", path.display()),
        ));
    }
    let others = match (stat.st_mode & 0o020 != 0, stat.st_mode & 0o002 != 0) {
        (false, false) => return Ok(()),
        (true, false) => "its group",
        (false, true) => "everybody",
        (true, true) => "its group and everybody",
    };
    let mend = format!("`chmod go-w {}`", path.display());
    Err(Refusal::new(format!("{subject}is writable by {others}"), mend))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    struct Place {
        root: tempfile::TempDir,
        copies: Copies,
    }

    impl Place {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let copies = Copies::new(&root.path().join("copies")).unwrap();
            let place = Self { root, copies };
            place.folder("plugins", 0o755);
            place
        }

        fn folder(&self, name: &str, mode: u32) -> PathBuf {
            let path = self.root.path().join(name);
            fs::create_dir_all(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            path
        }

        fn file(&self, name: &str, mode: u32) -> PathBuf {
            let path = self.root.path().join(name);
            fs::write(&path, b"library").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            path
        }
    }

    #[test]
    fn a_good_file_is_copied_and_the_copy_is_hashed() {
        let place = Place::new();
        let library = place.file("plugins/a.so", 0o644);
        let copy = place.copies.take(&library).unwrap();
        assert_eq!(copy.sha256, hex(&Sha256::digest(b"library")));
        assert_eq!(fs::read(&copy.path).unwrap(), b"library");
        assert_eq!(fs::metadata(&copy.path).unwrap().permissions().mode() & 0o777, 0o500);
        assert!(copy.path.ends_with(format!("a-{}.so", copy.sha256)));
    }

    #[test]
    fn writable_files_and_folders_are_refused_with_the_command_that_mends_it() {
        let place = Place::new();
        let library = place.file("plugins/a.so", 0o664);
        let refusal = place.copies.take(&library).unwrap_err();
        assert_eq!(refusal.what, "it is writable by its group");
        assert_eq!(refusal.mend, format!("`chmod go-w {}`", library.canonicalize().unwrap().display()));

        place.folder("open", 0o777);
        let library = place.file("open/a.so", 0o644);
        let refusal = place.copies.take(&library).unwrap_err();
        assert_eq!(refusal.what, "its folder is writable by its group and everybody");
    }

    #[test]
    fn a_link_is_followed_and_its_target_judged() {
        let place = Place::new();
        place.folder("elsewhere", 0o755);
        place.folder("open", 0o777);
        let good = place.file("elsewhere/good.so", 0o644);
        let bad = place.file("elsewhere/bad.so", 0o646);
        let exposed = place.file("open/exposed.so", 0o644);
        let link = |target: &Path, name: &str| {
            let link = place.root.path().join("plugins").join(name);
            symlink(target, &link).unwrap();
            place.copies.take(&link)
        };
        assert!(link(&good, "good.so").is_ok());
        assert_eq!(link(&bad, "bad.so").unwrap_err().what, "it is writable by everybody");
        assert!(link(&exposed, "exposed.so").unwrap_err().what.starts_with("its folder is writable"));
        assert!(link(Path::new("/nowhere"), "dangling.so").unwrap_err().what.starts_with("it can't be read"));
        assert_eq!(link(Path::new("/dev/null"), "device.so").unwrap_err().what, "it is not a regular file");
    }

    #[test]
    fn a_fifo_is_refused_without_hanging() {
        let place = Place::new();
        let fifo = place.root.path().join("plugins/fifo.so");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        assert_eq!(place.copies.take(&fifo).unwrap_err().what, "it is not a regular file");
    }

    #[test]
    fn copies_of_an_earlier_run_are_removed() {
        let place = Place::new();
        let copy = place.copies.take(&place.file("plugins/a.so", 0o644)).unwrap();
        Copies::new(&place.root.path().join("copies")).unwrap();
        assert!(!copy.path.exists());
    }
}
