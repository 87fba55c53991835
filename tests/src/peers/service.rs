//! A service that a script below `tests/peers` plays, on Python's own server. It answers as the path of a request says, and writes each
//! request down before it answers.

use super::{free_port, process::Process, python::python};
use crate::{eventually, tree};
use serde_json::Value;
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// A running service.
#[derive(Debug)]
pub struct Service {
    process: Process,
    folder: TempDir,
    port: u16,
}

impl Service {
    /// Starts `tests/peers/SCRIPT PORT FILE ARGUMENTS`, which writes what arrives into FILE.
    pub fn start(script: &str, arguments: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let port = free_port();
        let mut command = python();
        command.arg(tree::workspace().join("tests/peers").join(script)).arg(port.to_string());
        command.arg(requests(&folder)).args(arguments);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let process = Process::start(&mut command, address, &folder.path().join("output.txt"));
        Self { process, folder, port }
    }

    /// Its address without a path.
    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its folder, where its script may leave files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Every request that arrived so far, in the order in which they came.
    pub fn arrived(&self) -> Vec<Value> {
        let requests = fs::read_to_string(requests(&self.folder)).unwrap_or_default();
        let read = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}\n{}", self.output()));
        // The last line may be half written.
        requests.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(read).collect()
    }

    /// The only request that arrived.
    pub fn only(&self) -> Value {
        let mut arrived =
            eventually("a request arrives", || Some(self.arrived()).filter(|all| !all.is_empty()));
        assert_eq!(arrived.len(), 1, "{arrived:?}");
        arrived.remove(0)
    }

    /// What it has complained of.
    pub fn output(&self) -> String {
        self.process.output()
    }
}

fn requests(folder: &TempDir) -> PathBuf {
    folder.path().join("requests.jsonl")
}
