//! What the tests need of the machine: looked for first, one line each; what Debian has is installed where that can be done. Python's
//! packages and those of Node go into folders of their own below the target folder.

use crate::cargo::Workspace;
use anyhow::{Context as _, Result, bail};
use std::{env, fs, path::PathBuf, process::Command};

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
    Need { program: "mkfs.ext4", why: "makes a disk that gets full", remedy: Remedy::Debian("e2fsprogs") },
    Need { program: "mount", why: "mounts it, as root", remedy: Remedy::Debian("mount") },
    Need {
        program: "postfix",
        why: "a mail server, which only root may start",
        remedy: Remedy::Debian("postfix"),
    },
    Need { program: "saslpasswd2", why: "makes its users", remedy: Remedy::Debian("sasl2-bin") },
    Need { program: "node", why: "runs an SMSC", remedy: Remedy::Debian("nodejs") },
    Need { program: "npm", why: "installs it", remedy: Remedy::Debian("npm") },
    Need { program: "microsocks", why: "a SOCKS5 proxy", remedy: Remedy::Debian("microsocks") },
    Need { program: "prometheus", why: "reads the figures", remedy: Remedy::Debian("prometheus") },
    Need { program: "promtool", why: "tests its rules", remedy: Remedy::Debian("prometheus") },
];

/// Says what is there, and installs what is not.
///
/// # Errors
/// Names everything that is missing and could not be installed, with its remedy.
pub(crate) fn provide(workspace: &Workspace) -> Result<()> {
    provide_programs()?;
    provide_python(workspace)?;
    provide_node(workspace)
}

fn provide_programs() -> Result<()> {
    let (mut packages, mut unmet) = (Vec::new(), Vec::new());
    for Need { program, why, remedy } in NEEDS {
        match (find(program), remedy) {
            (Some(path), _) => println!("needed: {program} ({why}): {}", path.display()),
            (None, Remedy::Debian(package)) => packages.push(*package),
            (None, Remedy::Words(words)) => unmet.push(format!("no {program} ({why}): {words}")),
        }
    }
    // Debian keeps this part of Python apart.
    if find("python3").is_some() && !succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"]))
    {
        packages.push("python3-venv");
    }
    packages.dedup();
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

/// Makes the environment with the packages of `tests/requirements.txt`, unless it is there. `tests/src/peers/python.rs` looks for it at the
/// same place.
fn provide_python(workspace: &Workspace) -> Result<()> {
    let wanted = workspace.root.join("tests/requirements.txt");
    let (folder, installed) =
        (workspace.target.join("peers/python"), workspace.target.join("peers/python/requirements.txt"));
    let wanted = fs::read(&wanted).with_context(|| format!("cannot read {}", wanted.display()))?;
    if fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        println!("needed: Python's packages of tests/requirements.txt: {}", folder.display());
        return Ok(());
    }
    println!(
        "needed: Python's packages of tests/requirements.txt: installing them into {}",
        folder.display()
    );
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    run(pip.arg(workspace.root.join("tests/requirements.txt")))?;
    fs::write(&installed, wanted).with_context(|| format!("cannot write {}", installed.display()))
}

/// Installs the packages of `tests/package.json` by its lock file, unless they are there. `tests/src/peers/node.rs` looks for them at the
/// same place.
fn provide_node(workspace: &Workspace) -> Result<()> {
    const LOCK: &str = "package-lock.json";
    let (tests, folder) = (workspace.root.join("tests"), workspace.target.join("peers/node"));
    let wanted = fs::read(tests.join(LOCK)).with_context(|| format!("cannot read tests/{LOCK}"))?;
    let installed = folder.join("installed.json");
    if fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        println!("needed: npm's packages of tests/package.json: {}", folder.display());
        return Ok(());
    }
    println!("needed: npm's packages of tests/package.json: installing them into {}", folder.display());
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for file in ["package.json", LOCK] {
        fs::copy(tests.join(file), folder.join(file)).with_context(|| format!("cannot copy tests/{file}"))?;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
    run(&mut npm)?;
    fs::write(&installed, wanted).with_context(|| format!("cannot write {}", installed.display()))
}

fn run(command: &mut Command) -> Result<()> {
    let shown = format!("{command:?}");
    let status = command.status().with_context(|| format!("cannot run {shown}"))?;
    if !status.success() {
        bail!("{shown} failed");
    }
    Ok(())
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
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
