//! Parts that wait for their turn on any of the binds.

use crate::{
    link::Submit,
    outcome::{self, PartEnd},
    pace::Pace,
};
use gatepost_provider_api::{
    SubmitError,
    tokio::{sync::Notify, time::Instant},
};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// The parts of one message, as whoever submits it sees them.
pub(crate) struct Parts {
    ends: Mutex<Ends>,
    changed: Notify,
    /// How long they wait for their turn.
    patience: Duration,
    withdrawn: AtomicBool,
}

struct Ends {
    /// In the order of the parts; those that have not ended wait.
    found: Vec<PartEnd>,
    left: usize,
}

impl Parts {
    /// For these PDUs, which wait so long for their turn, and a job for each.
    pub(crate) fn new(pdus: Vec<Submit>, patience: Duration) -> (Arc<Self>, Vec<Job>) {
        let ends = Ends { found: vec![PartEnd::Waited; pdus.len()], left: pdus.len() };
        let parts = Arc::new(Self {
            ends: Mutex::new(ends),
            changed: Notify::new(),
            patience,
            withdrawn: AtomicBool::new(false),
        });
        let job =
            |(number, pdu)| Job { pdu, number, parts: Arc::clone(&parts), throttled: None, is_over: false };
        let jobs = pdus.into_iter().enumerate().map(job).collect();
        (parts, jobs)
    }

    fn ends(&self) -> MutexGuard<'_, Ends> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, number: usize, end: PartEnd) {
        let mut ends = self.ends();
        ends.left -= 1;
        let tells = ends.left == 0 || !matches!(end, PartEnd::Accepted(_));
        if let Some(place) = ends.found.get_mut(number) {
            *place = end;
        }
        drop(ends);
        if tells {
            self.changed.notify_one();
        }
    }

    /// Resolves when all have ended, or one of them without having been accepted.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// How they ended, once all have.
    pub(crate) fn over(&self) -> Option<Vec<PartEnd>> {
        let mut ends = self.ends();
        (ends.left == 0).then(|| std::mem::take(&mut ends.found))
    }

    /// Those that wait are not to be sent any more.
    pub(crate) fn withdraw(&self) {
        self.withdrawn.store(true, Ordering::Relaxed);
    }

    pub(crate) fn are_withdrawn(&self) -> bool {
        self.withdrawn.load(Ordering::Relaxed)
    }
}

/// A part of a message on its way. No `Debug`: it holds number and text.
pub(crate) struct Job {
    pub(crate) pdu: Submit,
    number: usize,
    parts: Arc<Parts>,
    /// The SMSC has refused it for now.
    throttled: Option<u32>,
    is_over: bool,
}

impl Job {
    pub(crate) fn ended(mut self, end: PartEnd) {
        self.is_over = true;
        self.parts.end(self.number, end);
    }

    /// It did not get its turn, while the binds were so.
    fn gave_up(self, links: &Links) {
        let end = match (self.throttled, links) {
            (Some(status), _) => PartEnd::Refused(status),
            (None, Links::Up(_)) => PartEnd::Waited,
            // Others have used up nothing. The try that it waited for may have just as long as it had, and says the same.
            (None, Links::Starting) => PartEnd::NoLink(outcome::late("binding", self.parts.patience)),
            (None, Links::Down(error)) => PartEnd::NoLink(error.clone()),
        };
        self.ended(end);
    }

    fn is_withdrawn(&self) -> bool {
        self.parts.are_withdrawn()
    }
}

/// Whatever becomes of it, whoever waits is told.
impl Drop for Job {
    fn drop(&mut self) {
        if !self.is_over {
            self.parts.end(self.number, PartEnd::Unanswered("the gateway stopped".into()));
        }
    }
}

/// What a bind that has room gets.
pub(crate) enum Turn {
    Of(Job),
    NotBefore(Instant),
    Nobody,
}

/// How the binds are.
#[derive(Clone, Debug)]
enum Links {
    /// So many can send, or the first try is not over.
    Up(usize),
    Starting,
    /// The last try failed.
    Down(SubmitError),
}

struct State {
    waiting: VecDeque<Job>,
    pace: Pace,
    links: Links,
}

/// Shared by the submits and the binds. Bounded by the submits, of which the host has `max_in_flight` at once.
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Something waits.
    pub(crate) wake: Notify,
}

