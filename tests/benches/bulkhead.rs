//! Whether a gateway whose service hangs holds up its neighbour: the healthy one's p99 from request to answer at 200 messages a second, alone
//! and beside one that hangs for 30 s on each submit. Pairs alternate, and the median of five counts.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark has nobody to report to but the terminal"
)]

use gatepost_tests::{
    Host, Site, client,
    peers::{misbehaving::Misbehaving, nginx::Nginx},
    statistics::median,
};
use serde_json::json;
use std::{
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

const PAIRS: usize = 5;
const CLIENTS: u32 = 10;
const PER_SECOND: u32 = 200;
const EACH: Duration = Duration::from_secs(5);

/// Messages that wait for the gateway that hangs: more than it takes at once.
const STUCK: usize = 500;

/// What the target allows: 10 % more, or 2 ms.
const SHARE: f64 = 1.1;
const SLACK: Duration = Duration::from_millis(2);

fn site(healthy: &Nginx, hanging: &Misbehaving) -> Site {
    Site::new(&format!(
        "[gateways.healthy]\nprovider = \"http\"\nparameters = {{ URL = \"{}/\" }}\n\
         [gateways.hanging]\nprovider = \"http\"\nparameters = {{ URL = \"http://{}/\", TIMEOUT = 30 }}\n",
        healthy.origin(),
        hanging.address
    ))
}

/// The healthy gateway's p99.
fn p99(healthy: &Nginx, hanging: &Misbehaving, beside: bool) -> Duration {
    let site = site(healthy, hanging);
    let host = Host::start(&site);
    if beside {
        let stuck = json!({ "to": "+491701234567", "text": "stuck", "gateway": "hanging" });
        for _ in 0..STUCK {
            assert_eq!(host.post("/v1/messages", &stuck).status, 202);
        }
    }
    let took = Arc::new(Mutex::new(Vec::new()));
    let began = Instant::now();
    let clients = (0..CLIENTS).map(|number| {
        let (took, url, http) = (Arc::clone(&took), host.url("/v1/messages?wait=10"), client::new());
        thread::spawn(move || {
            let pause = Duration::from_secs(1) * CLIENTS / PER_SECOND;
            // Each in its own beat, so that they don't come in bursts.
            let mut next = began + pause * number / CLIENTS;
            while next < began + EACH {
                thread::sleep(next.saturating_duration_since(Instant::now()));
                let sent = Instant::now();
                let message = json!({ "to": "+491701234567", "text": "hello", "gateway": "healthy" });
                let answer = client::send(http.post(&url).json(&message)).unwrap();
                assert_eq!(answer.status, 200, "{answer:?}");
                took.lock().unwrap().push(sent.elapsed());
                next += pause;
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.join().unwrap();
    }
    host.kill();
    let mut took = took.lock().unwrap().clone();
    took.sort();
    took[took.len() * 99 / 100]
}

fn main() {
    let (healthy, hanging) = (Nginx::start(), Misbehaving::start(|connection| connection.hang()));
    let mut differences = Vec::new();
    println!("p99 of 200 messages/s through a healthy gateway, request to answer with the outcome");
    for pair in 1..=PAIRS {
        let (alone, beside) = (p99(&healthy, &hanging, false), p99(&healthy, &hanging, true));
        println!("pair {pair}: alone {alone:>10.3?}, beside one that hangs {beside:>10.3?}");
        differences.push((beside.as_secs_f64() / alone.as_secs_f64(), beside.saturating_sub(alone)));
    }
    let (ratios, more): (Vec<_>, Vec<_>) =
        differences.iter().map(|(ratio, more)| (*ratio, more.as_secs_f64())).unzip();
    let (ratio, more) = (median(&ratios), median(&more));
    let within = ratio <= SHARE || more <= SLACK.as_secs_f64();
    println!(
        "median: {ratio:.2} times, {:.2} ms more: {} (at most {SHARE} times, or {SLACK:?} more)",
        more * 1000.0,
        if within { "within the target" } else { "over the target" }
    );
}
