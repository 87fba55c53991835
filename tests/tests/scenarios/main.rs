//! What an application and an operator see of a host with the providers that ship with it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod bad_input;
mod check;
mod configuration;
mod delivery;
mod providers;
mod secrecy;
mod routes;
mod send;
mod shutdown;
mod tree;
