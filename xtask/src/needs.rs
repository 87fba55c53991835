//! What the tests need of the machine: looked for first, one line each; what Debian has is installed where that can be done.

use anyhow::{Context as _, Result, bail};
use std::{env, path::PathBuf, process::Command};

/// A program that tests use.
struct Need {
    program: &'static str,
    why: &'static str,
    remedy: Remedy,
}

/// Where it comes from.
enum Remedy {
    /// Debian's package of this name; installed by root, else the command is printed.
    Debian(&'static str),
    Words(&'static str),
}

const NEEDS: &[Need] = &[
    Need {
        program: "cc",
        why: "builds SQLite and links",
        remedy: Remedy::Words("install a C compiler: on Debian `apt-get install gcc libc6-dev`"),
    },
    Need {
        program: "rustc",
        why: "builds libraries that are to be refused",
        remedy: Remedy::Words("install Rust: https://rustup.rs"),
    },
    Need {
        program: "python3",
        why: "says what its `re` makes of a REGEXP",
        remedy: Remedy::Debian("python3"),
    },
    Need {
        program: "nginx",
        why: "a service that takes messages over HTTP",
        remedy: Remedy::Debian("nginx"),
    },
    Need { program: "tinyproxy", why: "an HTTP proxy", remedy: Remedy::Debian("tinyproxy") },
    Need { program: "microsocks", why: "a SOCKS5 proxy", remedy: Remedy::Debian("microsocks") },
];

/// Says what is there, and installs what is not.
///
/// # Errors
/// Names everything that is missing and could not be installed, with its remedy.
pub(crate) fn provide() -> Result<()> {
    let (mut packages, mut unmet) = (Vec::new(), Vec::new());
    for Need { program, why, remedy } in NEEDS {
        match (find(program), remedy) {
            (Some(path), _) => println!("needed: {program} ({why}): {}", path.display()),
            (None, Remedy::Debian(package)) => packages.push(*package),
            (None, Remedy::Words(words)) => unmet.push(format!("no {program} ({why}): {words}")),
        }
    }
    if packages.is_empty() && unmet.is_empty() {
        println!("needed: all of it is there, nothing has to be installed");
        return Ok(());
    }
    let command = format!("apt-get install --no-install-recommends {}", packages.join(" "));
    if !packages.is_empty() && unmet.is_empty() && may_install() {
        println!("needed: not there yet: {command}");
        return install(&packages);
    }
    if !packages.is_empty() {
        unmet.push(format!("not installed: {}; as root: {command}", packages.join(", ")));
    }
    bail!("{}", unmet.join("\n"))
}

/// Where a program is: Debian keeps servers out of a user's PATH.
fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn may_install() -> bool {
    let user = Command::new("id").arg("-u").output();
    user.is_ok_and(|output| output.stdout.trim_ascii() == b"0") && find("apt-get").is_some()
}

fn install(packages: &[&str]) -> Result<()> {
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        // Keeps the servers from being started as services, where init scripts do that.
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
        let status = command.status().context("cannot run apt-get")?;
        if !status.success() {
            bail!("apt-get {} failed", arguments.join(" "));
        }
        Ok(())
    };
    apt(&["update", "-q"])?;
    apt(&[&["install", "-q", "-y", "--no-install-recommends"][..], packages].concat())
}
