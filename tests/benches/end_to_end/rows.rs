//! The rows of the table: how fast, how soon and at which price, by how many connections bring the messages.

use crate::{
    disk::Disk,
    report::{Targets, Wanted, figure, rounds, table},
    run::{Load, Measured, Until},
    store, ways,
};
use gatepost_tests::statistics::median;
use std::time::Duration;

const CONNECTIONS: [usize; 3] = [1, 50, 500];
const EACH: Duration = Duration::from_secs(4);

/// All runs with so many connections.
#[derive(Default)]
struct Row {
    connections: usize,
    disk: Vec<Disk>,
    store: Vec<f64>,
    accept: Vec<Measured>,
    smpp: Vec<Measured>,
    http: Vec<Measured>,
}

impl Row {
    /// One more run of each, one after the other.
    fn run(&mut self) {
        let load = Load::closed(self.connections, EACH);
        self.disk.push(Disk::measure(self.connections));
        self.store.push(store::rate(self.connections, EACH));
        self.accept.push(ways::accept(Load { until: Until::Answer, ..load }));
        self.smpp.push(ways::smpp(load, Duration::ZERO));
        self.http.push(ways::http(load));
    }
}

/// Measures and prints the rows, each so often, and what is wanted of them.
pub(crate) fn print(runs: usize, targets: &mut Targets) {
    let mut rows = CONNECTIONS.map(|connections| Row { connections, ..Row::default() });
    let mut slow = Vec::new();
    rounds(runs, || {
        rows.iter_mut().for_each(Row::run);
        slow.push(ways::smpp(ways::slow_load(), ways::LATENCY));
    });
    print_store(&rows);
    print_ways(&rows, &slow);
    let [_, fifty, five_hundred] = &rows;
    let rate = |run: &Measured| run.rate;
    let of_store = fifty.smpp.iter().zip(&fifty.store).map(|(run, store)| run.rate / store);
    targets.check(
        "HTTP to SMPP, 50 connections, of the store alone",
        "",
        &of_store.collect::<Vec<_>>(),
        Wanted::AtLeast(0.6),
    );
    let of_fifty = quotients(&five_hundred.smpp, &fifty.smpp, rate);
    targets.check("HTTP to SMPP, 500 connections, of 50", "", &of_fifty, Wanted::AtLeast(1.2));
    let of_smpp = quotients(&fifty.http, &fifty.smpp, rate);
    let of_limit = slow.iter().map(|run| run.rate / ways::limit()).collect::<Vec<_>>();
    targets.check("SMSC at 50 ms, of window ÷ latency", "", &of_limit, Wanted::AtLeast(0.95));
    targets.check("HTTP to HTTP, 50 connections, of HTTP to SMPP", "", &of_smpp, Wanted::AtLeast(0.5));
}

/// How many times a figure of one run is that of the other, run by run.
pub(crate) fn quotients(these: &[Measured], those: &[Measured], figure: fn(&Measured) -> f64) -> Vec<f64> {
    these.iter().zip(those).map(|(this, that)| figure(this) / figure(that)).collect()
}

/// What disk and store can do alone.
pub(crate) fn print_store_alone(runs: usize) {
    let rows = CONNECTIONS.map(|connections| {
        let mut row = Row { connections, ..Row::default() };
        for _ in 0..runs {
            row.disk.push(Disk::measure(connections));
            row.store.push(store::rate(connections, EACH));
        }
        row
    });
    print_store(&rows);
}

fn print_store(rows: &[Row]) {
    let rows = rows.iter().map(|row| {
        let of = |figure: fn(&Disk) -> f64| row.disk.iter().map(figure).collect::<Vec<_>>();
        let share = median(&row.store) / median(&of(|disk| disk.rate));
        vec![
            row.connections.to_string(),
            figure(&of(|disk| disk.rate), 0),
            figure(&of(|disk| disk.p50), 2),
            figure(&of(|disk| disk.p99), 2),
            figure(&row.store, 0),
            format!("{share:.2}"),
        ]
    });
    table(
        &[
            "messages at once",
            "raw fdatasync/s",
            "p50 ms",
            "p99 ms",
            "store alone, messages/s",
            "messages per raw fdatasync",
        ],
        &rows.collect::<Vec<_>>(),
    );
}

/// The runs of one way.
type Of = fn(&Row) -> &[Measured];

fn print_ways(rows: &[Row], slow: &[Measured]) {
    let ways: [(&str, Of); 3] = [
        ("HTTP to disk", |row| &row.accept),
        ("HTTP to SMPP", |row| &row.smpp),
        ("HTTP to HTTP", |row| &row.http),
    ];
    let rows = ways.iter().flat_map(|(way, runs)| {
        rows.iter().map(move |row| cells(&format!("{way}, {} connections", row.connections), runs(row)))
    });
    let slow = cells(&format!("HTTP to SMPP, SMSC at {:?}", ways::LATENCY), slow);
    table(&HEADS, &rows.chain([slow]).collect::<Vec<_>>());
}

/// The heads of a table of [`cells`].
pub(crate) const HEADS: [&str; 8] = [
    "way",
    "messages/s",
    "p50 ms",
    "p99 ms",
    "p99.9 ms",
    "CPU µs a message",
    "of generator and sink",
    "peak RSS MiB",
];

/// A row of figures.
pub(crate) fn cells(name: &str, runs: &[Measured]) -> Vec<String> {
    let of = |figure: &dyn Fn(&Measured) -> f64| runs.iter().map(figure).collect::<Vec<_>>();
    vec![
        name.into(),
        figure(&of(&|run| run.rate), 0),
        figure(&of(&|run| run.took[0]), 2),
        figure(&of(&|run| run.took[1]), 2),
        figure(&of(&|run| run.took[2]), 2),
        figure(&of(&|run| run.cpu), 0),
        figure(&of(&|run| run.own_cpu), 0),
        figure(&of(&|run| run.resident), 1),
    ]
}
