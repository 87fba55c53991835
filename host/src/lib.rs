//! Gatepost, a self-hosted delivery gateway for one-time passwords, alerts and push notifications.
//!
//! The modules stand in the order of a message's way; each uses only modules below it.

pub mod cli;
pub mod app;
pub mod api;
pub mod definitions;
pub mod accept;
pub mod route;
pub mod delivery;
pub mod gateway;
pub mod plugin;
pub mod store;
pub mod config;
pub mod message;
pub mod telemetry;
