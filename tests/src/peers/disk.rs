//! A small disk: a file with ext4 on it, mounted. Only root can mount.

use super::process::program;
use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// A mounted disk. Unmounted when it is dropped.
#[derive(Debug)]
pub struct Disk {
    folder: TempDir,
    mounted: PathBuf,
}

impl Disk {
    /// A disk of so many MiB, mounted at `at`; `None` where the user is not root.
    pub fn mounted(mebibytes: u64, at: &Path) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let disk = Self { folder: TempDir::new().unwrap(), mounted: at.to_owned() };
        File::create(disk.image()).unwrap().set_len(mebibytes << 20).unwrap();
        run("mkfs.ext4", &["-q".as_ref(), disk.image().as_ref()]);
        fs::create_dir_all(at).unwrap();
        disk.mount();
        Some(disk)
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn mount(&self) {
        run("mount", &["-o".as_ref(), "loop".as_ref(), self.image().as_ref(), self.mounted.as_ref()]);
    }

    /// Leaves so many KiB free.
    pub fn fill_up_to(&self, kibibytes: usize) {
        let filler = self.mounted.join("filler");
        let mut file = File::create(&filler).unwrap();
        // As much as goes on it; then a part of that is given back.
        for block in [1 << 16, 1 << 12] {
            while file.write_all(&vec![1; block]).is_ok() {}
        }
        file.sync_all().unwrap_or_default();
        let length = file.metadata().unwrap().len();
        file.set_len(length.saturating_sub(kibibytes as u64 * 1024)).unwrap();
        file.sync_all().unwrap();
    }

    /// Takes away what fills it.
    pub fn make_room(&self) {
        fs::remove_file(self.mounted.join("filler")).unwrap();
    }

    /// From now on nothing that is written reaches the disk.
    pub fn break_writes(&self) {
        let found = run(
            "losetup",
            &["-n".as_ref(), "-O".as_ref(), "NAME".as_ref(), "-j".as_ref(), self.image().as_ref()],
        );
        run("blockdev", &["--setro".as_ref(), found.trim().as_ref()]);
    }

    /// What an administrator does with such a disk. Nobody may have a file of it open.
    pub fn repair(&self) {
        run("umount", &[self.mounted.as_ref()]);
        // 1: it found something, and mended it.
        let status = program("e2fsck").args(["-f", "-y"]).arg(self.image()).output().unwrap().status;
        assert!(matches!(status.code(), Some(0 | 1)), "e2fsck: {status}");
        self.mount();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A host that was just killed may have it open still: it goes when it can.
        drop(program("umount").arg("--lazy").arg(&self.mounted).status());
    }
}

fn run(name: &str, arguments: &[&std::ffi::OsStr]) -> String {
    let output = program(name).args(arguments).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {}\n{words}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}
