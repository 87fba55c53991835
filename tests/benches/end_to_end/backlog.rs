//! Whether it matters how many messages there are: those that wait for a gateway that is down, and those that went before.

use crate::{
    gateway::{self, Gatepost},
    report::{Targets, Wanted, rounds, table},
    rows::{HEADS, cells, quotients},
    run::{Load, Measured, Running},
    ways,
};
use gatepost_tests::{eventually, load::Connection, peers::sink::Sink, statistics::spread};
use std::{net::SocketAddr, time::Duration};

const WAITING: usize = 1_000_000;
/// As many as one request may bring.
const BATCH: usize = 1000;

const CONNECTIONS: usize = 50;
const EACH: Duration = Duration::from_secs(4);

/// After so many messages the price of each is looked at.
const DECADES: [usize; 3] = [10_000, 100_000, 1_000_000];
/// As long as it takes.
const LONG: Duration = Duration::from_secs(3600);

/// Nobody listens there.
const DOWN: &str = "[gateways.down]\nprovider = \"http\"\nvalid_for = \"12h\"\nparameters = { URL = \"http://127.0.0.1:9/\" }\n";

/// Measures and prints the way to SMPP beside a queue that is empty, and one that is long.
pub(crate) fn print(runs: usize, targets: &mut Targets) {
    let load = Load::closed(CONNECTIONS, EACH);
    let (ledger, told) = ways::ledger(load.room());
    let sink = Sink::telling(Duration::ZERO, told);
    let gatepost = Gatepost::start(&format!("{DOWN}{}", gateway::smpp("smsc", sink.address.port())));
    fill(gatepost.host.address);
    let depth = || gatepost.host.metric("gatepost_queue_depth{gateway=\"down\"}");
    eventually("all of them wait", || (depth() >= WAITING as f64).then_some(()));
    let subject = gatepost.subject("smsc", String::new());
    let mut running = Running::start(&subject, &ledger, load);
    let (mut empty, mut full) = (Vec::new(), Vec::new());
    rounds(runs, || {
        empty.push(ways::smpp(load, Duration::ZERO));
        full.push(running.measure(load));
    });
    assert!(depth() >= WAITING as f64, "they have not stayed");
    let full_name = format!("with {WAITING} waiting for another gateway");
    table(&HEADS, &[cells("with an empty store", &empty), cells(&full_name, &full)]);
    let shares = quotients(&full, &empty, |run| run.rate);
    targets.check(
        &format!("rate {full_name}, of that with an empty store"),
        "",
        &shares,
        Wanted::AtLeast(0.9),
    );
}

fn fill(address: SocketAddr) {
    let mut connection = Connection::open(address).unwrap();
    let message = "{\"to\":\"+491701234567\",\"text\":\"Your code is 123456. It is valid for ten minutes.\",\"gateway\":\"down\"}";
    let batch = format!("{{\"messages\":[{}]}}", vec![message; BATCH].join(","));
    for _ in 0..WAITING / BATCH {
        let (status, answer) = connection.post("/v1/messages/batch", &batch).unwrap();
        assert_eq!(status, 202, "{answer}");
    }
}

/// Measures and prints what a message costs after ten thousand, and after a million, in one run: so many of them, each with a store of its
/// own.
pub(crate) fn print_long(runs: usize, targets: &mut Targets) {
    let mut all = Vec::new();
    rounds(runs, || all.push(long_run()));
    let from = [0].into_iter().chain(DECADES);
    let rows = from.zip(DECADES).enumerate().map(|(decade, (from, until))| {
        let runs = all.iter().map(|run| run[decade]).collect::<Vec<_>>();
        cells(&format!("{from} to {until}"), &runs)
    });
    table(&HEADS, &rows.collect::<Vec<_>>());
    let apart = all.iter().map(|run| {
        let cpu = spread(&run.map(|decade| decade.cpu));
        (cpu.end() / cpu.start() - 1.0) * 100.0
    });
    targets.check(
        "CPU a message, dearest decade over cheapest",
        " %",
        &apart.collect::<Vec<_>>(),
        Wanted::AtMost(15.0),
    );
}

/// What a message costs in each of the decades.
fn long_run() -> [Measured; DECADES.len()] {
    let load = Load::closed(CONNECTIONS, LONG);
    ways::with_smpp(load, Duration::ZERO, |running| {
        let mut sent = 0;
        DECADES.map(|until| {
            let most = until - sent;
            sent = until;
            running.measure(Load { most, ..load })
        })
    })
}
