//! The time in which a gateway runs by one definition.

use crate::{gateway::Gateway, telemetry::metrics::GatewayMetrics};
use std::sync::Arc;
use tokio_util::task::{AbortOnDropHandle, TaskTracker, task_tracker::TaskTrackerToken};

/// A gateway's provider instance, from its start to its stop, which waits for the last submit through it.
pub(super) struct Tenure {
    pub(super) gateway: Gateway,
    /// Its figures, found once.
    pub(super) figures: Arc<GatewayMetrics>,
    /// Not waited for: a service that is slow to bind holds up neither the start nor the other gateways.
    starting: AbortOnDropHandle<()>,
    submits: TaskTracker,
}

impl Tenure {
    /// Starts the instance.
    pub(super) fn begin(gateway: Gateway, figures: Arc<GatewayMetrics>) -> Self {
        let starting = AbortOnDropHandle::new(tokio::spawn(gateway.handle.start()));
        Self { gateway, figures, starting, submits: TaskTracker::new() }
    }

    /// To be held as long as a submit goes on.
    pub(super) fn hold(&self) -> TaskTrackerToken {
        self.submits.token()
    }

    /// Stops the instance once its last submit has ended.
    pub(super) async fn end(self) {
        let Self { gateway, starting, submits, .. } = self;
        submits.close();
        submits.wait().await;
        drop(starting);
        Arc::clone(&gateway.handle).stop().await;
    }
}
