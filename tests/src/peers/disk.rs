//! A small disk: a file with ext4 on it, mounted. Only root can mount.

use super::process::program;
use crate::{Site, skip};
use std::{
    ffi::OsStr,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// A disk under a store, in MiB: room for copies of the providers, which are large in a debug build.
const UNDER_STORE: u64 = 400;

/// What the file system around the disk's file needs beside it, in MiB.
const AROUND: u64 = 4;

/// A mounted disk. Unmounted when it is dropped.
#[derive(Debug)]
pub struct Disk {
    folder: TempDir,
    mounted: PathBuf,
}

impl Disk {
    /// One under the store of this site. Where the user is not root, the skip of this test is recorded.
    pub fn under_store_of(site: &Site, test: &str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            skip::permitted(test, "only root can mount a disk");
            return None;
        }
        Some(Self::mounted(UNDER_STORE, &site.data()))
    }

    /// A disk of so many MiB, mounted at `at`.
    fn mounted(mebibytes: u64, at: &Path) -> Self {
        let disk = Self { folder: TempDir::new().unwrap(), mounted: at.to_owned() };
        let size = format!("size={}m", mebibytes + AROUND);
        mount(&["-t", "tmpfs", "-o", &size, "tmpfs"].map(AsRef::as_ref), disk.folder.path());
        File::create(disk.image()).unwrap().set_len(mebibytes << 20).unwrap();
        run("mkfs.ext4", &["-q".as_ref(), disk.image().as_ref()]);
        fs::create_dir_all(at).unwrap();
        disk.mount();
        disk
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    /// What fills the file system around the disk's file.
    fn around(&self) -> PathBuf {
        self.folder.path().join("filler")
    }

    fn filler(&self) -> PathBuf {
        self.mounted.join("filler")
    }

    fn mount(&self) {
        mount(&["-o".as_ref(), "loop".as_ref(), self.image().as_ref()], &self.mounted);
    }

    /// Leaves so many KiB free.
    pub fn fill_up_to(&self, kibibytes: u64) {
        let file = fill(&self.filler());
        let length = file.metadata().unwrap().len();
        file.set_len(length.saturating_sub(kibibytes * 1024)).unwrap();
        file.sync_all().unwrap();
    }

    /// Takes away what fills it.
    pub fn make_room(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    /// From now on writes fail, but for those to blocks that were written before: the disk's file can't grow.
    pub fn fail(&self) {
        fill(&self.around());
    }

    /// From now on whoever writes waits, until it is thawed.
    pub fn freeze(&self) {
        run("fsfreeze", &["--freeze".as_ref(), self.mounted.as_ref()]);
    }

    /// Lets them go on.
    pub fn thaw(&self) {
        run("fsfreeze", &["--unfreeze".as_ref(), self.mounted.as_ref()]);
    }

    /// What an administrator does with such a disk. Nobody may have a file of it open.
    pub fn repair(&self) {
        fs::remove_file(self.around()).unwrap();
        run("umount", &[self.mounted.as_ref()]);
        // 1: it found something, and mended it.
        let status = program("e2fsck").args(["-f", "-y"]).arg(self.image()).output().unwrap().status;
        assert!(matches!(status.code(), Some(0 | 1)), "e2fsck: {status}");
        self.mount();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A test that failed may have left it frozen: then nobody could end.
        drop(program("fsfreeze").arg("--unfreeze").arg(&self.mounted).output());
        // A host that was just killed may have it open still: it goes when it can.
        for folder in [self.mounted.as_path(), self.folder.path()] {
            drop(program("umount").arg("--lazy").arg(folder).status());
        }
    }
}

/// A file as large as fits.
fn fill(path: &Path) -> File {
    let mut file = File::create(path).unwrap();
    for block in [1 << 20, 1 << 12] {
        while file.write_all(&vec![1; block]).is_ok() {}
    }
    file
}

fn mount(what: &[&OsStr], at: &Path) {
    run("mount", &[what, &[at.as_ref()]].concat());
}

fn run(name: &str, arguments: &[&OsStr]) {
    let output = program(name).args(arguments).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {}\n{words}", output.status);
}
