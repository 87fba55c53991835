//! What the whole way costs: HTTP request, fsync, provider library, service. The gateway is the binary of a staged release tree; generator
//! and sink are threads of this process, which share the machine with it and say what they cost.
//!
//! Each message has a number in its text, by which the sink knows when it was sent. None may be lost, and none may come twice.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark has nobody to report to but the terminal"
)]

mod backlog;
mod comparison;
mod disk;
mod gateway;
mod generator;
mod idle;
mod kannel;
mod ledger;
mod report;
mod rows;
mod run;
mod store;
mod ways;

use report::Targets;

/// How often everything is measured, unless `--runs` says it.
const RUNS: usize = 3;
const ROUNDS: usize = 5;

fn main() {
    let arguments = std::env::args().collect::<Vec<_>>();
    let runs = arguments.iter().skip_while(|argument| *argument != "--runs").nth(1);
    let runs = |default| runs.map_or(default, |runs| runs.parse().unwrap());
    let mut targets = Targets::default();
    match arguments.get(1).map(String::as_str) {
        Some("store") => return rows::print_store_alone(runs(RUNS)),
        Some("end-to-end") => {
            rows::print(runs(RUNS), &mut targets);
            idle::print(runs(RUNS), &mut targets);
        }
        Some("backlog") => backlog::print(runs(RUNS), &mut targets),
        Some("million") => backlog::print_long(runs(RUNS), &mut targets),
        Some("kannel") => comparison::print(runs(ROUNDS), &mut targets),
        part => panic!("{part:?}: cargo xtask bench says what there is"),
    }
    targets.print();
}
