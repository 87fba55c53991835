//! Many messages wait for a gateway whose service is down: they cost disk, not memory, and neither accepting nor a start gets slower. In a
//! binary of its own, since it looks at times; the figures are printed.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

use gatepost_tests::{Host, Site, eventually, load::Load, peers::nginx::Nginx};
use serde_json::json;
use std::{
    env, fs,
    time::{Duration, Instant},
};

const CLIENTS: u32 = 50;
const PAIRS: usize = 5;
/// Of each measurement of the rate.
const EACH: Duration = Duration::from_secs(2);

/// What the host may need, however many messages wait.
const MEMORY_KIB: u64 = 150 * 1024;
const START: Duration = Duration::from_secs(5);
const SHARE: f64 = 0.9;

fn backlog() -> u64 {
    env::var("GATEPOST_BACKLOG").map_or(5000, |count| count.parse().unwrap())
}

/// A gateway whose service is down, and one that works.
fn site(healthy: &Nginx) -> Site {
    Site::new(&format!(
        "[gateways.down]\nprovider = \"http\"\nvalid_for = \"12h\"\nparameters = {{ URL = \"http://127.0.0.1:9/\" }}\n\
         [gateways.healthy]\nprovider = \"http\"\nparameters = {{ URL = \"{}/\" }}\n",
        healthy.origin()
    ))
}

fn load(host: &Host) -> Load {
    let text = |client, number| format!("Your code is {client}{number}. It is valid for ten minutes.");
    Load::start(host.address, CLIENTS, text, |_, text| {
        json!({ "to": "+491701234567", "text": text, "gateway": "down" }).to_string()
    })
}

/// Accepted per second.
fn rate(host: &Host) -> f64 {
    let (began, running) = (Instant::now(), load(host));
    std::thread::sleep(EACH);
    let sent = running.end();
    assert_eq!(sent.statuses.keys().collect::<Vec<_>>(), [&202]);
    sent.accepted.len() as f64 / began.elapsed().as_secs_f64()
}

fn until_ready(site: &Site) -> (Host, Duration) {
    let began = Instant::now();
    let host = Host::start(site);
    (host, began.elapsed())
}

fn verdict(within: bool) -> &'static str {
    if within { "within the target" } else { "OVER THE TARGET" }
}

#[test]
fn a_backlog_costs_disk_and_nothing_else() {
    let (healthy, backlog) = (Nginx::start(), backlog());
    let site = site(&healthy);
    let host = Host::start(&site);
    let (began, running) = (Instant::now(), load(&host));
    let depth = |host: &Host| host.metric("gatepost_queue_depth{gateway=\"down\"}") as u64;
    let mut reached = 0;
    while reached < backlog {
        // As long as it gets more, it is only slow.
        reached = eventually("more messages wait", || {
            std::thread::sleep(Duration::from_millis(200));
            Some(depth(&host)).filter(|depth| *depth > reached)
        });
    }
    let filled = running.end().accepted.len();
    println!("{filled} messages wait, accepted at {:.0}/s", filled as f64 / began.elapsed().as_secs_f64());
    assert_eq!(depth(&host), filled as u64);

    let mut ratios = Vec::new();
    let mut waiting = filled as u64;
    for pair in 1..=PAIRS {
        let empty = self::site(&healthy);
        let beside = Host::start(&empty);
        let alone = rate(&beside);
        beside.kill();
        let full = rate(&host);
        println!("pair {pair}: {alone:.0}/s accepted with an empty queue, {full:.0}/s with {waiting} in it");
        waiting = depth(&host);
        ratios.push(full / alone);
    }
    ratios.sort_by(f64::total_cmp);
    let ratio = ratios[PAIRS / 2];
    println!(
        "accept rate: {ratio:.2} of that with an empty queue (median of {PAIRS}, target {SHARE}): {}",
        verdict(ratio >= SHARE)
    );

    // A neighbour is not held up.
    let answer = host.send_and_wait("healthy", "+491701234567", "hello");
    assert_eq!(answer.status, 200, "{answer:?}");
    let (resident, peak) = (host.memory("VmRSS"), host.memory("VmHWM"));
    println!(
        "resident memory {} MB, at most {} MB: {}",
        resident / 1024,
        peak / 1024,
        verdict(peak < MEMORY_KIB)
    );
    let size = fs::metadata(gatepost_tests::database::file(&site.data())).unwrap().len();
    println!("database {} MB, {} bytes a message", size >> 20, size / waiting);
    host.kill();

    let (host, after_kill) = until_ready(&site);
    assert_eq!(depth(&host), waiting);
    println!("from start to ready after a kill: {after_kill:.2?}: {}", verdict(after_kill < START));
    let began = Instant::now();
    host.get("/metrics");
    println!("/metrics: {:.2?}", began.elapsed());
    assert_eq!(host.send_and_wait("healthy", "+491701234567", "hello").status, 200);
    let began = Instant::now();
    let resident = host.memory("VmRSS");
    assert_eq!(host.terminate().code(), Some(0));
    println!("resident after the start {} MB; stopped in {:.2?}", resident / 1024, began.elapsed());
    let (host, after_stop) = until_ready(&site);
    println!("from start to ready after a stop: {after_stop:.2?}: {}", verdict(after_stop < START));
    assert_eq!(host.terminate().code(), Some(0));
    assert!(peak < MEMORY_KIB && resident < MEMORY_KIB, "{peak} KiB, {resident} KiB");
}
