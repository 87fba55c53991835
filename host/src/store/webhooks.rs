//! What is to be told to others, until they have taken it.

/// What is to be told to others, until they have taken it.
pub trait Webhooks: Send + Sync {}
