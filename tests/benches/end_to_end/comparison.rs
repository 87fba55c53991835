//! Gatepost and Kannel in turn, with the same generator and the same sink. What counts are the ratios within a round: the machine's rate
//! moves, and the two are close to one another in time.

use crate::{
    disk::Disk,
    gateway::{self, Gatepost},
    generator::Pace,
    kannel::{Kannel, Kept},
    report::{Targets, Wanted, rounds, table},
    rows::{HEADS, cells, quotients},
    run::{Load, Measured, Running, Subject, run},
    ways,
};
use gatepost_tests::peers::sink::Sink;
use std::time::Duration;

const CONNECTIONS: usize = 50;
const EACH: Duration = Duration::from_secs(4);

/// The open loop: so many a second, whatever becomes of them.
const PER_SECOND: f64 = 300.0;
const OPEN: Duration = Duration::from_secs(10);

/// Who runs.
#[derive(Clone, Copy)]
enum Who {
    Gatepost,
    Kannel(Kept),
}

const ALL: [(Who, &str); 3] = [
    (Who::Gatepost, "Gatepost"),
    (Who::Kannel(Kept::File), "Kannel, file store"),
    (Who::Kannel(Kept::Spool), "Kannel, spool store"),
];

/// All runs of one of them.
#[derive(Default)]
struct Runs {
    open: Vec<Measured>,
    closed: Vec<Measured>,
    slow: Vec<Measured>,
}

/// The runs with one load.
type Of = fn(&Runs) -> &[Measured];

/// With a fresh one of these, and a sink with this latency.
fn with<T>(who: Who, sink: &Sink, measure: impl FnOnce(&Subject) -> T) -> T {
    let port = sink.address.port();
    match who {
        Who::Gatepost => {
            let gatepost = Gatepost::start(&gateway::smpp("smsc", port));
            measure(&gatepost.subject("smsc", String::new()))
        }
        Who::Kannel(kept) => measure(&Kannel::start(port, kept).subject()),
    }
}

impl Runs {
    fn add(&mut self, who: Who) {
        let closed = Load::closed(CONNECTIONS, EACH);
        let open = Load { pace: Pace::PerSecond(PER_SECOND), time: OPEN, ..closed };
        let (ledger, told) = ways::ledger(closed.room());
        let sink = Sink::telling(Duration::ZERO, told);
        let (soon, fast) = with(who, &sink, |subject| {
            let mut running = Running::start(subject, &ledger, open);
            (running.measure(open), running.measure(closed))
        });
        self.open.push(soon);
        self.closed.push(fast);
        let (ledger, told) = ways::ledger(closed.room());
        let sink = Sink::telling(ways::LATENCY, told);
        self.slow.push(with(who, &sink, |subject| run(subject, &ledger, ways::slow_load())));
    }
}

/// Measures and prints the comparison, so many rounds of it.
pub(crate) fn print(count: usize, targets: &mut Targets) {
    let (mut runs, mut disk) = (ALL.map(|_| Runs::default()), Vec::new());
    rounds(count, || {
        disk.push(Disk::measure(1));
        runs.iter_mut().zip(ALL).for_each(|(runs, (who, _))| runs.add(who));
    });
    let mut lines = Vec::new();
    let loads: [(&str, Of); 3] = [
        ("50 connections", |runs| &runs.closed),
        ("300/s", |runs| &runs.open),
        ("SMSC at 50 ms", |runs| &runs.slow),
    ];
    for (load, of) in loads {
        lines.extend(
            runs.iter().zip(ALL).map(|(runs, (_, name))| cells(&format!("{name}, {load}"), of(runs))),
        );
    }
    table(&HEADS, &lines);
    judge(&runs, &disk, targets);
}

fn judge([gatepost, file, spool]: &[Runs; 3], disk: &[Disk], targets: &mut Targets) {
    let rate = |run: &Measured| run.rate;
    let of_file = quotients(&gatepost.closed, &file.closed, rate);
    let of_spool = quotients(&gatepost.closed, &spool.closed, rate);
    let cpu = quotients(&gatepost.closed, &file.closed, |run| run.cpu);
    targets.check("rate, of Kannel's with its file store (stretch: 2.5)", "", &of_file, Wanted::AtLeast(1.5));
    targets.check("rate, of Kannel's with its spool store", "", &of_spool, Wanted::AtLeast(6.0));
    targets.check(
        "CPU a message, of Kannel's with its file store (stretch: 0.4)",
        "",
        &cpu,
        Wanted::AtMost(0.6),
    );
    let beyond = |took: usize, fsync: fn(&Disk) -> f64| {
        let rounds = gatepost.open.iter().zip(&spool.open).zip(disk);
        rounds
            .map(|((ours, theirs), disk)| ours.took[took] - theirs.took[took] - 2.0 * fsync(disk))
            .collect::<Vec<_>>()
    };
    let (p50, p99) = (beyond(0, |disk| disk.p50), beyond(1, |disk| disk.p99));
    targets.check(
        "300/s, p50 beyond Kannel's with its spool store and 2 fsync",
        " ms",
        &p50,
        Wanted::AtMost(0.0),
    );
    targets.check(
        "300/s, p99 beyond Kannel's with its spool store and 2 fsync",
        " ms",
        &p99,
        Wanted::AtMost(0.0),
    );
}
