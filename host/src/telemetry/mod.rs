//! x
pub mod redact;
