//! A gateway definition as a running thing: its provider and its limits. Rates, pauses and the breaker find their place here.

use crate::plugin::Handle;
use std::{fmt, sync::Arc, time::Duration};

/// How long a submit may take where neither the definition nor the provider says.
pub const SUBMIT_TIMEOUT: Duration = Duration::from_secs(30);

/// What the host adds to the provider's own total timeout, so that the provider speaks first.
pub const SUBMIT_GRACE: Duration = Duration::from_secs(5);

/// A running gateway.
#[derive(Clone)]
pub struct Gateway {
    /// Its name.
    pub name: Arc<str>,
    /// Its instance of the provider.
    pub handle: Arc<dyn Handle>,
    /// A message older than this is never submitted through it.
    pub valid_for: Duration,
    /// When a submit is cancelled, as `uncertain`.
    pub submit_timeout: Duration,
    /// Bound of submits whose outcome is not yet on disk.
    pub max_in_flight: usize,
}

impl Gateway {
    /// A gateway; `submit_timeout` as the definition has it.
    pub fn new(
        name: &str,
        handle: Arc<dyn Handle>,
        valid_for: Duration,
        submit_timeout: Option<Duration>,
        max_in_flight: usize,
    ) -> Self {
        let own = || handle.total_timeout().map(|total| total.saturating_add(SUBMIT_GRACE));
        let submit_timeout = submit_timeout.or_else(own).unwrap_or(SUBMIT_TIMEOUT);
        Self { name: name.into(), handle, valid_for, submit_timeout, max_in_flight: max_in_flight.max(1) }
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Whether messages go through a gateway now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatewayState {
    /// They do.
    Up,
}

impl GatewayState {
    /// The word used in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
        }
    }
}
