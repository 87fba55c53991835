//! What is counted and measured of each bind, for the host's `/metrics`.

use crate::{config::Bind, outcome};
use gatepost_provider_api::{Figure, Histogram};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// From an SMSC next door to one that answers just before the default of RESPONSE_TIMEOUT, in seconds.
const ROUND_TRIP: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 10.0];

/// How a bind is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    #[default]
    Unbound,
    /// Connecting, or waiting for the answer.
    Binding,
    Bound,
}

impl State {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Unbound, "unbound"), (Self::Binding, "binding"), (Self::Bound, "bound")];
}

/// One bind's.
pub(crate) struct Counts {
    pub(crate) state: State,
    /// Parts without an answer.
    pub(crate) unanswered: usize,
    /// How often it was bound.
    bound: u64,
    pub(crate) submits: u64,
    /// By the name of their status.
    responses: BTreeMap<&'static str, u64>,
    /// Parts that were written and got no answer, before their time was over or the link broke.
    pub(crate) lost: u64,
    round_trip: Histogram,
    enquiry: Histogram,
}

impl Counts {
    fn new() -> Self {
        let (round_trip, enquiry) = (Histogram::new(&ROUND_TRIP), Histogram::new(&ROUND_TRIP));
        let (state, responses) = (State::default(), BTreeMap::new());
        Self { state, unanswered: 0, bound: 0, submits: 0, responses, lost: 0, round_trip, enquiry }
    }

    pub(crate) fn bound(&mut self) {
        self.state = State::Bound;
        self.bound += 1;
    }

    /// A part was answered.
    pub(crate) fn answered(&mut self, status: u32, took: Duration) {
        // A number that nobody has defined must not become a series of its own.
        let name = outcome::known_name(status).unwrap_or("other");
        *self.responses.entry(name).or_default() += 1;
        self.round_trip.observe(took.as_secs_f64());
    }

    /// An enquire_link was answered.
    pub(crate) fn alive(&mut self, took: Duration) {
        self.enquiry.observe(took.as_secs_f64());
    }
}

/// Those of all binds, in the order of the definition.
pub(crate) struct Figures {
    binds: Vec<(Bind, Mutex<Counts>)>,
}

impl Figures {
    pub(crate) fn new(binds: &[Bind]) -> Self {
        Self { binds: binds.iter().map(|bind| (*bind, Mutex::new(Counts::new()))).collect() }
    }

    /// All binds, with what is counted of each.
    pub(crate) fn binds(&self) -> &[(Bind, Mutex<Counts>)] {
        &self.binds
    }

    /// All of them as they stand.
    pub(crate) fn now(&self) -> Vec<Figure> {
        let numbered = (1..).zip(&self.binds);
        numbered.flat_map(|(number, (bind, counts))| figures(number, *bind, &locked(counts))).collect()
    }
}

/// One thing at a time is counted.
pub(crate) fn locked(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One of each name, for the documentation.
pub(crate) fn declared() -> Vec<Figure> {
    let mut counts = Counts::new();
    counts.answered(0, Duration::ZERO);
    figures(1, Bind::Transceiver, &counts)
}

fn figures(number: usize, bind: Bind, counts: &Counts) -> Vec<Figure> {
    let of_bind = |figure: Figure| figure.label("bind", number.to_string()).label("kind", bind.name());
    let state = |(state, name): (State, &str)| {
        let help = "1 for the state that the bind is in: `unbound`, `binding` or `bound`.";
        of_bind(Figure::gauge("bind_state", help, f64::from(u8::from(state == counts.state))))
            .label("state", name)
    };
    let mut all = State::ALL.map(state).to_vec();
    all.push(of_bind(Figure::counter(
        "rebinds",
        "How often the bind was made again after the first time.",
        counts.bound.saturating_sub(1),
    )));
    let help = "How long enquire_links took to be answered.";
    all.push(of_bind(Figure::histogram("enquire_link", help, counts.enquiry.clone()).unit("seconds")));
    if bind == Bind::Receiver {
        return all;
    }
    let help = "Parts of messages without an answer yet: as many as WINDOW at the most.";
    all.push(of_bind(Figure::gauge("window_used", help, counts.unanswered as f64)));
    let help = "Parts of messages that were given to the connection.";
    all.push(of_bind(Figure::counter("submits", help, counts.submits)));
    let help =
        "Parts that were written and not answered, before RESPONSE_TIMEOUT was over or the connection broke.";
    all.push(of_bind(Figure::counter("unanswered", help, counts.lost)));
    let help = "From giving a part to the connection to its answer.";
    all.push(of_bind(Figure::histogram("round_trip", help, counts.round_trip.clone()).unit("seconds")));
    let help = "Answers to parts, by the name of their command_status; `other` where it has none.";
    all.extend(
        counts.responses.iter().map(|(status, count)| {
            of_bind(Figure::counter("responses", help, *count)).label("status", *status)
        }),
    );
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_smsc_invents_makes_no_series() {
        let mut counts = Counts::new();
        for status in 0x400..0x500 {
            counts.answered(status, Duration::from_millis(3));
        }
        counts.answered(0x58, Duration::from_secs(60));
        assert_eq!(
            counts.responses.into_iter().collect::<Vec<_>>(),
            [("ESME_RTHROTTLED", 1), ("other", 256)]
        );
        assert_eq!((counts.round_trip.buckets[2], counts.round_trip.count), ((0.005, 256), 257));
    }

    #[test]
    fn all_binds_that_can_be_configured_fit_into_what_the_host_shows() {
        let binds = [Bind::Transmitter, Bind::Receiver].repeat(64);
        let figures = Figures::new(&binds);
        for (_, counts) in figures.binds() {
            for status in [0, 0x58, 0x14, 0x08, 0x0b] {
                locked(counts).answered(status, Duration::ZERO);
            }
        }
        let all = figures.now();
        assert!(all.len() <= 2_000, "{}", all.len());
        for declared in declared() {
            assert!(all.iter().any(|figure| figure.name == declared.name && figure.help == declared.help));
        }
    }
}
