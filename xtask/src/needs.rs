//! What the tests need of the machine: looked for first, one line each; what Debian has is installed where that can be done. Python's
//! packages and those of Node go into folders of their own below the target folder.

use crate::{cargo::Workspace, deb};
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
    Need {
        program: "curl",
        why: "a client that speaks TLS, and runs the commands of the guides",
        remedy: Remedy::Debian("curl"),
    },
    Need { program: "openssl", why: "another client that speaks TLS", remedy: Remedy::Debian("openssl") },
    Need { program: "tinyproxy", why: "an HTTP proxy", remedy: Remedy::Debian("tinyproxy") },
    Need { program: "mkfs.ext4", why: "makes a disk that gets full", remedy: Remedy::Debian("e2fsprogs") },
    Need { program: "mount", why: "mounts that disk, as root", remedy: Remedy::Debian("mount") },
    Need {
        program: "postfix",
        why: "a mail server, which only root may start",
        remedy: Remedy::Debian("postfix"),
    },
    Need {
        program: "saslpasswd2",
        why: "makes users of the mail server",
        remedy: Remedy::Debian("sasl2-bin"),
    },
    Need { program: "node", why: "runs an SMSC", remedy: Remedy::Debian("nodejs") },
    Need { program: "npm", why: "installs the SMSC", remedy: Remedy::Debian("npm") },
    Need { program: "sqlite3", why: "backs up the store", remedy: Remedy::Debian("sqlite3") },
    Need { program: "microsocks", why: "a SOCKS5 proxy", remedy: Remedy::Debian("microsocks") },
    Need { program: "prometheus", why: "reads the figures", remedy: Remedy::Debian("prometheus") },
    Need { program: "promtool", why: "tests its rules", remedy: Remedy::Debian("prometheus") },
    Need { program: "zsh", why: "reads its completions", remedy: Remedy::Debian("zsh") },
    Need { program: "fish", why: "reads its completions", remedy: Remedy::Debian("fish") },
    Need { program: "man", why: "shows the man pages", remedy: Remedy::Debian("man-db") },
    Need {
        program: "debootstrap",
        why: "makes a Debian to install the package in",
        remedy: Remedy::Debian("debootstrap"),
    },
    Need {
        program: "systemd-nspawn",
        why: "boots that Debian, as root",
        remedy: Remedy::Debian("systemd-container"),
    },
    Need { program: "systemd-analyze", why: "judges the unit", remedy: Remedy::Debian("systemd") },
];

/// Says what is there, and installs what is not.
///
/// # Errors
/// Names everything that is missing and could not be installed, with its remedy.
pub(crate) fn provide(workspace: &Workspace) -> Result<()> {
    provide_programs()?;
    provide_python(workspace, "tests/requirements.txt", "python")?;
    provide_python(workspace, "tests/requirements-privacyidea.txt", "privacyidea")?;
    provide_node(workspace)?;
    deb::provide_cargo_deb()?;
    provide_debian(workspace)
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
    // Debian keeps this part of Python apart, and installs it with nothing else.
    if !succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"])) {
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

/// Makes the environment `peers/NAME` with the packages of a file of requirements, unless it is there. `tests/src/peers/python.rs` looks for
/// it at the same place.
fn provide_python(workspace: &Workspace, requirements: &str, name: &str) -> Result<()> {
    let (file, folder) = (workspace.root.join(requirements), workspace.target.join("peers").join(name));
    let installed = folder.join("requirements.txt");
    let wanted = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    if fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        println!("needed: Python's packages of {requirements}: {}", folder.display());
        return Ok(());
    }
    println!("needed: Python's packages of {requirements}: installing them into {}", folder.display());
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    run(pip.arg(file))?;
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

/// What the Debian has besides the essential: what the package depends on, and what the tests use in it.
const IN_DEBIAN: &str = "--include=adduser,ca-certificates,curl,dbus,systemd,systemd-sysv";

/// Makes a Debian in `peers/debian`, of the release that this machine has, unless it is there. `tests/src/peers/debian.rs` looks for it at the
/// same place.
fn provide_debian(workspace: &Workspace) -> Result<()> {
    let (folder, made) =
        (workspace.target.join("peers/debian"), workspace.target.join("peers/debian/made.txt"));
    if fs::read_to_string(&made).is_ok_and(|made| made == IN_DEBIAN) {
        println!("needed: a Debian to install the package in: {}", folder.display());
        return Ok(());
    }
    if !is_root() {
        println!(
            "needed: a Debian to install the package in: only root can make one, tests of it are skipped"
        );
        return Ok(());
    }
    println!("needed: a Debian to install the package in: making it in {}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut debootstrap = Command::new(find("debootstrap").context("no debootstrap")?);
    debootstrap.args(["--variant=minbase", IN_DEBIAN, &release()?]).arg(folder.join("root"));
    run(&mut debootstrap)?;
    fs::write(&made, IN_DEBIAN).with_context(|| format!("cannot write {}", made.display()))
}

/// `bookworm`: what is built here runs there, since the libraries are the same.
fn release() -> Result<String> {
    let told = fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    let name = told.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    name.map(str::to_owned).context("/etc/os-release names no release")
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
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn may_install() -> bool {
    is_root() && find("apt-get").is_some()
}

fn is_root() -> bool {
    let user = Command::new("id").arg("-u").output();
    user.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
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
