//! A provider in the test's own process, for simulations on a paused clock.

use super::{Handle, ReceiptRequest, ServiceEvent, Submission};
use crate::message::{Outcome, OutcomeKind, Timestamp};
use futures_util::{FutureExt as _, future::BoxFuture};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

type Behaviour = dyn Fn(Submission) -> BoxFuture<'static, Outcome> + Send + Sync;

/// Notes what is submitted to it and does with it what the test says.
pub(crate) struct FakeProvider {
    submitted: Mutex<Vec<Submission>>,
    behaviour: Box<Behaviour>,
    life: Arc<Life>,
}

/// How the host treats it.
#[derive(Default)]
struct Life {
    running: AtomicUsize,
    started: AtomicUsize,
    stopped: AtomicUsize,
    /// It was stopped while it had something to do, or had something to do after that.
    misused: AtomicBool,
}

/// A submit, until it has ended or was cut off.
struct Running(Arc<Life>);

impl Running {
    fn begin(life: &Arc<Life>) -> Self {
        life.running.fetch_add(1, Ordering::Relaxed);
        if life.stopped.load(Ordering::Relaxed) > 0 {
            life.misused.store(true, Ordering::Relaxed);
        }
        Self(Arc::clone(life))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

impl FakeProvider {
    pub(crate) fn new(
        behaviour: impl Fn(Submission) -> BoxFuture<'static, Outcome> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { submitted: Mutex::default(), behaviour: Box::new(behaviour), life: Arc::default() })
    }

    /// Accepts everything, after `latency`.
    pub(crate) fn accepting(latency: Duration) -> Arc<Self> {
        Self::new(move |_| {
            async move {
                tokio::time::sleep(latency).await;
                Outcome::accepted(vec!["id-1".into()], 1)
            }
            .boxed()
        })
    }

    /// How often it was started and stopped. Panics if it was misused: each submit is over before the stop.
    pub(crate) fn starts_and_stops(&self) -> (usize, usize) {
        assert!(!self.life.misused.load(Ordering::Relaxed), "stopped under a submit");
        (self.life.started.load(Ordering::Relaxed), self.life.stopped.load(Ordering::Relaxed))
    }

    pub(crate) fn submitted(&self) -> Vec<Submission> {
        self.submitted.lock().unwrap().clone()
    }

    /// The texts that were submitted, in their order.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.submitted().iter().map(|submission| submission.content.text.expose().to_owned()).collect()
    }
}

impl Handle for FakeProvider {
    fn submit(&self, submission: Submission) -> BoxFuture<'static, Outcome> {
        self.submitted.lock().unwrap().push(submission.clone());
        let (running, submit) = (Running::begin(&self.life), (self.behaviour)(submission));
        async move {
            let _running = running;
            submit.await
        }
        .boxed()
    }

    fn total_timeout(&self) -> Option<Duration> {
        None
    }

    fn probe(&self) -> BoxFuture<'static, Result<String, Outcome>> {
        std::future::ready(Ok("nothing behind it".into())).boxed()
    }

    fn parses_receipts(&self) -> bool {
        true
    }

    /// One receipt: the body is the id, the query the status.
    fn parse_receipts(
        &self,
        request: ReceiptRequest,
    ) -> BoxFuture<'static, Result<Vec<ServiceEvent>, Outcome>> {
        let status = request.query.parse();
        let receipt = status.map(|status| ServiceEvent::Receipt {
            provider_id: String::from_utf8(request.body).unwrap(),
            spellings: Vec::new(),
            status,
            code: None,
            detail: None,
        });
        let refused = |()| Outcome::new(OutcomeKind::Rejected, "no receipt");
        std::future::ready(receipt.map(|receipt| vec![receipt]).map_err(refused)).boxed()
    }

    fn start(&self) -> BoxFuture<'static, ()> {
        self.life.started.fetch_add(1, Ordering::Relaxed);
        std::future::ready(()).boxed()
    }

    fn stop(self: Arc<Self>) -> BoxFuture<'static, ()> {
        self.life.stopped.fetch_add(1, Ordering::Relaxed);
        if self.life.running.load(Ordering::Relaxed) > 0 {
            self.life.misused.store(true, Ordering::Relaxed);
        }
        std::future::ready(()).boxed()
    }
}

/// The point in time at which simulations begin.
pub(crate) const NOON: Timestamp = Timestamp::from_millis(1_767_268_800_000);
