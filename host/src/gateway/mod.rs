//! A gateway definition as a running thing: its provider, its limits, and whether messages go through it now.

mod breaker;
mod bucket;
mod gateways;
mod status;

pub use bucket::Bucket;
pub use gateways::Gateways;
pub use status::{Availability, Changes, GatewayState, Permit, Status};

pub use crate::config::Limits;
use crate::{
    message::{Outcome, OutcomeKind},
    plugin::Handle,
};
use std::{fmt, sync::Arc, time::Duration};

/// How long a submit may take where neither the definition nor the provider says.
pub const SUBMIT_TIMEOUT: Duration = Duration::from_secs(30);

/// What the host adds to the provider's own total timeout, so that the provider speaks first.
pub const SUBMIT_GRACE: Duration = Duration::from_secs(5);

/// The longest that somebody who probes a gateway waits for its service, however long a submit may take.
const PROBE: Duration = Duration::from_secs(30);

/// A running gateway.
#[derive(Clone)]
pub struct Gateway {
    /// Its name.
    pub name: Arc<str>,
    /// Its instance of the provider.
    pub handle: Arc<dyn Handle>,
    /// What its definition says.
    pub limits: Limits,
    /// When a submit is cancelled, as `uncertain`.
    pub submit_timeout: Duration,
    /// Whether messages go through it now.
    pub status: Arc<Status>,
}

impl Gateway {
    /// A gateway through which messages go.
    pub fn new(name: &str, handle: Arc<dyn Handle>, limits: Limits) -> Self {
        let own = || handle.total_timeout().map(|total| total.saturating_add(SUBMIT_GRACE));
        let submit_timeout = limits.submit_timeout.or_else(own).unwrap_or(SUBMIT_TIMEOUT);
        Self { name: name.into(), handle, limits, submit_timeout, status: Arc::default() }
    }

    /// Contacts the service behind it without sending a message, for as long as a submit may take and at most 30 s: one line for people.
    /// The gateway goes on as it is, whatever comes of it.
    ///
    /// # Errors
    /// What a submit would come to.
    pub async fn probe(&self) -> Result<String, Outcome> {
        let limit = self.submit_timeout.min(PROBE);
        tokio::time::timeout(limit, self.handle.probe()).await.unwrap_or_else(|_| {
            let detail = format!("no answer within {} s", limit.as_secs_f32());
            Err(Outcome::new(OutcomeKind::Unavailable, detail))
        })
    }

    /// The state, and why, for people. A service that the provider can't reach shows before a message has to.
    pub fn describe(&self) -> (GatewayState, String) {
        match (self.status.describe(), self.handle.trouble()) {
            ((GatewayState::Up, _), Some(trouble)) => (GatewayState::Down, trouble),
            (described, _) => described,
        }
    }

    /// Whether both are the same running thing, not only of the same name.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.status, &other.status)
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("name", &self.name).finish_non_exhaustive()
    }
}
