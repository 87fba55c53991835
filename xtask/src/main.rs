//! Builds, stages, runs and tests Gatepost: `cargo xtask --help`.

mod bench;
mod cargo;
mod deb;
mod docs;
mod needs;
mod run;
mod stage;
mod suite;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::{ffi::OsString, path::PathBuf, process::ExitCode};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Builds, stages, runs and tests Gatepost")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build host and providers, stage them in target/run and serve on 127.0.0.1:8025.
    Run {
        /// Further arguments for `gatepost serve`, after `--`.
        #[arg(last = true)]
        serve: Vec<OsString>,
    },
    /// Run every test, unit to end-to-end. What they need of the machine is looked for first.
    Test {
        /// Only tests whose name contains this.
        #[arg(long, value_name = "TEXT")]
        filter: Option<String>,
    },
    /// Stage a relocatable tree: bin, lib, etc, share.
    Dist {
        /// Without optimisation: builds faster.
        #[arg(long)]
        debug: bool,
        /// Where to; by default target/dist. What a former run staged there is replaced.
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
    },
    /// Build a Debian package.
    Deb {
        /// Without optimisation: builds faster.
        #[arg(long)]
        debug: bool,
        /// The folder for it; by default target/debian.
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
        /// The package's revision of this version.
        #[arg(long, default_value_t = 1)]
        revision: u32,
    },
    /// Write docs/openapi.json and docs/providers out of what host and providers say of themselves.
    Docs {
        /// Write nothing: fail where one of them is stale.
        #[arg(long)]
        check: bool,
    },
    /// The long versions of the tests, on a release build.
    Soak {
        /// How often the host is killed and restarted.
        #[arg(long, default_value_t = suite::SOAK_KILL_ROUNDS)]
        rounds: u32,
        /// How many messages wait where a backlog is looked at.
        #[arg(long, default_value_t = suite::SOAK_BACKLOG)]
        backlog: u64,
    },
    /// The benchmarks, with ratios measured in one run.
    Bench(bench::Wishes),
}

fn main() -> ExitCode {
    match perform(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> Result<()> {
    let workspace = cargo::Workspace::find()?;
    match task {
        Task::Run { serve } => run::run(&workspace, &serve),
        Task::Test { filter } => suite::test(&workspace, filter.as_deref()),
        Task::Dist { debug, out } => {
            let tree = out.unwrap_or_else(|| workspace.target.join("dist"));
            stage::replace(&workspace, cargo::Profile::dev_if(debug), &tree)?;
            println!("staged: {}", tree.display());
            Ok(())
        }
        Task::Deb { debug, out, revision } => {
            let folder = out.unwrap_or_else(|| workspace.target.join("debian"));
            let package = deb::deb(&workspace, cargo::Profile::dev_if(debug), &folder, revision)?;
            println!("package: {}", package.display());
            Ok(())
        }
        Task::Docs { check } => docs::docs(&workspace, check),
        Task::Soak { rounds, backlog } => suite::soak(&workspace, rounds, backlog),
        Task::Bench(wishes) => bench::bench(&workspace, &wishes),
    }
}
