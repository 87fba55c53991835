//! `cargo xtask bench`: each benchmark prints a table of its own, with ratios against a limit of the same run.

mod report;

use crate::{
    cargo::{Profile, Workspace},
    needs, stage, suite,
};
use anyhow::{Context as _, Result, bail, ensure};
use report::Section;
use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

/// A benchmark, by the name that it has for whoever runs it.
struct Bench {
    name: &'static str,
    /// The target of `gatepost-tests`. It is told the name, since one target may hold several.
    target: &'static str,
    when: When,
    /// A program that it runs, and the Debian packages that have it.
    needs: Option<(&'static str, &'static str)>,
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
    Bench { name: "abi", target: "abi", when: When::Always, needs: None },
    Bench { name: "smpp", target: "smpp", when: When::Always, needs: None },
    Bench { name: "end-to-end", target: "end-to-end", when: When::Always, needs: None },
    Bench { name: "backlog", target: "end-to-end", when: When::Always, needs: None },
    Bench { name: "million", target: "end-to-end", when: When::Long, needs: None },
    Bench { name: "store", target: "end-to-end", when: When::Named, needs: None },
    Bench { name: "bulkhead", target: "bulkhead", when: When::Named, needs: Some(("nginx", "nginx")) },
    Bench {
        name: "kannel",
        target: "end-to-end",
        when: When::Named,
        needs: Some(("bearerbox", "kannel kannel-extras")),
    },
];

/// What is asked for.
#[derive(clap::Args)]
pub(crate) struct Wishes {
    /// Only this one: abi, smpp, end-to-end, backlog, million, store, bulkhead (needs nginx) or kannel (needs Kannel).
    name: Option<String>,
    /// Without a name: million too, which takes many minutes.
    #[arg(long)]
    long: bool,
    /// How often end-to-end, backlog, million, store and kannel are measured.
    #[arg(long)]
    runs: Option<u32>,
    /// Put the results into docs/benchmarks.md.
    #[arg(long)]
    write: bool,
}

impl Wishes {
    /// The command that runs this one alone in the same way.
    fn command(&self, bench: &Bench) -> String {
        let runs = self.runs.map(|runs| format!(" --runs {runs}")).unwrap_or_default();
        format!("cargo xtask bench {}{runs}", bench.name)
    }

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
    for (program, packages) in wanted.iter().filter_map(|bench| bench.needs) {
        ensure!(needs::find(program).is_some(), "there is no {program} here: apt-get install {packages}");
    }
    let folder = workspace.target.join("bench");
    let (tree, data) = (folder.join("tree"), folder.join("data"));
    stage::replace(workspace, Profile::Release, &tree)?;
    // On the disk: what `/tmp` may keep in memory is no store.
    fs::create_dir_all(&data).with_context(|| format!("cannot create {}", data.display()))?;
    let mut sections = Vec::new();
    for bench in wanted {
        println!("\n== {}", bench.name);
        let mut command = workspace.cargo();
        command.args(["bench", "--quiet", "--package", "gatepost-tests", "--bench", bench.target, "--"]);
        command.arg(bench.name).env(suite::TREE, &tree).env("TMPDIR", &data);
        if let Some(runs) = wishes.runs {
            command.args(["--runs", &runs.to_string()]);
        }
        let (succeeded, output) = run(&mut command)?;
        if !succeeded {
            bail!("the benchmark {} failed", bench.name);
        }
        sections.push(Section { name: bench.name, command: wishes.command(bench), output });
    }
    if wishes.write {
        report::write(workspace, &BENCHES.each_ref().map(|bench| bench.name), &sections)?;
    }
    Ok(())
}

/// Passes on what the command prints, and keeps it.
fn run(command: &mut Command) -> Result<(bool, String)> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot run cargo bench")?;
    let mut kept = String::new();
    for line in BufReader::new(child.stdout.take().context("cargo bench has no output")?).lines() {
        let line = line.context("cannot read the output of cargo bench")?;
        println!("{line}");
        kept.push_str(&line);
        kept.push('\n');
    }
    Ok((child.wait().context("cannot wait for cargo bench")?.success(), kept))
}
