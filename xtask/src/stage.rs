//! The relocatable tree: `bin/`, `lib/gatepost/providers/`, `etc/gatepost/`, `share/`.

use crate::cargo::{Profile, Workspace};
use anyhow::{Context as _, Result, bail};
use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::Command,
};

/// Where a tree keeps its configuration.
pub(crate) const CONFIG: &str = "etc/gatepost";
/// Where it keeps the provider libraries.
pub(crate) const PROVIDERS: &str = "lib/gatepost/providers";
const DOCUMENTS: &str = "share/doc/gatepost";
/// What others read: a dashboard for Grafana, rules for Prometheus.
const SHARED: &str = "share/gatepost";
const MANUAL: &str = "share/man/man1";

/// Builds and stages a tree at `tree`, in place of one that stands there. It appears as a whole or not at all.
pub(crate) fn replace(workspace: &Workspace, profile: Profile, tree: &Path) -> Result<()> {
    if tree.exists() && !is_tree(tree) {
        bail!("{} is there and holds no staged tree: name another folder, or remove it", tree.display());
    }
    let (fresh, former) = (beside(tree, "new")?, beside(tree, "old")?);
    stage(workspace, profile, &fresh)?;
    remove(&former)?;
    if tree.exists() {
        fs::rename(tree, &former).with_context(|| format!("cannot move {}", tree.display()))?;
    }
    fs::rename(&fresh, tree).with_context(|| format!("cannot move {}", fresh.display()))?;
    remove(&former)
}

/// Builds a tree and puts its files over those at `tree`. What else stands there stays: data, a user's own definitions.
pub(crate) fn refresh(workspace: &Workspace, profile: Profile, tree: &Path) -> Result<()> {
    let fresh = beside(tree, "new")?;
    stage(workspace, profile, &fresh)?;
    // A provider that is no longer built must not be loaded.
    remove(&tree.join(PROVIDERS))?;
    move_over(&fresh, tree)?;
    remove(&fresh)
}

fn is_tree(folder: &Path) -> bool {
    folder.join("bin/gatepost").is_file() && folder.join(CONFIG).is_dir()
}

/// `target/dist` to `target/dist.new`: on the same file system, so that a rename moves it.
fn beside(tree: &Path, ending: &str) -> Result<PathBuf> {
    let mut name = tree.file_name().context("the folder needs a name")?.to_owned();
    name.push(".");
    name.push(ending);
    Ok(tree.with_file_name(name))
}

fn stage(workspace: &Workspace, profile: Profile, tree: &Path) -> Result<()> {
    let built = workspace.build(profile)?;
    remove(tree)?;
    for folder in ["bin", PROVIDERS, CONFIG, "etc/gatepost/gateways.d", DOCUMENTS] {
        create_folder(tree, folder)?;
    }
    install(&built.host, &tree.join("bin/gatepost"), 0o755)?;
    for (name, library) in &built.providers {
        install(library, &tree.join(PROVIDERS).join(format!("{name}.so")), 0o644)?;
    }
    install_folder(&workspace.root.join("config"), tree, CONFIG)?;
    install_folder(&workspace.root.join("share"), tree, SHARED)?;
    for document in ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"] {
        install(&workspace.root.join(document), &tree.join(DOCUMENTS).join(document), 0o644)?;
    }
    install_folder(&workspace.root.join("docs"), tree, &format!("{DOCUMENTS}/docs"))?;
    install_generated(tree)
}

/// Completions and man pages, which the binary writes itself.
fn install_generated(tree: &Path) -> Result<()> {
    for (shell, folder, file) in [
        ("bash", "share/bash-completion/completions", "gatepost"),
        ("zsh", "share/zsh/site-functions", "_gatepost"),
        ("fish", "share/fish/vendor_completions.d", "gatepost.fish"),
    ] {
        let completions = ask(tree, &["completions".as_ref(), shell.as_ref()])?;
        create_folder(tree, folder)?;
        write(&tree.join(folder).join(file), &completions, 0o644)?;
    }
    create_folder(tree, MANUAL)?;
    let manual = tree.join(MANUAL);
    ask(tree, &["man".as_ref(), manual.as_os_str()])?;
    for page in fs::read_dir(&manual).with_context(|| format!("cannot read {}", manual.display()))? {
        fs::set_permissions(page?.path(), fs::Permissions::from_mode(0o644))?;
    }
    Ok(())
}

/// What the staged binary prints.
fn ask(tree: &Path, arguments: &[&OsStr]) -> Result<Vec<u8>> {
    let binary = tree.join("bin/gatepost");
    let output = Command::new(&binary).args(arguments).output();
    let output = output.with_context(|| format!("cannot run {}", binary.display()))?;
    if !output.status.success() {
        bail!("{} {arguments:?} failed: {}", binary.display(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(output.stdout)
}

fn install_folder(from: &Path, tree: &Path, folder: &str) -> Result<()> {
    create_folder(tree, folder)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let inner = format!("{folder}/{name}");
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            // What a host that ran on the sources' own configuration left there.
            if name != "data" {
                install_folder(&entry.path(), tree, &inner)?;
            }
        } else if metadata.is_file() && name != "outbox.txt" {
            let is_script = metadata.permissions().mode() & 0o100 != 0;
            install(&entry.path(), &tree.join(&inner), if is_script { 0o755 } else { 0o644 })?;
        }
    }
    Ok(())
}

/// Every folder on the way gets 0755, whatever the umask: the host loads no library out of a folder that others may write.
fn create_folder(tree: &Path, folder: &str) -> Result<()> {
    let mut path = tree.to_owned();
    let below = Path::new(folder).components().map(|part| Some(part.as_os_str()));
    for part in std::iter::once(None).chain(below) {
        path.extend(part);
        let mut builder = fs::DirBuilder::new();
        builder
            .recursive(true)
            .mode(0o755)
            .create(&path)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)))
            .with_context(|| format!("cannot create {}", path.display()))?;
    }
    Ok(())
}

fn install(from: &Path, to: &Path, mode: u32) -> Result<()> {
    let contents = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    write(to, &contents, mode)
}

fn write(path: &Path, contents: &[u8], mode: u32) -> Result<()> {
    fs::write(path, contents)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// By rename, file for file: a host that still runs on the old ones keeps them.
fn move_over(from: &Path, to: &Path) -> Result<()> {
    create_folder(to, "")?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            move_over(&entry.path(), &target)?;
        } else {
            fs::rename(entry.path(), &target)
                .with_context(|| format!("cannot move to {}", target.display()))?;
        }
    }
    Ok(())
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}
