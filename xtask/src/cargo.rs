//! What cargo knows of the workspace, and what it builds.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Package and binary of the host.
const HOST: &str = "gatepost";

/// The workspace and what can be built of it.
pub(crate) struct Workspace {
    /// Folder of the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Cargo's target folder, wherever configuration and environment put it.
    pub(crate) target: PathBuf,
    /// The packages below `plugins/` that are shared libraries.
    plugins: Vec<Plugin>,
}

struct Plugin {
    package: String,
    folder: String,
}

#[derive(Clone, Copy)]
pub(crate) enum Profile {
    Dev,
    Release,
}

impl Profile {
    pub(crate) fn dev_if(debug: bool) -> Self {
        if debug { Self::Dev } else { Self::Release }
    }
}

/// What a build made.
pub(crate) struct Built {
    /// The binary `gatepost`.
    pub(crate) host: PathBuf,
    /// Each provider's short name (`script`) and its library.
    pub(crate) providers: Vec<(String, PathBuf)>,
}

/// The cargo that runs this task.
pub(crate) fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

impl Workspace {
    /// The workspace that this task belongs to, not the one of the current folder.
    pub(crate) fn find() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let output = cargo()
            .args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"])
            .arg(manifest)
            .stderr(Stdio::inherit())
            .output()
            .context("cannot run cargo metadata")?;
        ensure!(output.status.success(), "cargo metadata failed");
        let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata: no JSON")?;
        let path = |key: &str| {
            metadata.get(key).and_then(Value::as_str).map(PathBuf::from).context("cargo metadata: no folder")
        };
        let (root, target) = (path("workspace_root")?, path("target_directory")?);
        let mut plugins: Vec<_> = metadata
            .get("packages")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|package| plugin(&root.join("plugins"), package))
            .collect();
        plugins.sort_by(|a, b| a.folder.cmp(&b.folder));
        ensure!(!plugins.is_empty(), "no shared library below plugins/");
        Ok(Self { root, target, plugins })
    }

    /// The short names of the providers that ship with the host.
    pub(crate) fn providers(&self) -> impl Iterator<Item = &str> {
        self.plugins.iter().map(|plugin| plugin.folder.as_str())
    }

    /// A cargo command in the root folder.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = cargo();
        command.current_dir(&self.root);
        command
    }

    /// Builds the host and every provider, each by itself: cargo would otherwise give all of them the features that
    /// any of them asks for.
    pub(crate) fn build(&self, profile: Profile) -> Result<Built> {
        let host = self.build_package(HOST, "bin", profile)?;
        let mut providers = Vec::new();
        for plugin in &self.plugins {
            let library = self.build_package(&plugin.package, "cdylib", profile)?;
            providers.push((plugin.folder.clone(), library));
        }
        Ok(Built { host, providers })
    }

    fn build_package(&self, package: &str, kind: &str, profile: Profile) -> Result<PathBuf> {
        eprintln!("xtask: building {package}");
        let mut command = self.cargo();
        command.args(["build", "--message-format=json-render-diagnostics", "--package", package]);
        if let Profile::Release = profile {
            command.arg("--release");
        }
        let output = command.stderr(Stdio::inherit()).output().context("cannot run cargo build")?;
        if !output.status.success() {
            bail!("building {package} failed");
        }
        let library_name = package.replace('-', "_");
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter_map(|message| artifact(&message, &[package, &library_name], kind))
            .next_back()
            .with_context(|| format!("building {package} made no {kind}"))
    }
}

fn plugin(below: &Path, package: &Value) -> Option<Plugin> {
    let manifest = Path::new(package.get("manifest_path")?.as_str()?);
    let folder = manifest.parent()?;
    let is_library = package.get("targets")?.as_array()?.iter().any(|target| is_kind(target, "cdylib"));
    (is_library && folder.parent()? == below).then_some(())?;
    Some(Plugin {
        package: package.get("name")?.as_str()?.to_owned(),
        folder: folder.file_name()?.to_str()?.to_owned(),
    })
}

fn is_kind(target: &Value, kind: &str) -> bool {
    let kinds = target.get("kind").and_then(Value::as_array);
    kinds.is_some_and(|kinds| kinds.iter().any(|one| one == kind))
}

fn artifact(message: &Value, names: &[&str], kind: &str) -> Option<PathBuf> {
    let target = message.get("target")?;
    let named = names.contains(&target.get("name")?.as_str()?);
    if message.get("reason")? != "compiler-artifact" || !named || !is_kind(target, kind) {
        return None;
    }
    let mut files = message.get("filenames")?.as_array()?.iter().filter_map(Value::as_str).map(PathBuf::from);
    let is_wanted = |file: &PathBuf| {
        kind != "cdylib" || file.extension().is_some_and(|ending| ending == env::consts::DLL_EXTENSION)
    };
    files.rfind(is_wanted)
}
