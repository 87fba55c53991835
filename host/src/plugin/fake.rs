//! A provider in the test's own process, for simulations on a paused clock.

use super::{Handle, ReceiptRequest, ServiceEvent, Submission};
use crate::message::{Outcome, OutcomeKind, Timestamp};
use futures_util::{FutureExt as _, future::BoxFuture};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

type Behaviour = dyn Fn(Submission) -> BoxFuture<'static, Outcome> + Send + Sync;

/// Notes what is submitted to it and does with it what the test says.
pub(crate) struct FakeProvider {
    submitted: Mutex<Vec<Submission>>,
    behaviour: Box<Behaviour>,
}

impl FakeProvider {
    pub(crate) fn new(
        behaviour: impl Fn(Submission) -> BoxFuture<'static, Outcome> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { submitted: Mutex::default(), behaviour: Box::new(behaviour) })
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
        (self.behaviour)(submission)
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
        std::future::ready(()).boxed()
    }

    fn stop(self: Arc<Self>) -> BoxFuture<'static, ()> {
        std::future::ready(()).boxed()
    }
}

/// The point in time at which simulations begin.
pub(crate) const NOON: Timestamp = Timestamp::from_millis(1_767_268_800_000);
