//! A receiver of webhooks, which verifies each of them with the library that applications use: PyPI's `standardwebhooks`.

use super::{free_port, process::Process, python::python};
use crate::eventually;
use serde_json::Value;
use std::{
    collections::HashSet,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// What the webhooks are signed with, as the configuration has it.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A receiver on a port of its own. Panics when it is dropped if it ever got what did not verify.
#[derive(Debug)]
pub struct WebhookReceiver {
    process: Option<Process>,
    folder: TempDir,
    port: u16,
}

/// A webhook that verified.
#[derive(Clone, Debug)]
pub struct Received {
    /// The path, with the query.
    pub path: String,
    /// Its `webhook-id`.
    pub id: String,
    /// All headers, their names in lower case.
    pub headers: Value,
    /// The body.
    pub body: Value,
    /// How the receiver answered: the word of [`WebhookReceiver::say`].
    pub mode: String,
    /// When it came, in seconds since 1970.
    pub at: f64,
}

impl WebhookReceiver {
    /// Starts it. It takes what comes.
    pub fn start() -> Self {
        let mut receiver = Self { process: None, folder: TempDir::new().unwrap(), port: free_port() };
        receiver.say("ok");
        receiver.come_back();
        receiver
    }

    /// Its origin.
    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// An address of it.
    pub fn url(&self, path: &str) -> String {
        self.origin() + path
    }

    /// How it answers from now on: `ok`, `fail`, `redirect`, `gone`, `missing`, `throttle`, `slow` or `hang`; what
    /// each means says the script.
    pub fn say(&self, mode: &str) {
        let unfinished = self.file("mode.new");
        fs::write(&unfinished, mode).unwrap();
        fs::rename(unfinished, self.file("mode")).unwrap();
    }

    /// Ends it: nobody listens there any more.
    pub fn go_down(&mut self) {
        self.process = None;
    }

    /// Starts it again after [`WebhookReceiver::go_down`], on the same port.
    pub fn come_back(&mut self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/webhook_receiver.py");
        let mut command = python();
        command.arg(script).arg(self.port.to_string()).arg(SECRET);
        command.arg(self.file("received")).arg(self.file("mode"));
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        self.process = Some(Process::start(&mut command, address, &self.file("output")));
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Everything that came so far. Panics if any of it did not verify.
    pub fn received(&self) -> Vec<Received> {
        let text = fs::read_to_string(self.file("received")).unwrap_or_default();
        // The last line may not be whole yet.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let read = |line: &str| {
            let mut line = serde_json::from_str::<Value>(line).unwrap();
            assert!(line["error"].is_null(), "a webhook does not verify: {line}");
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            Received {
                path: text(&line["path"]),
                id: text(&line["headers"]["webhook-id"]),
                mode: text(&line["mode"]),
                at: line["at"].as_f64().unwrap(),
                headers: line["headers"].take(),
                body: line["body"].take(),
            }
        };
        whole.lines().map(read).collect()
    }

    /// What it has taken so far: what it answered with success.
    pub fn taken(&self) -> Vec<Received> {
        self.received().into_iter().filter(|received| received.mode == "ok").collect()
    }

    /// Waits until it has taken these webhooks, in whatever order and with whatever else.
    pub fn until_taken(&self, ids: &[String]) -> Vec<Received> {
        eventually("the receiver has taken the webhooks", || {
            let taken = self.taken();
            let known = taken.iter().map(|received| received.id.as_str()).collect::<HashSet<_>>();
            ids.iter().all(|id| known.contains(id.as_str())).then_some(taken)
        })
    }

    /// Waits until so many requests came, whatever was answered.
    pub fn until_asked(&self, count: usize) -> Vec<Received> {
        eventually(&format!("the receiver was asked {count} times"), || {
            Some(self.received()).filter(|received| received.len() >= count)
        })
    }
}

impl Drop for WebhookReceiver {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.received();
        }
    }
}
