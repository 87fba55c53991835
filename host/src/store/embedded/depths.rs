//! How many messages wait in each queue, without asking the database.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

#[derive(Debug, Default)]
pub(super) struct Depths {
    queues: Mutex<HashMap<String, u64>>,
    total: AtomicU64,
}

impl Depths {
    pub(super) fn new(queues: HashMap<String, u64>) -> Self {
        let total = AtomicU64::new(queues.values().sum());
        Self { queues: Mutex::new(queues), total }
    }

    /// What a transaction changed, once it is on disk.
    pub(super) fn apply(&self, changes: HashMap<String, i64>) {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        for (gateway, change) in changes {
            let depth = queues.entry(gateway).or_default();
            *depth = depth.saturating_add_signed(change);
        }
        queues.retain(|_, depth| *depth > 0);
        self.total.store(queues.values().sum(), Ordering::Relaxed);
    }

    /// By name of the gateway.
    pub(super) fn all(&self) -> Vec<(String, u64)> {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = queues.iter().map(|(gateway, depth)| (gateway.clone(), *depth)).collect::<Vec<_>>();
        all.sort();
        all
    }

    pub(super) fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }
}
