//! Peers out of Python's packages: `tests/requirements*.txt` name them, `cargo xtask test` installs them.

use crate::tree;
use std::process::Command;

/// The Python that has the packages.
pub fn python() -> Command {
    of("python")
}

/// The Python of one of the environments.
///
/// # Panics
/// It is not there.
pub fn of(environment: &str) -> Command {
    let python = tree::target().join("peers").join(environment).join("bin/python");
    assert!(python.is_file(), "there is no {}: `cargo xtask test` makes it", python.display());
    let mut command = Command::new(python);
    // What it says is seen when it says it.
    command.env("PYTHONUNBUFFERED", "1");
    command
}
