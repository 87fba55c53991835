//! `docs/benchmarks.md`: a section for each benchmark, with what it was measured on. One that is run again takes the place of its last one.

use crate::cargo::Workspace;
use anyhow::{Context as _, Result, ensure};
use std::{env, fs, process::Command, thread};

const PAGE: &str = "docs/benchmarks.md";

const HEAD: &str = "<!-- Written by `cargo xtask bench --write`: run it again rather than change it here. -->

# Benchmarks

What one machine measured, generator and sinks on it too. Rates differ from machine to machine and from disk to disk; the ratios, each
taken within one run, differ less. Behind a median stand the least and the most of all runs. Store and benchmark lie on the same disk.
";

/// What a benchmark has printed.
pub(crate) struct Section {
    pub(crate) name: &'static str,
    pub(crate) command: String,
    pub(crate) output: String,
}

/// Writes these, and keeps those of the other `names`.
pub(crate) fn write(workspace: &Workspace, names: &[&str], sections: &[Section]) -> Result<()> {
    let path = workspace.root.join(PAGE);
    let former = fs::read_to_string(&path).unwrap_or_default();
    let circumstances = circumstances(workspace)?;
    let mut page = HEAD.to_owned();
    for name in names {
        let fresh = sections.iter().find(|section| section.name == *name);
        let text = match fresh {
            Some(section) => Some(section.text(&circumstances)),
            None => kept(&former, name),
        };
        page.extend(text);
    }
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    println!("\nwritten: {PAGE}");
    Ok(())
}

impl Section {
    fn text(&self, circumstances: &str) -> String {
        let Self { name, command, output } = self;
        let output = output.trim();
        // What is no table in Markdown was set for a terminal.
        let output = if output.contains("|---|") { output.into() } else { format!("```text\n{output}\n```") };
        format!("\n## {name}\n\n`{command}`, {circumstances}\n\n{output}\n")
    }
}

/// The section of this name as it stands.
fn kept(page: &str, name: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!("\n## {name}\n"))?;
    let text = rest.split_once("\n## ").map_or(rest, |(text, _)| text);
    Some(format!("\n## {name}\n{}\n", text.trim_end()))
}

/// Of which sources, with what, on how much of a machine.
fn circumstances(workspace: &Workspace) -> Result<String> {
    let git = |arguments: &[&str]| {
        said(Command::new("git").current_dir(&workspace.root).args(arguments)).context("cannot ask git")
    };
    let commit = git(&["rev-parse", "--short", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no", "--", ".", &format!(":!{PAGE}")])?;
    let changed = if changed.is_empty() { "" } else { " with changes" };
    let compiler =
        said(Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("--version"))?;
    let cores = thread::available_parallelism().context("how many cores there are is not known")?;
    Ok(format!("commit {commit}{changed}, {cores} cores, {compiler}"))
}

fn said(command: &mut Command) -> Result<String> {
    let output =
        command.output().with_context(|| format!("cannot run {}", command.get_program().display()))?;
    ensure!(output.status.success(), "{} failed", command.get_program().display());
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
