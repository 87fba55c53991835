//! Whether a host lives, as whoever watches over the process wants to know it.

use crate::store::{Store, StoreError};
use std::sync::Arc;

/// Takes the pulse of a host that is running or stopping.
#[derive(Clone, Debug)]
pub struct Pulse {
    store: Arc<dyn Store>,
}

impl Pulse {
    pub(super) fn of(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// How many messages wait, as soon as the store's writer has answered. `None`: it is gone, at the end of the host or before.
    ///
    /// What it answers does not count: a start from anew makes no room on a disk that is full. That it does not answer while the disk
    /// hangs is seen by the time that this takes.
    pub async fn beat(&self) -> Option<u64> {
        match self.store.writable().await {
            Err(StoreError::Closed) => None,
            Ok(()) | Err(_) => Some(self.store.unfinished()),
        }
    }
}
