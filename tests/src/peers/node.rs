//! Peers out of npm's packages: `tests/package.json` names them, `cargo xtask test` installs them.

use super::process::program;
use crate::tree;
use std::process::Command;

/// Node, which finds the packages.
///
/// # Panics
/// They are not there.
pub fn node() -> Command {
    let modules = tree::target().join("peers/node/node_modules");
    assert!(modules.is_dir(), "there is no {}: `cargo xtask test` makes it", modules.display());
    let mut command = program("node");
    command.env("NODE_PATH", modules);
    command
}
