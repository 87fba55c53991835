//! The two JSON documents of `POST /v1/messages`: the body is read, the answer is written.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark has nobody to report to but the terminal"
)]

use criterion::{Criterion, Throughput};
use gatepost::message::{Event, Message, MessageId, Priority, Recipient, Shown, State, Timestamp};
use serde_json::{Value, json};
use std::hint::black_box;

fn read(criterion: &mut Criterion) {
    let body = json!({
        "to": "+491701234567", "text": "Your code is 123456. It is valid for ten minutes.", "gateway": "smsc", "from": "ACME",
        "tag": "login", "priority": "high", "valid_for": "120s",
    });
    let body = body.to_string();
    let mut group = criterion.benchmark_group("POST /v1/messages");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("the body is read", |bencher| {
        bencher.iter(|| serde_json::from_slice::<Value>(black_box(body.as_bytes())).unwrap());
    });
    group.finish();
}

fn write(criterion: &mut Criterion) {
    let message = accepted();
    let answer = serde_json::to_vec(&Shown::from(&message)).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&answer).unwrap()["state"], "queued");
    let mut group = criterion.benchmark_group("POST /v1/messages");
    group.throughput(Throughput::Bytes(answer.len() as u64));
    group.bench_function("the answer is written", |bencher| {
        bencher.iter(|| serde_json::to_vec(&Shown::from(black_box(&message))).unwrap());
    });
    group.finish();
}

/// A message as it is answered with 202.
fn accepted() -> Message {
    let now = Timestamp::from_millis(1_767_268_800_000);
    Message {
        id: MessageId::new(),
        to: Recipient::new("+491701234567"),
        from: Some("ACME".into()),
        gateway: "smsc".into(),
        route: None,
        tag: Some("login".into()),
        priority: Priority::High,
        created_at: now,
        updated_at: now,
        expires_at: now,
        api_key: None,
        callback_url: None,
        state: State::Queued,
        reason: None,
        parts: 0,
        provider_ids: Vec::new(),
        attempts: Vec::new(),
        events: vec![Event { at: now, state: State::Queued }],
        receipts: Vec::new(),
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    read(&mut criterion);
    write(&mut criterion);
    criterion.final_summary();
}
