//! What became of messages: lists of them, and the stream of their changes.

/// What became of messages: lists of them, and the stream of their changes.
pub trait History: Send + Sync {}
