//! One run: a load, and what it came to.

use crate::{
    generator::{Generator, Pace, Request},
    ledger::Ledger,
};
use gatepost_tests::{
    eventually::eventually_within,
    statistics::percentile,
    usage::{self, Processor},
};
use std::{net::SocketAddr, ops::Range, process, thread, time::Duration};

/// Before each measurement, on the same connections: files grow, caches fill, the SMSC's bind comes to be.
const WARM_UP: Duration = Duration::from_secs(1);

/// More than any gateway takes in the time of a run.
const MOST: usize = 1_000_000;

/// How long what was accepted may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(300);

/// After the last arrival: outcomes are written, which belongs to the price, and a duplicate would come.
const SETTLE: Duration = Duration::from_millis(500);

/// What is measured.
pub(crate) struct Subject {
    pub(crate) address: SocketAddr,
    pub(crate) processes: Vec<u32>,
    pub(crate) request: Box<Request>,
}

/// What it is measured with.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    pub(crate) pace: Pace,
    /// It ends with this time, or after so many messages.
    pub(crate) time: Duration,
    pub(crate) most: usize,
    /// What is looked at: the way to the sink, or no further than the answer.
    pub(crate) until: Until,
}

impl Load {
    /// As fast as so many connections go, all the way, for this time.
    pub(crate) fn closed(connections: usize, time: Duration) -> Self {
        Self { connections, pace: Pace::Closed, time, most: MOST, until: Until::Arrival }
    }

    /// How many messages it may come to, with the warm-up.
    pub(crate) fn room(self) -> usize {
        MOST + self.most
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    Arrival,
    Answer,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// Messages a second.
    pub(crate) rate: f64,
    /// Milliseconds from request to arrival, or answer: p50, p99 and p99.9.
    pub(crate) took: [f64; 3],
    /// Microseconds of processor time for a message: of the subject, and of generator and sink together.
    pub(crate) cpu: f64,
    pub(crate) own_cpu: f64,
    /// The most memory that its processes had, in MiB.
    pub(crate) resident: f64,
}

/// A subject under load.
pub(crate) struct Running<'a> {
    subject: &'a Subject,
    ledger: &'a Ledger,
    generator: Generator,
    next: usize,
}

impl<'a> Running<'a> {
    /// Connects, and warms it up.
    pub(crate) fn start(subject: &'a Subject, ledger: &'a Ledger, load: Load) -> Self {
        let generator = Generator::open(subject.address, load.connections);
        let mut running = Self { subject, ledger, generator, next: 0 };
        running.send(Load { time: WARM_UP, most: MOST, ..load });
        running
    }

    /// Sends, and waits for what is waited for.
    fn send(&mut self, load: Load) -> Range<usize> {
        let numbers = self.next..(self.next + load.most).min(self.ledger.room());
        let sent = self.generator.send(self.ledger, numbers, load.time, load.pace, &self.subject.request);
        self.next = sent.end;
        if load.until == Until::Arrival {
            eventually_within(ARRIVAL, "everything arrives", || {
                (self.ledger.count() >= sent.end).then_some(())
            });
        }
        thread::sleep(SETTLE);
        sent
    }

    /// Sends, over the connections that there are, and looks at it.
    pub(crate) fn measure(&mut self, load: Load) -> Measured {
        let (ledger, processes, own) = (self.ledger, &self.subject.processes, [process::id()]);
        let before = [Processor::of(processes), Processor::of(&own)];
        let sent = self.send(load);
        let [cpu, own_cpu] = [Processor::of(processes) - before[0], Processor::of(&own) - before[1]];
        let (rate, took) = match load.until {
            Until::Arrival => {
                ledger.check(0..sent.end);
                (ledger.rate_of_arrivals(sent.clone()), ledger.to_arrival(sent.clone()))
            }
            Until::Answer => (ledger.rate_of_answers(sent.clone()), ledger.to_answer(sent.clone())),
        };
        let resident = processes.iter().map(|id| usage::memory(*id, "VmHWM")).sum::<u64>();
        Measured {
            rate,
            took: [0.5, 0.99, 0.999].map(|share| percentile(&took, share)),
            cpu: cpu.micros_each(sent.len()),
            own_cpu: own_cpu.micros_each(sent.len()),
            resident: resident as f64 / 1024.0,
        }
    }
}

/// One load on a subject that was just started.
pub(crate) fn run(subject: &Subject, ledger: &Ledger, load: Load) -> Measured {
    Running::start(subject, ledger, load).measure(load)
}
