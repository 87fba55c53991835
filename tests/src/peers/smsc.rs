//! An SMSC out of npm's packages, smpp. `tests/peers/smsc.js` says what it can be told.

use super::{certificates::Pair, free_port, node::node, process::Process};
use crate::{eventually, tree};
use serde_json::{Value, json};
use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};
use tempfile::TempDir;

/// A running SMSC.
#[derive(Debug)]
pub struct Smsc {
    process: Option<Process>,
    folder: TempDir,
    certificate: Option<Pair>,
    address: IpAddr,
    /// On 127.0.0.1, unless it was started elsewhere.
    pub port: u16,
}

impl Smsc {
    /// One that takes everything.
    pub fn start() -> Self {
        Self::speaking(None, Ipv4Addr::LOCALHOST.into())
    }

    /// One with TLS or without, at this address.
    pub fn speaking(certificate: Option<Pair>, address: IpAddr) -> Self {
        let folder = TempDir::new().unwrap();
        let mut smsc = Self { process: None, folder, certificate, address, port: free_port() };
        smsc.start_again();
        smsc
    }

    /// Kills it: its connections break, and nobody listens any more.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// After a kill, on the same port; what it was told is forgotten.
    pub fn start_again(&mut self) {
        fs::write(self.folder.path().join("orders.txt"), "").unwrap();
        let mut command = node();
        command.arg(tree::workspace().join("tests/peers/smsc.js")).arg(self.port.to_string());
        command.arg(self.folder.path().join("log.txt")).arg(self.folder.path().join("orders.txt"));
        command.env("LISTEN", self.address.to_string());
        if let Some(pair) = &self.certificate {
            command.arg(&pair.certificate).arg(&pair.key);
        }
        let address = SocketAddr::new(self.address, self.port);
        self.process = Some(Process::start(&mut command, address, &self.folder.path().join("output.txt")));
    }

    /// Gives an order, and waits until it is carried out.
    pub fn order(&self, order: &Value) {
        let before = self.events("ordered").len();
        let mut file = OpenOptions::new().append(true).open(self.folder.path().join("orders.txt")).unwrap();
        writeln!(file, "{order}").unwrap();
        self.until("ordered", before + 1);
    }

    /// Changes how it behaves.
    pub fn set(&self, settings: &Value) {
        self.order(&json!({ "set": settings }));
    }

    /// What happened, of one kind: the name of a PDU, `connected`, `closed`, `accepted`, `throttled`.
    pub fn events(&self, kind: &str) -> Vec<Value> {
        let log = fs::read_to_string(self.folder.path().join("log.txt")).unwrap_or_default();
        // The last line may not be whole yet.
        let events = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.filter(|event| event["event"] == kind).collect()
    }

    /// The parts of messages that it got.
    pub fn submits(&self) -> Vec<Value> {
        self.events("submit_sm")
    }

    /// Waits until so many of a kind have happened.
    pub fn until(&self, kind: &str, count: usize) -> Vec<Value> {
        eventually(&format!("{count} times {kind}"), || {
            Some(self.events(kind)).filter(|all| all.len() >= count)
        })
    }
}
