//! The command line of `gatepost`, run to its end.

use crate::{eventually::DEADLINE, tree};
use std::{
    env,
    io::{Read, Write as _},
    path::Path,
    process::{Command, Stdio},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
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

/// What it says of colours is meant for the tests' own output. On `CI`, every terminal is taken for one that has them.
const COLOURS: [&str; 4] = ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"];

/// A command without what this test's environment says to Gatepost.
pub fn clean(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("GATEPOST_") || COLOURS.contains(&&*name) {
            command.env_remove(&*name);
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
    let (stdout, stderr) = (read_all(child.stdout.take().unwrap()), read_all(child.stderr.take().unwrap()));
    let deadline = Instant::now() + DEADLINE;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        if Instant::now() > deadline {
            // One that goes on where it should have ended must not hold up the tests for ever.
            child.kill().unwrap();
            child.wait().unwrap();
            break None;
        }
        thread::sleep(Duration::from_millis(5));
    };
    let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
    let Some(status) = status else { panic!("{command:?} does not end:\n{stdout}{stderr}") };
    Ended { code: status.code(), stdout, stderr }
}

fn read_all(mut output: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        output.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
