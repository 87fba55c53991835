//! A Debian of its own for a test, in a folder: with the package as a user installs it, without systemd, or booted with systemd in it.
//! `cargo xtask test` makes the one that all are copied from. Only root can use one.

use super::process::program;
use crate::{
    command::{self, Ended},
    eventually, tree,
};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};
use tempfile::TempDir;

/// The package as `cargo xtask deb` makes it, and one of the next revision.
pub fn packages() -> &'static [PathBuf; 2] {
    static PACKAGES: OnceLock<[PathBuf; 2]> = OnceLock::new();
    PACKAGES.get_or_init(|| [1, 2].map(build_package))
}

fn build_package(revision: u32) -> PathBuf {
    let folder = tree::target().join("e2e/debian");
    let output = tree::cargo()
        .args(["run", "--quiet", "--package", "xtask", "--", "deb", "--debug", "--revision"])
        .arg(revision.to_string())
        .arg("--out")
        .arg(&folder)
        .stderr(Stdio::inherit())
        .output()
        .expect("cannot run cargo");
    assert!(output.status.success(), "cannot build the package");
    let said = String::from_utf8(output.stdout).unwrap();
    let path = said.lines().find_map(|line| line.strip_prefix("package: "));
    PathBuf::from(path.unwrap_or_else(|| panic!("no package in {said}")))
}

/// A Debian in a folder. Removed when it is dropped.
#[derive(Debug)]
pub struct Debian {
    root: TempDir,
}

impl Debian {
    /// A fresh one, with systemd installed; `None` where the user is not root.
    pub fn fresh() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let base = tree::target().join("peers/debian/root");
        assert!(base.is_dir(), "there is no {}: `cargo xtask test` makes it", base.display());
        let root = TempDir::new().unwrap();
        let copied =
            Command::new("cp").args(["-a", "--reflink=auto"]).arg(base.join(".")).arg(root.path()).status();
        assert!(copied.unwrap().success(), "cannot copy {}", base.display());
        Some(Self { root })
    }

    /// Where a path of it is, seen from outside.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.root.path().join(inside.trim_start_matches('/'))
    }

    /// Puts a package where its commands find it: at `/PACKAGE`.
    pub fn bring(&self, package: &Path) -> String {
        let inside = format!("/{}", package.file_name().unwrap().to_str().unwrap());
        fs::copy(package, self.path(&inside)).unwrap();
        inside
    }

    /// A shell command in it, without services: what a container is built with.
    pub fn shell(&self, script: &str) -> Command {
        let mut command = program("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child"]);
        command.arg(format!("--mount-proc={}", self.path("proc").display()));
        command.arg("chroot").arg(self.root.path()).args(["sh", "-c", script]);
        as_root_there(&mut command);
        command
    }

    /// Runs a shell command in it to its end, which has to be a good one; what it printed.
    pub fn run(&self, script: &str) -> String {
        well(script, command::run(&mut self.shell(script), ""))
    }

    /// Boots it: systemd as process 1, with a loopback interface of its own and no other.
    ///
    /// # Errors
    /// This machine lets no container be booted: what systemd-nspawn says.
    pub fn boot(self) -> Result<Booted, String> {
        let log = self.path("nspawn.log");
        let output = File::create(&log).unwrap();
        let mut nspawn = program("systemd-nspawn")
            .args([
                "--boot",
                "--keep-unit",
                "--register=no",
                "--private-network",
                "--console=pipe",
                "--directory",
            ])
            .arg(self.root.path())
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        let leader = eventually("the container has a first process", || {
            if nspawn.try_wait().unwrap().is_some() {
                return Some(None);
            }
            leader(&nspawn).map(Some)
        });
        let Some(leader) = leader else { return Err(fs::read_to_string(log).unwrap()) };
        let booted = Booted { debian: self, nspawn, leader };
        eventually("the container is up", || {
            let state = booted.try_run("systemctl is-system-running").stdout;
            matches!(state.trim(), "running" | "degraded").then_some(())
        });
        Ok(booted)
    }
}

/// The container's process 1: the only child of systemd-nspawn that is systemd.
fn leader(nspawn: &Child) -> Option<Pid> {
    let id = nspawn.id();
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).ok()?;
    let is_systemd = |child: &&str| {
        fs::read_to_string(format!("/proc/{child}/comm")).is_ok_and(|name| name.trim() == "systemd")
    };
    Pid::from_raw(children.split_whitespace().find(is_systemd)?.parse().ok()?)
}

/// A Debian that runs. Ended when it is dropped.
#[derive(Debug)]
pub struct Booted {
    debian: Debian,
    nspawn: Child,
    leader: Pid,
}

impl Booted {
    /// The Debian that was booted.
    pub fn debian(&self) -> &Debian {
        &self.debian
    }

    /// Runs a shell command in it, as root, to its end.
    pub fn try_run(&self, script: &str) -> Ended {
        let mut command = program("nsenter");
        command
            .arg("--target")
            .arg(self.leader.as_raw_nonzero().to_string())
            .args(["--all", "--", "sh", "-c", script]);
        as_root_there(&mut command);
        command::run(&mut command, "")
    }

    /// The same; its end has to be a good one. What it printed.
    pub fn run(&self, script: &str) -> String {
        well(script, self.try_run(script))
    }
}

impl Drop for Booted {
    fn drop(&mut self) {
        // The end of its process 1 is that of everything in it; systemd-nspawn clears up and ends then.
        if let Ok(None) = self.nspawn.try_wait() {
            kill_process(self.leader, Signal::KILL).unwrap_or_default();
        }
        drop(self.nspawn.wait());
    }
}

/// Nothing of this test's environment goes in.
fn as_root_there(command: &mut Command) {
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("DEBIAN_FRONTEND", "noninteractive");
}

fn well(script: &str, ended: Ended) -> String {
    assert_eq!(ended.code, Some(0), "{script}: {ended:?}");
    ended.stdout
}
