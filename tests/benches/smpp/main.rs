//! How many messages a second the smpp provider hands to an SMSC, through the loader and the plugin boundary.
//!
//! Without latency it is compared with a bare session on the same codec, to which as many messages are handed at once: runs of both alternate,
//! and the median of their ratios counts. Beside them stands what a loop without any senders does. With latency the limit is the window: so
//! many parts in that time.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark has nobody to report to but the terminal"
)]

mod bare;
mod provider;

use gatepost_tests::{
    peers::sink::Sink,
    statistics::{median, spread},
};
use provider::Provider;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// How often and how long is measured without latency.
const RUNS: usize = 21;
const EACH: Duration = Duration::from_millis(500);

/// Parts without an answer, and messages that are handed over at once: enough that the window never waits for them.
const WINDOW: usize = 50;
const IN_FLIGHT: usize = WINDOW * 4;

/// What the sink waits, and how often and how long is measured then.
const LATENCY: Duration = Duration::from_millis(50);
const SLOW_RUNS: usize = 3;
const SLOW_EACH: Duration = Duration::from_secs(5);

/// What is wanted: shares of the bare session, and of window ÷ latency.
const OF_BARE: f64 = 0.60;
const OF_WINDOW: f64 = 0.95;

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn verdict(what: &str, shares: &[f64], wanted: f64) {
    let (median, spread) = (median(shares) * 100.0, spread(shares));
    let verdict = if median >= wanted * 100.0 { "PASS" } else { "short of it" };
    println!(
        "{what}: {median:.1} % ({:.1} to {:.1}), wanted {:.0} %: {verdict}",
        spread.start() * 100.0,
        spread.end() * 100.0,
        wanted * 100.0
    );
}

/// Without latency: as fast as it goes.
fn beside_a_bare_session(host: &Runtime) {
    let sink = Sink::start(Duration::ZERO);
    let provider = host.block_on(Provider::load(sink.address.port(), WINDOW));
    let session = host.block_on(bare::Session::start(sink.address, WINDOW));
    let row = |name: &str, rates: [f64; 3]| {
        let [alone, bare, through] = rates;
        let (of_bare, of_loop) = (through / bare * 100.0, through / alone * 100.0);
        println!("{name:<8} {alone:>12.0} {bare:>16.0} {through:>12.0} {of_bare:>15.1}% {of_loop:>11.1}%");
    };
    println!("messages/s, window {WINDOW}, {IN_FLIGHT} in flight, no latency");
    let heads = ["a loop", "a bare session", "provider", "of the session", "of the loop"];
    println!(
        "{:<8} {:>12} {:>16} {:>12} {:>16} {:>12}",
        "run", heads[0], heads[1], heads[2], heads[3], heads[4]
    );
    let (mut all, mut ratios) = ([const { Vec::new() }; 3], Vec::new());
    for run in 1..=RUNS {
        let alone = host.block_on(bare::loop_rate(sink.address, WINDOW, EACH));
        let bare = host.block_on(session.rate(IN_FLIGHT, EACH));
        let before = sink.taken();
        let through = host.block_on(provider.rate(IN_FLIGHT, EACH));
        assert!((sink.taken() - before) as f64 >= through * EACH.as_secs_f64(), "they have not arrived");
        row(&run.to_string(), [alone, bare, through]);
        all.iter_mut().zip([alone, bare, through]).for_each(|(rates, rate)| rates.push(rate));
        ratios.push(through / bare);
    }
    row("median", all.each_ref().map(|rates| median(rates)));
    verdict(&format!("window {WINDOW}, no latency, the provider of the bare session"), &ratios, OF_BARE);
    host.block_on(provider.stop());
}

/// With latency: as fast as the window lets it. What the bare session does at the same time shows what the machine lets it.
fn as_fast_as_the_window(host: &Runtime, window: usize) {
    let sink = Sink::start(LATENCY);
    let provider = host.block_on(Provider::load(sink.address.port(), window));
    let session = host.block_on(bare::Session::start(sink.address, window));
    let limit = window as f64 / LATENCY.as_secs_f64();
    let (mut bare, mut through) = (Vec::new(), Vec::new());
    for _ in 0..SLOW_RUNS {
        bare.push(host.block_on(session.rate(window * 4, SLOW_EACH)) / limit);
        through.push(host.block_on(provider.rate(window * 4, SLOW_EACH)) / limit);
    }
    let most = sink.most_unanswered();
    assert!(most <= window as u64, "{most} parts were unanswered at once");
    println!(
        "\nwindow {window}, {LATENCY:?} latency: the bare session {:.1} % of {limit:.0} messages/s",
        median(&bare) * 100.0
    );
    verdict(
        &format!("window {window}, {LATENCY:?} latency, the provider of {limit:.0} messages/s"),
        &through,
        OF_WINDOW,
    );
    host.block_on(provider.stop());
}

fn main() {
    let host = runtime();
    beside_a_bare_session(&host);
    for window in [10, WINDOW] {
        as_fast_as_the_window(&host, window);
    }
}
