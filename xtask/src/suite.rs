//! `cargo xtask test` and `cargo xtask soak`: every runner, its own closing lines, and one summary.

use crate::{
    cargo::{Profile, Workspace},
    needs, stage,
};
use anyhow::{Context as _, Result, bail};
use std::{
    env, fs,
    io::{self, BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

/// How often `soak` kills the host.
pub(crate) const SOAK_KILL_ROUNDS: u32 = 100;

/// How many messages wait in `soak`.
pub(crate) const SOAK_BACKLOG: u64 = 1_000_000;

/// How many random scenarios of the delivery are played in `soak`.
const SOAK_SIMULATIONS: u64 = 5000;

/// How many messages are listed in `soak`, and how often a client of the stream of events is cut.
const SOAK_LISTED: u64 = 100_000;
const SOAK_CUTS: u32 = 100;
/// How many pushes `soak` sends on one access token.
const SOAK_PUSHES: u32 = 10_000;
/// How often `soak` cuts the links with an SMSC, how many random texts it sends, and how many random PDUs it has read.
const SOAK_LINK_CUTS: u32 = 50;
const SOAK_TEXTS: u32 = 5_000;
const SOAK_PDUS: u32 = 1_000_000;
/// How often `soak` reloads the configuration under load.
const SOAK_RELOADS: u32 = 100;
/// How many seconds `soak` looks for requests that are answered otherwise than the OpenAPI document says.
const SOAK_SCHEMATHESIS_SECONDS: u32 = 600;

// Read by the end-to-end tests: `tests/src/lib.rs` says what each means.
pub(crate) const TREE: &str = "GATEPOST_TREE";
const SKIPPED: &str = "GATEPOST_SKIPPED";
const KILL_ROUNDS: &str = "GATEPOST_KILL_ROUNDS";
const BACKLOG: &str = "GATEPOST_BACKLOG";
const SIMULATIONS: &str = "GATEPOST_SIMULATIONS";
const LISTED: &str = "GATEPOST_LISTED";
const CUTS: &str = "GATEPOST_CUTS";
const PUSHES: &str = "GATEPOST_PUSHES";
const LINK_CUTS: &str = "GATEPOST_LINK_CUTS";
const RELOADS: &str = "GATEPOST_RELOADS";
const TEXTS: &str = "GATEPOST_SMPP_TEXTS";
const PDUS: &str = "GATEPOST_PDUS";
const SCHEMATHESIS_SECONDS: &str = "GATEPOST_SCHEMATHESIS_SECONDS";

/// If set, a test that was skipped is a failure.
const STRICT: &str = "GATEPOST_TESTS_STRICT";
/// Such a skip is no failure: there is nothing that could be installed for it.
const PERMITTED: &str = "permitted: ";

/// Runs every test.
pub(crate) fn test(workspace: &Workspace, filter: Option<&str>) -> Result<()> {
    needs::provide(workspace)?;
    let mut suite = Suite::prepare(workspace, Profile::Dev, "e2e")?;
    suite.run("all tests", &["--workspace"], filter)?;
    suite.close()
}

/// Runs the long versions on a release build.
pub(crate) fn soak(workspace: &Workspace, rounds: u32, backlog: u64) -> Result<()> {
    needs::provide(workspace)?;
    let mut suite = Suite::prepare(workspace, Profile::Release, "soak")?;
    suite.environment.push((SIMULATIONS, SOAK_SIMULATIONS.to_string().into()));
    suite.run("simulation", &["--package", "gatepost", "--lib", "simulation", "--", "--nocapture"], None)?;
    suite.environment.push((KILL_ROUNDS, rounds.to_string().into()));
    suite.run(
        "kill rounds",
        &["--package", "gatepost-tests", "--test", "durability", "--", "--nocapture"],
        None,
    )?;
    suite.environment.push((LISTED, SOAK_LISTED.to_string().into()));
    suite.environment.push((CUTS, SOAK_CUTS.to_string().into()));
    suite.run(
        "lists and events",
        &["--package", "gatepost-tests", "--test", "history", "--", "--nocapture"],
        None,
    )?;
    suite.environment.push((BACKLOG, backlog.to_string().into()));
    suite.run("backlog", &["--package", "gatepost-tests", "--test", "backlog", "--", "--nocapture"], None)?;
    suite.environment.push((PUSHES, SOAK_PUSHES.to_string().into()));
    suite.run("pushes", &["--package", "gatepost-tests", "--test", "firebase"], Some("many_pushes"))?;
    suite.environment.push((LINK_CUTS, SOAK_LINK_CUTS.to_string().into()));
    suite.run(
        "links",
        &["--package", "gatepost-tests", "--test", "smpp", "--", "--nocapture"],
        Some("link_is_cut"),
    )?;
    suite.environment.push((RELOADS, SOAK_RELOADS.to_string().into()));
    suite.run(
        "reloads",
        &["--package", "gatepost-tests", "--test", "reload", "--", "--nocapture"],
        Some("under_load"),
    )?;
    suite.environment.push((TEXTS, SOAK_TEXTS.to_string().into()));
    suite.run("texts", &["--package", "gatepost-tests", "--test", "smpp"], Some("random_texts"))?;
    suite.environment.push((PDUS, SOAK_PDUS.to_string().into()));
    suite.run("random PDUs", &["--package", "gatepost-provider-smpp", "--test", "streams"], None)?;
    suite.environment.push((SCHEMATHESIS_SECONDS, SOAK_SCHEMATHESIS_SECONDS.to_string().into()));
    suite.run(
        "schemathesis",
        &["--package", "gatepost-tests", "--test", "openapi", "--", "--nocapture"],
        Some("schemathesis"),
    )?;
    suite.close()
}

struct Suite<'a> {
    workspace: &'a Workspace,
    environment: Vec<(&'static str, PathBuf)>,
    skipped: PathBuf,
    closing_lines: Vec<String>,
    failed: Vec<&'static str>,
}

impl<'a> Suite<'a> {
    fn prepare(workspace: &'a Workspace, profile: Profile, name: &str) -> Result<Self> {
        let folder = workspace.target.join(name);
        let (tree, skipped) = (folder.join("tree"), folder.join("skipped.txt"));
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        fs::write(&skipped, "").with_context(|| format!("cannot write {}", skipped.display()))?;
        stage::replace(workspace, profile, &tree)?;
        let environment = vec![(TREE, tree), (SKIPPED, skipped.clone())];
        Ok(Self { workspace, environment, skipped, closing_lines: Vec::new(), failed: Vec::new() })
    }

    /// One `cargo test`; what fails is remembered, so that the others still run.
    fn run(&mut self, what: &'static str, arguments: &[&str], filter: Option<&str>) -> Result<()> {
        println!("\n== {what}");
        let started = Instant::now();
        let mut command = self.workspace.cargo();
        command.arg("test").arg("--no-fail-fast").args(arguments).args(filter);
        command.envs(self.environment.iter().map(|(key, value)| (key, value)));
        let (succeeded, lines) = run_and_collect(&mut command)?;
        self.closing_lines.push(format!("{what}, {:.0} s:", started.elapsed().as_secs_f64()));
        if lines.is_empty() {
            bail!("{what}: no runner reported a result");
        }
        self.closing_lines.extend(lines);
        if !succeeded {
            self.failed.push(what);
        }
        Ok(())
    }

    fn close(self) -> Result<()> {
        println!("\n== summary");
        for line in &self.closing_lines {
            println!("{line}");
        }
        let skipped = skipped_tests(&self.skipped)?;
        for reason in &skipped {
            println!("SKIPPED {reason}");
        }
        let unexcused = skipped.iter().filter(|reason| !reason.starts_with(PERMITTED)).count();
        if !self.failed.is_empty() {
            bail!("failed: {}", self.failed.join(", "));
        }
        if unexcused > 0 && env::var_os(STRICT).is_some() {
            bail!("{unexcused} tests were skipped, and {STRICT} is set");
        }
        if self
            .closing_lines
            .iter()
            .filter(|line| line.contains("test result:"))
            .all(|line| line.contains(" 0 passed"))
        {
            bail!("no test was run");
        }
        println!("all tests passed");
        Ok(())
    }
}

/// Passes the command's output on, and keeps the runners' closing lines, each with its runner's name.
fn run_and_collect(command: &mut Command) -> Result<(bool, Vec<String>)> {
    // One pipe for both, since cargo names the runner on stderr and the runner reports on stdout.
    let (output, input) = io::pipe().context("cannot make a pipe")?;
    command.stdout(input.try_clone().context("cannot make a pipe")?).stderr(input);
    let mut child = command.spawn().context("cannot run cargo test")?;
    // The command holds the pipe's other end open, so that it would never run dry.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let (mut closing, mut runner) = (Vec::new(), String::new());
    for line in BufReader::new(output).lines() {
        let line = line.context("cannot read the output of cargo test")?;
        println!("{line}");
        if let Some(name) =
            ["Running ", "Doc-tests "].iter().find_map(|word| line.trim_start().strip_prefix(word))
        {
            runner = runner_name(name);
        } else if line.starts_with("test result:") {
            closing.push(format!("  {runner}: {line}"));
        }
    }
    let status = child.wait().context("cannot wait for cargo test")?;
    Ok((status.success(), closing))
}

/// `src/lib.rs of gatepost` out of `unittests src/lib.rs (target/debug/deps/gatepost-0123456789abcdef)`.
fn runner_name(line: &str) -> String {
    let Some((name, file)) = line.split_once(" (") else { return format!("documentation of {line}") };
    let file = file.rsplit('/').next().unwrap_or(file);
    let package = file.rsplit_once('-').map_or(file, |(package, _hash)| package);
    format!("{} of {package}", name.trim_start_matches("unittests "))
}

fn skipped_tests(file: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(text.lines().map(str::to_owned).collect())
}
