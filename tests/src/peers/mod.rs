//! Real peers: programs that nobody here wrote, each in a folder and on a port of its own, ended when they are dropped.

pub mod certificates;
pub mod collector;
pub mod debian;
pub mod disk;
pub mod http_sink;
pub mod misbehaving;
pub mod nginx;
pub mod node;
pub mod postfix;
pub mod privacyidea;
pub mod process;
pub mod prometheus;
pub mod python;
pub mod proxy;
pub mod service;
pub mod service_manager;
pub mod sink;
pub mod smsc;
pub mod smtp;
pub mod terminal;
pub mod webhook_receiver;

use std::net::TcpListener;

/// A port that nobody listens on at the moment.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
