//! What services say later of what they took: stored, matched, told.

use super::{
    respelt::Respelling,
    trace,
    webhooks::{Inbound, Webhooks},
};
use crate::{
    message::{Clock, MessageId, Receipt, State},
    plugin::{NotStored, ServiceEvent, Sink},
    store::{Matched, Received, Store, StoreError},
    telemetry::metrics::{GatewayMetrics, Metrics},
};
use futures_util::{FutureExt as _, future::BoxFuture};
use std::{fmt, sync::Arc};
use tokio::runtime::Handle;

/// Receipts in one transaction.
const PIECE: usize = 500;

/// Takes the events of all gateways. Exists before the gateways do, whose providers may have something to say from their start on.
#[derive(Clone)]
pub struct Inbox {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Clock,
    pub(super) metrics: Arc<Metrics>,
    pub(super) webhooks: Arc<Webhooks>,
    pub(super) respelling: Arc<Respelling>,
    /// The host's own: providers call from theirs.
    runtime: Handle,
}

impl Inbox {
    /// Puts events into `store`, and has them told by `webhooks`. Needs a tokio runtime.
    pub fn new(store: Arc<dyn Store>, clock: Clock, metrics: Arc<Metrics>, webhooks: Arc<Webhooks>) -> Self {
        let respelling = Arc::default();
        Self { store, clock, metrics, webhooks, respelling, runtime: Handle::current() }
    }

    /// Stores what a service said; resolves when it is on disk. May be polled on any thread, within any runtime or none.
    ///
    /// # Errors
    /// The store can't take it: the service is to send all of it again.
    ///
    /// # Cancellation
    /// What was begun is done: who waits for a change is told of it, whoever has hung up.
    pub async fn take(&self, gateway: &str, events: Vec<ServiceEvent>) -> Result<(), StoreError> {
        let (inbox, gateway) = (self.clone(), gateway.to_owned());
        let taken = self.runtime.spawn(async move { inbox.put(&gateway, events).await });
        taken.await.unwrap_or(Err(StoreError::Closed))
    }

    pub(super) async fn put(&self, gateway: &str, events: Vec<ServiceEvent>) -> Result<(), StoreError> {
        let (at, figures) = (self.clock.now(), self.metrics.gateway(gateway));
        let (mut receipts, mut inbound) = (Vec::with_capacity(events.len()), Vec::new());
        for event in events {
            let gateway = gateway.to_owned();
            match event {
                ServiceEvent::Receipt { provider_id, spellings, status, code, detail } => {
                    receipts.push(Receipt { gateway, provider_id, spellings, status, code, detail, at });
                }
                ServiceEvent::Inbound { from, to, text } => {
                    inbound.push(Inbound { gateway, from, to, text, at });
                }
            }
        }
        // In pieces: a large one would keep accepts waiting for the disk. What is sent again changes nothing.
        for receipts in receipts.chunks(PIECE) {
            let received = self.store.receive(receipts.to_vec()).await?;
            for (receipt, received) in receipts.iter().zip(received) {
                self.tell(&figures, receipt, &received);
            }
        }
        for inbound in inbound {
            self.webhooks.inbound(inbound).await?;
        }
        Ok(())
    }

    fn tell(&self, figures: &GatewayMetrics, receipt: &Receipt, received: &Received) {
        let Receipt { gateway, provider_id, status, code, at, .. } = receipt;
        figures.receipt(status.as_str(), matches!(received, Received::Matched(_)));
        match received {
            Received::Matched(Matched { id, moved, callback_url }) => {
                tracing::debug!(%id, gateway, provider_id, status = status.as_str(), code, "receipt");
                self.metrics.traces.record(|| trace::receipt(*id, gateway, *at, status.as_str(), *moved));
                if let Some(state) = *moved {
                    moved_on(figures, *id, gateway, state, code.as_deref());
                    self.webhooks.wake(callback_url.as_deref());
                }
            }
            Received::Unmatched | Received::Open => {
                if *received == Received::Open {
                    self.respelling.came(gateway, receipt.at);
                }
                tracing::debug!(
                    gateway,
                    provider_id,
                    status = status.as_str(),
                    code,
                    "a receipt for no message yet"
                );
            }
        }
    }
}

/// A receipt took a message from `sent` to its last state.
pub(super) fn moved_on(
    figures: &GatewayMetrics,
    id: MessageId,
    gateway: &str,
    state: State,
    code: Option<&str>,
) {
    figures.finished(state.as_str(), None);
    tracing::info!(%id, gateway, state = state.as_str(), code, "receipt of a message");
}

impl Sink for Inbox {
    fn deliver(&self, gateway: &str, event: ServiceEvent) -> BoxFuture<'static, Result<(), NotStored>> {
        let (inbox, gateway) = (self.clone(), gateway.to_owned());
        async move { inbox.take(&gateway, vec![event]).await.map_err(|error| NotStored(error.to_string())) }
            .boxed()
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}
