//! `cargo xtask bench`: each benchmark prints a table of its own, with ratios against a limit of the same run.

use crate::{
    cargo::{Profile, Workspace},
    stage, suite,
};
use anyhow::{Context as _, Result, bail};
use std::fs;

/// A benchmark, by the name that it has for whoever runs it.
struct Bench {
    name: &'static str,
    /// The target of `gatepost-tests`. It is told the name, since one target may hold several.
    target: &'static str,
    when: When,
}

/// When a benchmark is run that nobody has named.
#[derive(PartialEq, Eq)]
enum When {
    Always,
    /// It takes many minutes.
    Long,
    /// Never: it needs more than cargo, or another one prints the same and more.
    Named,
}

const BENCHES: [Bench; 8] = [
    Bench { name: "abi", target: "abi", when: When::Always },
    Bench { name: "smpp", target: "smpp", when: When::Always },
    Bench { name: "end-to-end", target: "end-to-end", when: When::Always },
    Bench { name: "backlog", target: "end-to-end", when: When::Always },
    Bench { name: "million", target: "end-to-end", when: When::Long },
    Bench { name: "store", target: "end-to-end", when: When::Named },
    Bench { name: "bulkhead", target: "bulkhead", when: When::Named },
    Bench { name: "kannel", target: "end-to-end", when: When::Named },
];

/// What is asked for.
#[derive(clap::Args)]
pub(crate) struct Wishes {
    /// Only this one: abi, smpp, end-to-end, backlog, million, store, bulkhead (needs nginx) or kannel (needs Kannel).
    name: Option<String>,
    /// Without a name: million too, which takes many minutes.
    #[arg(long)]
    long: bool,
    /// How often end-to-end, backlog, store and kannel are measured.
    #[arg(long)]
    runs: Option<u32>,
}

impl Wishes {
    fn include(&self, bench: &Bench) -> bool {
        match &self.name {
            Some(name) => name == bench.name,
            None => bench.when == When::Always || bench.when == When::Long && self.long,
        }
    }
}

/// Runs all, or the one of this name, one after the other: two at once would measure each other. What is measured through the binary is
/// measured on a release build.
pub(crate) fn bench(workspace: &Workspace, wishes: &Wishes) -> Result<()> {
    let wanted = BENCHES.iter().filter(|bench| wishes.include(bench)).collect::<Vec<_>>();
    if wanted.is_empty() {
        let names = BENCHES.each_ref().map(|bench| bench.name).join(", ");
        bail!("there is no benchmark {:?}; there are {names}", wishes.name.as_deref().unwrap_or_default());
    }
    let folder = workspace.target.join("bench");
    let (tree, data) = (folder.join("tree"), folder.join("data"));
    stage::replace(workspace, Profile::Release, &tree)?;
    // On the disk: what `/tmp` may keep in memory is no store.
    fs::create_dir_all(&data).with_context(|| format!("cannot create {}", data.display()))?;
    for bench in wanted {
        println!("\n== {}", bench.name);
        let mut command = workspace.cargo();
        command.args(["bench", "--quiet", "--package", "gatepost-tests", "--bench", bench.target, "--"]);
        command.arg(bench.name);
        if let Some(runs) = wishes.runs {
            command.args(["--runs", &runs.to_string()]);
        }
        let status = command
            .env(suite::TREE, &tree)
            .env("TMPDIR", &data)
            .status()
            .context("cannot run cargo bench")?;
        if !status.success() {
            bail!("the benchmark {} failed", bench.name);
        }
    }
    Ok(())
}
