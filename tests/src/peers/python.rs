//! Peers out of Python's packages: `tests/requirements.txt` names them, `cargo xtask test` installs them.

use crate::tree;
use std::process::Command;

/// The Python that has the packages.
///
/// # Panics
/// It is not there.
pub fn python() -> Command {
    let python = tree::target().join("peers/python/bin/python");
    assert!(python.is_file(), "there is no {}: `cargo xtask test` makes it", python.display());
    let mut command = Command::new(python);
    // What it says is seen when it says it.
    command.env("PYTHONUNBUFFERED", "1");
    command
}
