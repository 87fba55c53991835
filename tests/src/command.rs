//! The command line of `gatepost`, run to its end.

use crate::tree;
use std::{
    env,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

/// What a command that has ended left behind.
#[derive(Debug)]
pub struct Ended {
    /// Exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

impl Ended {
    /// Everything that it said.
    pub fn output(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// A command without what this test's environment says to Gatepost.
pub fn clean(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("GATEPOST_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs `gatepost` of the staged tree with these arguments.
pub fn gatepost<A: AsRef<std::ffi::OsStr>>(arguments: &[A]) -> Ended {
    run(clean(&tree::binary()).args(arguments), "")
}

/// Runs a command to its end, with `input` on its stdin.
pub fn run(command: &mut Command, input: &str) -> Ended {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // One that does not read it may be gone by now: that is no concern of the test.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