impl Queue {
    pub(crate) fn new(tps: Option<f64>) -> Self {
        let pace = Pace::new(tps, Instant::now());
        let state = State { waiting: VecDeque::new(), pace, links: Links::Starting };
        Self { state: Mutex::new(state), wake: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a message's parts.
    pub(crate) fn push(&self, jobs: Vec<Job>) {
        let mut state = self.state();
        if let Links::Down(error) = &state.links {
            let error = error.clone();
            drop(state);
            jobs.into_iter().for_each(|job| job.ended(PartEnd::NoLink(error.clone())));
            return;
        }
        for job in jobs {
            state.waiting.push_back(job);
            self.wake.notify_one();
        }
    }

    /// Back to where it came from: it was not written, or is to be sent again.
    pub(crate) fn put_back(&self, job: Job) {
        let mut state = self.state();
        if job.is_withdrawn() {
            job.gave_up(&state.links);
            return;
        }
        if let Links::Down(error) = &state.links {
            let end = PartEnd::NoLink(error.clone());
            drop(state);
            job.ended(end);
            return;
        }
        state.waiting.push_front(job);
        self.wake.notify_one();
    }

    /// The SMSC has had enough: everything goes more slowly, and this part again.
    pub(crate) fn throttled(&self, mut job: Job, status: u32) {
        self.state().pace.complain(Instant::now());
        job.throttled = Some(status);
        self.put_back(job);
    }

    /// The SMSC has taken a part.
    pub(crate) fn taken(&self, now: Instant) {
        self.state().pace.taken(now);
    }

    /// The next part that still wants to go.
    pub(crate) fn next(&self) -> Turn {
        let mut state = self.state();
        while state.waiting.front().is_some_and(Job::is_withdrawn) {
            if let Some(job) = state.waiting.pop_front() {
                job.gave_up(&state.links);
            }
        }
        if state.waiting.is_empty() {
            return Turn::Nobody;
        }
        if let Err(next) = state.pace.take(Instant::now()) {
            return Turn::NotBefore(next);
        }
        state.waiting.pop_front().map_or(Turn::Nobody, Turn::Of)
    }

    /// What is withdrawn and waits ends now.
    pub(crate) fn sweep(&self) {
        let mut state = self.state();
        let (withdrawn, waiting) =
            std::mem::take(&mut state.waiting).into_iter().partition::<Vec<_>, _>(Job::is_withdrawn);
        state.waiting = waiting.into();
        withdrawn.into_iter().for_each(|job| job.gave_up(&state.links));
    }

    /// A bind can send.
    pub(crate) fn up(&self) {
        let mut state = self.state();
        state.links = match state.links {
            Links::Up(count) => Links::Up(count + 1),
            _ => Links::Up(1),
        };
        drop(state);
        self.wake.notify_one();
    }

    /// One that could send is gone. What waits has longer to: until the next try has failed.
    pub(crate) fn lost(&self) {
        let mut state = self.state();
        state.links = match state.links {
            Links::Up(count) if count > 1 => Links::Up(count - 1),
            _ => Links::Starting,
        };
    }

    /// A try to bind failed: where no other bind can send, nothing waits for it.
    pub(crate) fn failed(&self, error: &SubmitError) {
        let mut state = self.state();
        if matches!(state.links, Links::Up(_)) {
            return;
        }
        state.links = Links::Down(error.clone());
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(|job| job.ended(PartEnd::NoLink(error.clone())));
    }

    /// How many binds can send.
    pub(crate) fn links(&self) -> usize {
        match self.state().links {
            Links::Up(count) => count,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatepost_provider_api::{Verdict, tokio};
    use rusmpp::pdus::SubmitSm;

    /// How the only part of a message ends that is withdrawn before it gets its turn.
    fn withdrawn(queue: &Queue) -> PartEnd {
        let (parts, jobs) = Parts::new(vec![Submit::new(&SubmitSm::default())], Duration::from_millis(2500));
        queue.push(jobs);
        parts.withdraw();
        queue.sweep();
        parts.over().unwrap().remove(0)
    }

    #[tokio::test]
    async fn what_gets_no_turn_has_waited_for_others_only_where_there_is_a_bind() {
        let queue = Queue::new(None);
        let is_unavailable = |end: PartEnd, why: &str| match end {
            PartEnd::NoLink(error) => {
                assert_eq!((error.verdict, error.detail.as_str()), (Verdict::Unavailable, why))
            }
            other => panic!("{other:?}"),
        };
        is_unavailable(withdrawn(&queue), "binding: not done within 2.5 s");
        queue.up();
        assert_eq!(withdrawn(&queue), PartEnd::Waited);
        queue.lost();
        is_unavailable(withdrawn(&queue), "binding: not done within 2.5 s");
        queue.failed(&SubmitError::unavailable("connection refused"));
        is_unavailable(withdrawn(&queue), "connection refused");
    }
}
