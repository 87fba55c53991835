//! What stands in for a provider that could not be built, through a fault of its own.

use super::{Handle, ReceiptRequest, ServiceEvent, Submission};
use crate::message::{Outcome, OutcomeKind};
use futures_util::{FutureExt as _, future::BoxFuture};
use std::{sync::Arc, time::Duration};

/// Refuses every message as `misconfigured`, with the reason.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Why there is no provider.
    pub reason: String,
}

impl Handle for Broken {
    fn submit(&self, _: Submission) -> BoxFuture<'static, Outcome> {
        std::future::ready(Outcome::new(OutcomeKind::Misconfigured, &*self.reason)).boxed()
    }

    fn total_timeout(&self) -> Option<Duration> {
        None
    }

    fn probe(&self) -> BoxFuture<'static, Result<String, Outcome>> {
        std::future::ready(Err(Outcome::new(OutcomeKind::Misconfigured, &*self.reason))).boxed()
    }

    fn parses_receipts(&self) -> bool {
        false
    }

    fn parse_receipts(&self, _: ReceiptRequest) -> BoxFuture<'static, Result<Vec<ServiceEvent>, Outcome>> {
        std::future::ready(Err(Outcome::new(OutcomeKind::Misconfigured, &*self.reason))).boxed()
    }

    fn start(&self) -> BoxFuture<'static, ()> {
        std::future::ready(()).boxed()
    }

    fn stop(self: Arc<Self>) -> BoxFuture<'static, ()> {
        std::future::ready(()).boxed()
    }
}
