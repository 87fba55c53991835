//! What services say later of what they took.

/// What services say later of what they took.
pub trait Receipts: Send + Sync {}
