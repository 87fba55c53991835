//! `cargo xtask run`: from a fresh clone to a host that delivers.

use crate::{
    cargo::{Profile, Workspace},
    stage,
};
use anyhow::{Context as _, Result};
use std::{ffi::OsString, os::unix::process::CommandExt as _, process::Command};

/// Becomes `gatepost serve`, so that signals reach the host itself.
pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    let tree = workspace.target.join("run");
    stage::refresh(workspace, Profile::Dev, &tree)?;
    let tree = tree.canonicalize().context("cannot find the staged tree")?;
    println!("outbox: {}", tree.join(stage::CONFIG).join("outbox.txt").display());
    println!("From another shell:");
    println!(
        "  curl -i '127.0.0.1:8025/v1/messages?wait=10' -H 'content-type: application/json' \
         -d '{{\"to\": \"+491701234567\", \"text\": \"Your code is 123456\", \"gateway\": \"outbox\"}}'"
    );
    let error = Command::new(tree.join("bin/gatepost")).arg("serve").args(arguments).exec();
    Err(error).context("cannot start gatepost")
}
