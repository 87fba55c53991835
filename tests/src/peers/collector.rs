//! A collector of traces, which decodes them with OpenTelemetry's own classes for Python.

use super::{free_port, process::Process, python::python};
use crate::tree;
use serde_json::Value;
use std::{fs, net::SocketAddr, path::PathBuf};
use tempfile::TempDir;

/// A collector on a port of its own.
#[derive(Debug)]
pub struct Collector {
    process: Process,
    folder: TempDir,
    port: u16,
}

impl Collector {
    /// Starts it. It takes what comes.
    pub fn start() -> Self {
        let (folder, port) = (TempDir::new().unwrap(), free_port());
        fs::write(folder.path().join("mode"), "ok").unwrap();
        let mut command = python();
        command.arg(tree::workspace().join("tests/peers/collector.py")).arg(port.to_string());
        command.arg(folder.path().join("spans")).arg(folder.path().join("mode"));
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let process = Process::start(&mut command, address, &folder.path().join("output"));
        Self { process, folder, port }
    }

    /// Its base address, as the configuration has it.
    pub fn otlp(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How it answers from now on: `ok`, `fail` or `hang`.
    pub fn say(&self, mode: &str) {
        let unfinished = self.file("mode.new");
        fs::write(&unfinished, mode).unwrap();
        fs::rename(unfinished, self.file("mode")).unwrap();
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Every span that came so far.
    pub fn spans(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.file("spans")).unwrap_or_default();
        // The last line may not be whole yet.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The spans of this message's trace: its id is the message's.
    pub fn trace(&self, id: &str) -> Vec<Value> {
        let trace = id.replace('-', "");
        self.spans().into_iter().filter(|span| span["trace"] == trace).collect()
    }

    /// What it has complained of.
    pub fn output(&self) -> String {
        self.process.output()
    }
}
