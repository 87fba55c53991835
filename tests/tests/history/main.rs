//! Lists of messages and the stream of events: complete, in order, while much goes on.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod events;
mod filters;
mod pages;
mod slow;
