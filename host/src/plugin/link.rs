//! What is known of the link between a provider and its service.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Why there is none, if it is known that there is none.
#[derive(Debug, Default)]
pub(super) struct Link(Mutex<Option<String>>);

impl Link {
    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There is one, or there is none.
    pub(super) fn is(&self, link: Result<(), String>) {
        *self.lock() = link.err();
    }

    /// Why there is none; `None`: there is one, or nobody has said.
    pub(super) fn trouble(&self) -> Option<String> {
        self.lock().clone()
    }
}
