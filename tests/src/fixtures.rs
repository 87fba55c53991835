//! Libraries and hosts that are built for the tests: a third party's provider from a crate outside the workspace, in
//! several ways, and libraries that are to be refused.

use crate::tree::{cargo, target, workspace};
use serde_json::Value;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, OnceLock, PoisonError},
};

/// The library of `tests/fixtures/courier`, built as its author would.
pub fn courier() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| build_courier("courier", cargo(), &[]))
}

/// The same for version 1.0 of the provider API.
pub fn courier_of_minor_0() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| build_courier("courier-minor-0", cargo(), &["--features", "minor-0"]))
}

/// The same for the next minor version of the provider API.
pub fn courier_of_next_minor() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| build_courier("courier-next-minor", cargo(), &["--features", "next-minor"]))
}

/// The same with `panic = "abort"`.
pub fn courier_that_aborts() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let mut cargo = cargo();
        cargo.env("CARGO_PROFILE_DEV_PANIC", "abort");
        build_courier("courier-abort", cargo, &[])
    })
}

/// The same built with another compiler, and that compiler's version.
///
/// # Errors
/// There is no other one: why not.
pub fn courier_of_another_compiler() -> Result<(PathBuf, String), String> {
    let (toolchain, version) = another_toolchain()?;
    let mut cargo = Command::new("rustup");
    cargo.args(["run", &toolchain, "cargo"]);
    // Cargo and rustup set these for the tests' own compiler.
    for variable in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN", "LD_LIBRARY_PATH"] {
        cargo.env_remove(variable);
    }
    Ok((build_courier("courier-other-compiler", cargo, &[]), version))
}

/// A host at the next minor version of the provider API.
pub fn host_of_next_minor() -> &'static Path {
    static HOST: OnceLock<PathBuf> = OnceLock::new();
    HOST.get_or_init(|| {
        let host = built(cargo().args(["build", "--package", "gatepost", "--features", "next-minor"]), "bin");
        let copy = keep(&host, "gatepost-next-minor");
        // Cargo has put it where the plain one was: nobody is to start it there by mistake.
        built(cargo().args(["build", "--package", "gatepost"]), "bin");
        copy
    })
}

/// A library out of one file of `tests/fixtures/libraries`, built by the compiler alone.
pub fn library(name: &str) -> PathBuf {
    let source = workspace().join("tests/fixtures/libraries").join(format!("{name}.rs"));
    let library = folder().join(format!("{name}-{}.so", std::process::id()));
    let status = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args(["--edition", "2024", "--crate-type", "cdylib", "-C", "debuginfo=0", "-o"])
        .arg(&library)
        .arg(&source)
        .status()
        .expect("cannot run rustc");
    assert!(status.success(), "cannot build {}", source.display());
    library
}

/// Where third parties' crates are built.
pub fn folder() -> PathBuf {
    let folder = target().join("fixtures");
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn build_courier(name: &str, mut cargo: Command, arguments: &[&str]) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let source = workspace().join("tests/fixtures/courier");
    // Cargo takes out of it what the crate needs: nothing is downloaded that is not there already.
    fs::copy(workspace().join("Cargo.lock"), source.join("Cargo.lock")).unwrap();
    cargo.current_dir(&source).env("CARGO_TARGET_DIR", folder()).arg("build").args(arguments);
    keep(&built(&mut cargo, "cdylib"), &format!("{name}.so"))
}

/// Runs `cargo build` and returns the last artifact of this kind.
fn built(cargo: &mut Command, kind: &str) -> PathBuf {
    let output = cargo
        .args(["--quiet", "--message-format=json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()
        .expect("cannot run cargo");
    assert!(output.status.success(), "{cargo:?} failed");
    let messages = String::from_utf8(output.stdout).unwrap();
    let artifact = |message: Value| {
        let kinds = message["target"]["kind"].as_array()?.clone();
        let files = message["filenames"].as_array()?.clone();
        let is_wanted = message["reason"] == "compiler-artifact" && kinds.contains(&Value::from(kind));
        is_wanted.then(|| PathBuf::from(files[0].as_str().unwrap()))
    };
    let mut artifacts = messages.lines().map(|line| serde_json::from_str(line).unwrap()).filter_map(artifact);
    artifacts.next_back().unwrap_or_else(|| panic!("{cargo:?} made no {kind}"))
}

/// Copies a file to where the next build does not replace it.
fn keep(file: &Path, name: &str) -> PathBuf {
    let kept = folder().join("kept");
    fs::create_dir_all(&kept).unwrap();
    let (copy, unfinished) = (kept.join(name), kept.join(format!("{name}.{}", std::process::id())));
    fs::copy(file, &unfinished).unwrap();
    fs::rename(&unfinished, &copy).unwrap();
    copy
}

/// An installed toolchain whose compiler is another one than ours, and new enough.
fn another_toolchain() -> Result<(String, String), String> {
    let listed = Command::new("rustup").args(["toolchain", "list"]).output();
    let listed = listed.map_err(|error| format!("no rustup to ask for another compiler: {error}"))?;
    let ours = version_of(&mut Command::new("rustc")).ok_or("rustc does not say its version")?;
    let mut seen = vec![ours.clone()];
    for line in String::from_utf8_lossy(&listed.stdout).lines() {
        let Some(toolchain) = line.split_whitespace().next() else { continue };
        let mut rustc = Command::new("rustup");
        rustc.args(["run", toolchain, "rustc"]).env_remove("RUSTUP_TOOLCHAIN").env_remove("LD_LIBRARY_PATH");
        let Some(version) = version_of(&mut rustc) else { continue };
        if !seen.contains(&version) && minor(&version) >= minor(&format!("rustc {OLDEST}")) {
            return Ok((toolchain.to_owned(), version));
        }
        seen.push(version);
    }
    Err(format!("no compiler is installed besides {ours}"))
}

const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");

fn version_of(rustc: &mut Command) -> Option<String> {
    let output = rustc.arg("--version").output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

/// 97 of `rustc 1.97.0-nightly (…)`.
fn minor(version: &str) -> Option<u32> {
    version.split('.').nth(1)?.parse().ok()
}
