//! What the tests need of the machine: looked for first, one line each.

use anyhow::{Result, bail};
use std::process::Command;

/// A tool that tests use. Peers that a package manager can install get a remedy of their own when the first
/// test needs one.
struct Need {
    name: &'static str,
    why: &'static str,
    /// Prints something and succeeds where the tool is there.
    version: &'static [&'static str],
    remedy: &'static str,
}

const NEEDS: &[Need] = &[
    Need {
        name: "C compiler",
        why: "builds SQLite and links",
        version: &["cc", "--version"],
        remedy: "install one: on Debian `apt-get install gcc libc6-dev`",
    },
    Need {
        name: "rustc",
        why: "builds libraries that are to be refused",
        version: &["rustc", "--version"],
        remedy: "install Rust: https://rustup.rs",
    },
    Need {
        name: "Python",
        why: "says what its `re` makes of a pattern",
        version: &["python3", "--version"],
        remedy: "install it: on Debian `apt-get install python3`",
    },
];

/// Says what is there.
///
/// # Errors
/// Names everything that is missing, with its remedy.
pub(crate) fn check() -> Result<()> {
    let mut missing = Vec::new();
    for need in NEEDS {
        match first_line(need.version) {
            Some(version) => println!("needed: {} ({}): {version}", need.name, need.why),
            None => missing.push(format!("no {} ({}): {}", need.name, need.why, need.remedy)),
        }
    }
    if !missing.is_empty() {
        bail!("{}", missing.join("\n"));
    }
    println!("needed: all of it is there, nothing has to be installed");
    Ok(())
}

fn first_line(command: &[&str]) -> Option<String> {
    let (program, arguments) = command.split_first()?;
    let output =
        Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    String::from_utf8_lossy(&output.stdout).lines().next().map(str::to_owned)
}
