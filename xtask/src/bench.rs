//! `cargo xtask bench`: each benchmark prints a table of its own, with ratios against a limit of the same run.

use crate::{
    cargo::{Profile, Workspace},
    stage, suite,
};
use anyhow::{Context as _, Result, bail};

const BENCHES: &[(&str, &str)] =
    &[("gatepost", "store"), ("gatepost-tests", "abi"), ("gatepost-tests", "bulkhead")];

/// Runs them one after the other: two at once would measure each other. What is measured through the binary is measured on a release
/// build.
pub(crate) fn bench(workspace: &Workspace) -> Result<()> {
    let tree = workspace.target.join("bench/tree");
    stage::replace(workspace, Profile::Release, &tree)?;
    for (package, bench) in BENCHES {
        println!("\n== {bench}");
        let status = workspace
            .cargo()
            .args(["bench", "--quiet", "--package", package, "--bench", bench])
            .env(suite::TREE, &tree)
            .status()
            .context("cannot run cargo bench")?;
        if !status.success() {
            bail!("the benchmark {bench} failed");
        }
    }
    Ok(())
}
