//! `cargo xtask docs`: `docs/openapi.json`, and `docs/providers/NAME.md`, written out of what host and providers say of themselves.

use crate::{
    cargo::{Profile, Workspace},
    stage,
};
use anyhow::{Context as _, Result, bail, ensure};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const FOLDER: &str = "docs/providers";
const OPENAPI: &str = "docs/openapi.json";

/// Writes them, or with `check` only says which are stale.
pub(crate) fn docs(workspace: &Workspace, check: bool) -> Result<()> {
    let tree = workspace.target.join("docs/tree");
    stage::replace(workspace, Profile::Dev, &tree)?;
    let folder = workspace.root.join(FOLDER);
    let mut wanted = BTreeMap::new();
    for provider in workspace.providers() {
        wanted.insert(folder.join(format!("{provider}.md")), page(&tree, provider)?);
    }
    wanted.insert(workspace.root.join(OPENAPI), printed(&tree, &["openapi"])?);
    let stale = stale(&folder, &wanted)?;
    if check && !stale.is_empty() {
        let names = stale.iter().map(|file| shown(workspace, file)).collect::<Vec<_>>();
        bail!("stale: {}; run `cargo xtask docs` and commit them", names.join(", "));
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for file in &stale {
        match wanted.get(file) {
            Some(page) => {
                fs::write(file, page).with_context(|| format!("cannot write {}", file.display()))?
            }
            None => fs::remove_file(file).with_context(|| format!("cannot remove {}", file.display()))?,
        }
        println!(
            "{}: {}",
            if wanted.contains_key(file) { "written" } else { "removed" },
            shown(workspace, file)
        );
    }
    println!("{FOLDER} and {OPENAPI} are what providers and host say");
    Ok(())
}

fn shown(workspace: &Workspace, file: &Path) -> String {
    file.strip_prefix(&workspace.root).unwrap_or(file).display().to_string()
}

/// As the staged host prints it, which loads the library for that.
fn page(tree: &Path, provider: &str) -> Result<String> {
    let config = tree.join(stage::CONFIG).join("gatepost.toml");
    let config = config.to_str().context("the path of the tree is no UTF-8")?;
    let page = printed(tree, &["providers", provider, "--markdown", "--config", config])?;
    Ok(format!(
        "<!-- Written by `cargo xtask docs` out of what the provider declares: change it there. -->\n\n{page}"
    ))
}

/// What the staged host prints.
fn printed(tree: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(tree.join("bin/gatepost"))
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run the staged gatepost")?;
    ensure!(output.status.success(), "gatepost {} failed", arguments.join(" "));
    String::from_utf8(output.stdout).context("what gatepost prints is no UTF-8")
}

/// What is missing or different, and those of providers that are no more.
fn stale(folder: &Path, wanted: &BTreeMap<PathBuf, String>) -> Result<Vec<PathBuf>> {
    let is_current =
        |(file, page): &(&PathBuf, &String)| fs::read_to_string(file).is_ok_and(|found| found == **page);
    let mut stale: Vec<_> =
        wanted.iter().filter(|entry| !is_current(entry)).map(|(file, _)| file.clone()).collect();
    if folder.exists() {
        for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let file = entry?.path();
            if file.extension().is_some_and(|ending| ending == "md") && !wanted.contains_key(&file) {
                stale.push(file);
            }
        }
    }
    Ok(stale)
}
