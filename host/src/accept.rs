//! Admission: a request becomes a message, and durable, or is refused with every reason at once.

use crate::{
    delivery::Delivery,
    message::{Clock, Message, MessageId, Outcome},
    store::{Store, StoreError},
};
use serde_json::Value;
use std::{sync::Arc, time::Duration};

/// Who asks.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// Name of the API key; `None` where the host has no keys.
    pub api_key: Option<String>,
}

/// One field of a request that can't be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// JSON pointer to the field: `/to`.
    pub pointer: String,
    /// What is wrong and how to mend it. Never the text's own words.
    pub detail: String,
}

/// Why a request was not accepted. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The request itself: every field that is wrong.
    #[error("the message has invalid fields")]
    Invalid(Vec<FieldError>),
    /// As many unfinished messages as `store.max_queued` allows, or too many requests wait for the disk.
    #[error("overloaded: {reason}")]
    Overloaded {
        /// Which bound was reached.
        reason: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// The store can't take it.
    #[error(transparent)]
    Store(StoreError),
    /// The host stops.
    #[error("the host is stopping")]
    Stopping,
}

/// An accepted message: on disk.
#[derive(Debug)]
pub struct Accepted {
    /// The message as it stands in the store: `queued`.
    pub message: Message,
    /// Resolves when the message is finished, if that was asked for.
    pub finished: Option<Waiter>,
}
