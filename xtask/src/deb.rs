//! `cargo xtask deb`: the Debian package, made by cargo-deb of a staged tree. What the package has of its own stands in
//! `packaging/debian`; what goes where, in `host/Cargo.toml` under `package.metadata.deb`.

use crate::{
    cargo::{Profile, Workspace, cargo},
    stage,
};
use anyhow::{Context as _, Result, bail, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Where cargo-deb looks for what was built, whatever it was built with: `target/release` is its word for that.
const TREE: &str = "release/deb";

/// The script of the gateway that delivers into a file, and the file: `/etc` is not the service's to write.
const OUTBOX: &str = "scripts/outbox";
const FILE: (&str, &str) = ("../outbox.txt", "/var/lib/gatepost/outbox.txt");

/// Builds the package into `folder`, as revision `revision` of this version.
pub(crate) fn deb(workspace: &Workspace, profile: Profile, folder: &Path, revision: u32) -> Result<PathBuf> {
    provide_cargo_deb()?;
    let tree = workspace.target.join(TREE);
    stage::replace(workspace, profile, &tree)?;
    redirect_outbox(&tree.join(stage::CONFIG).join(OUTBOX))?;
    let mut cargo = workspace.cargo();
    cargo.args(["deb", "--package", "gatepost", "--no-build", "--no-strip", "--quiet"]);
    cargo.args(["--deb-revision", &revision.to_string()]).arg("--output").arg(folder);
    if let Profile::Dev = profile {
        strip(&tree)?;
        cargo.arg("--fast");
    }
    let output = cargo.output().context("cannot run cargo deb")?;
    if !output.status.success() {
        bail!("cargo deb failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    // Its last line is the package's path.
    let said = String::from_utf8(output.stdout).context("cargo deb: no UTF-8")?;
    said.lines().next_back().map(PathBuf::from).context("cargo deb names no package")
}

/// Installs cargo-deb where it is missing.
pub(crate) fn provide_cargo_deb() -> Result<()> {
    if cargo().args(["deb", "--version"]).output().is_ok_and(|output| output.status.success()) {
        println!("needed: cargo-deb (makes the Debian package): it is there");
        return Ok(());
    }
    println!("needed: cargo-deb (makes the Debian package): cargo install --locked cargo-deb");
    let status = cargo().args(["install", "--locked", "cargo-deb"]).status();
    ensure!(status.context("cannot run cargo install")?.success(), "cargo install cargo-deb failed");
    Ok(())
}

fn redirect_outbox(script: &Path) -> Result<()> {
    let text = fs::read_to_string(script).with_context(|| format!("cannot read {}", script.display()))?;
    let redirected = text.replace(FILE.0, FILE.1);
    ensure!(text != redirected, "{} does not write {}: correct xtask/src/deb.rs", script.display(), FILE.0);
    fs::write(script, redirected).with_context(|| format!("cannot write {}", script.display()))
}

/// A build without optimisation is mostly what a debugger would want to know.
fn strip(tree: &Path) -> Result<()> {
    let libraries = fs::read_dir(tree.join(stage::PROVIDERS))?.map(|entry| entry.map(|entry| entry.path()));
    let mut strip = Command::new("strip");
    strip.arg("--strip-debug").arg(tree.join("bin/gatepost")).args(libraries.collect::<Result<Vec<_>, _>>()?);
    ensure!(strip.status().context("cannot run strip")?.success(), "strip failed");
    Ok(())
}
