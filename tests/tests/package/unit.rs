//! The unit, as systemd itself judges it.

use gatepost_tests::{command, peers::process::program, tree};
use std::process::Command;

fn analyze(arguments: &[&str]) -> Command {
    let mut command = program("systemd-analyze");
    command.args(arguments).arg(tree::workspace().join("packaging/debian/gatepost.service"));
    command
}

#[test]
fn the_unit_exposes_little() {
    let judged = command::run(&mut analyze(&["security", "--offline=yes", "--no-pager"]), "");
    let line = judged.stdout.lines().find(|line| line.contains("Overall exposure level"));
    let line = line.unwrap_or_else(|| panic!("{judged:?}"));
    let level: f64 = line.rsplit_once(": ").unwrap().1.split_whitespace().next().unwrap().parse().unwrap();
    assert!(level < 2.0, "{}", judged.stdout);
}
