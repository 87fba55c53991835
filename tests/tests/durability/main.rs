//! `kill -9` at random moments: what was answered with 2xx is there afterwards, and delivered.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod disk;
mod kill;
mod route;
