//! Tests that try to get in, and those that try to keep others out.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod attempts;
mod certificates;
mod commands;
mod crowds;
mod keys;
mod messages;
mod rates;
mod secrecy;
mod sizes;
mod slow;
mod tls;
