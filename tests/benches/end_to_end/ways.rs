//! The ways of a message, each with its sink.

use crate::{
    gateway::{self, Gatepost, WINDOW},
    ledger::Ledger,
    run::{Load, Measured, Running, run},
};
use gatepost_tests::{
    in_seconds,
    peers::{
        http_sink::HttpSink,
        sink::{Sink, Told},
    },
};
use std::{sync::Arc, time::Duration};

/// An SMSC that takes its time, and as many messages as its window lets through in five seconds.
pub(crate) const LATENCY: Duration = Duration::from_millis(50);
const SLOW_MESSAGES: usize = WINDOW * 20 * 5;

/// As many messages a second as the window lets through with [`LATENCY`].
pub(crate) fn limit() -> f64 {
    WINDOW as f64 / LATENCY.as_secs_f64()
}

/// A load that ends when the window has let its messages through.
pub(crate) fn slow_load() -> Load {
    Load { most: SLOW_MESSAGES, ..Load::closed(50, Duration::from_secs(60)) }
}

/// A ledger, and what tells it of arrivals.
pub(crate) fn ledger(messages: usize) -> (Arc<Ledger>, Box<Told>) {
    let ledger = Arc::new(Ledger::new(messages));
    let told = Arc::clone(&ledger);
    (ledger, Box::new(move |text| told.arrived(text)))
}

/// No further than to the disk: the messages are due tomorrow.
pub(crate) fn accept(load: Load) -> Measured {
    let (ledger, _) = ledger(load.room());
    let gatepost = Gatepost::start("");
    let tomorrow = format!(",\"send_at\":\"{}\"", in_seconds(86_400));
    run(&gatepost.subject("outbox", tomorrow), &ledger, load)
}

/// To an SMSC that answers after `latency`.
pub(crate) fn smpp(load: Load, latency: Duration) -> Measured {
    with_smpp(load, latency, |running| running.measure(load))
}

/// To an SMSC that answers after `latency`, with what is to be measured there.
pub(crate) fn with_smpp<T>(load: Load, latency: Duration, measure: impl FnOnce(&mut Running<'_>) -> T) -> T {
    let (ledger, told) = ledger(load.room());
    let sink = Sink::telling(latency, told);
    let gatepost = Gatepost::start(&gateway::smpp("smsc", sink.address.port()));
    measure(&mut Running::start(&gatepost.subject("smsc", String::new()), &ledger, load))
}

/// To an HTTP service.
pub(crate) fn http(load: Load) -> Measured {
    let (ledger, told) = ledger(load.room());
    let sink = HttpSink::telling(told);
    let gatepost = Gatepost::start(&gateway::http("service", sink.address));
    run(&gatepost.subject("service", String::new()), &ledger, load)
}
