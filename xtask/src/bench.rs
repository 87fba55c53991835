//! `cargo xtask bench`: each benchmark prints a table of its own, with ratios against a limit of the same run.

use crate::{
    cargo::{Profile, Workspace},
    stage, suite,
};
use anyhow::{Context as _, Result, bail};

/// Package, name, and whether it goes through the binary of a staged tree.
const BENCHES: [(&str, &str, bool); 4] = [
    ("gatepost", "store", false),
    ("gatepost-tests", "abi", false),
    ("gatepost-tests", "smpp", false),
    ("gatepost-tests", "bulkhead", true),
];

/// Runs all, or the one of this name, one after the other: two at once would measure each other. What is measured through the binary is
/// measured on a release build.
pub(crate) fn bench(workspace: &Workspace, name: Option<&str>) -> Result<()> {
    let wanted = BENCHES.into_iter().filter(|(_, bench, _)| name.is_none_or(|name| name == *bench));
    let wanted = wanted.collect::<Vec<_>>();
    if wanted.is_empty() {
        let names = BENCHES.map(|(_, bench, _)| bench).join(", ");
        bail!("there is no benchmark {:?}; there are {names}", name.unwrap_or_default());
    }
    let tree = workspace.target.join("bench/tree");
    if wanted.iter().any(|(.., through_binary)| *through_binary) {
        stage::replace(workspace, Profile::Release, &tree)?;
    }
    for (package, bench, _) in wanted {
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
