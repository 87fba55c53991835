//! What a submit costs through the plugin boundary, beside the same call without one.
//!
//! Three ways, each with one message and with a thousand in flight: a static call of an async function, the same spawned on a
//! runtime of its own, and the real thing, `Instance::submit` into a loaded library.

#![allow(clippy::unwrap_used, reason = "a benchmark has nobody to report to but the terminal")]

use futures_util::{StreamExt as _, stream};
use gatepost::{
    message::{Content, MessageId, Outcome, OutcomeKind, Recipient, Text, Timestamp},
    plugin::{Handle as _, Instance, Libraries, Submission},
};
use gatepost_provider_api::Definition;
use std::{
    future::Future,
    hint::black_box,
    process::Command,
    time::{Duration, Instant},
};

const AT_LEAST: Duration = Duration::from_secs(2);

fn submission() -> Submission {
    Submission {
        id: MessageId::new(),
        to: Recipient::new("+491701234567"),
        from: Some("ACME".into()),
        content: Content { text: Text::new("Your code is 123456"), title: None, data: None },
        tag: Some("login".into()),
        expires_at: Timestamp::from_millis(4_000_000_000_000),
        attempt: 1,
    }
}

async fn direct(submission: Submission) -> Outcome {
    black_box(&submission);
    Outcome::accepted(Vec::new(), 1)
}

/// Microseconds a submit, with `in_flight` of them at once.
async fn measure<F: Future<Output = Outcome>>(in_flight: usize, submit: impl Fn(Submission) -> F) -> f64 {
    let batch = in_flight.max(100) * 10;
    let (mut done, started) = (0, Instant::now());
    while started.elapsed() < AT_LEAST {
        let mut outcomes = stream::iter((0..batch).map(|_| submit(submission()))).buffer_unordered(in_flight);
        while let Some(outcome) = outcomes.next().await {
            assert_eq!(outcome.kind, OutcomeKind::Accepted, "{outcome:?}");
            done += 1;
        }
    }
    started.elapsed().as_secs_f64() * 1e6 / f64::from(done)
}

fn loaded() -> std::sync::Arc<Instance> {
    let target = std::env::current_exe().unwrap();
    let release = target.ancestors().nth(2).unwrap().to_owned();
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--package", "gatepost-provider-api", "--example", "noop"])
        .env("CARGO_TARGET_DIR", release.parent().unwrap())
        .status()
        .unwrap();
    assert!(built.success(), "the example does not build");
    let folder = tempfile::tempdir().unwrap();
    let plugins = folder.path().join("plugins");
    std::fs::create_dir(&plugins).unwrap();
    std::fs::copy(release.join("examples/libnoop.so"), plugins.join("noop.so")).unwrap();
    let libraries = Libraries::new(&folder.path().join("copies")).unwrap();
    let registry = libraries.find(&[plugins], None);
    let library = registry.provider("noop").unwrap();
    let definition = Definition { gateway: "bench".into(), ..Definition::default() };
    Instance::create(library, &definition, &[], None).unwrap().0
}

fn main() {
    let host = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let own = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let instance = loaded();
    println!("{:<42} {:>10} {:>12} {:>10}", "a submit that does nothing", "µs each", "submits/s", "x direct");
    for in_flight in [1, 1000] {
        let spawned = |submission| {
            let task = own.spawn(direct(submission));
            async move { task.await.unwrap() }
        };
        let rows = [
            ("static call", host.block_on(measure(in_flight, direct))),
            ("static call, spawned on its own runtime", host.block_on(measure(in_flight, spawned))),
            ("through the ABI", host.block_on(measure(in_flight, |submission| instance.submit(submission)))),
        ];
        let first = rows[0].1;
        for (name, each) in rows {
            let name = format!("{name}, {in_flight} in flight");
            println!("{name:<42} {each:>10.2} {:>12.0} {:>10.1}", 1e6 / each, each / first);
        }
    }
}
