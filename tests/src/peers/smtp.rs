//! An SMTP server out of Python's packages, aiosmtpd, and mails as Python reads them. `tests/peers/smtp_server.py` says what it does for
//! which recipient.

use super::{certificates::Pair, free_port, process::Process, python::python};
use crate::{eventually, tree};
use serde_json::Value;
use std::{fs, io::Write as _, net::SocketAddr, path::PathBuf, process::Stdio};
use tempfile::TempDir;

/// How the server is to speak.
#[derive(Clone, Debug, Default)]
pub struct Speaking {
    /// Its certificate; none without TLS.
    pub certificate: Option<Pair>,
    /// TLS from the first byte, and not by STARTTLS.
    pub implicit: bool,
    /// The mechanisms that it offers; if there are any, it takes no mail without authentication.
    pub auth: &'static [&'static str],
}

/// The user that servers here know, and the password.
pub const USER: &str = "gatepost@peer.test";
/// See [`USER`].
pub const PASSWORD: &str = "smtp-pass-5521";

/// A running server.
#[derive(Debug)]
pub struct SmtpServer {
    process: Option<Process>,
    folder: TempDir,
    speaking: Speaking,
    /// On 127.0.0.1.
    pub port: u16,
}

impl SmtpServer {
    /// One without TLS and authentication.
    pub fn start() -> Self {
        Self::speaking(&Speaking::default())
    }

    /// One that speaks so.
    pub fn speaking(speaking: &Speaking) -> Self {
        let folder = TempDir::new().unwrap();
        let mut server = Self { process: None, folder, speaking: speaking.clone(), port: free_port() };
        server.start_again();
        server
    }

    /// Kills it: its connections break, and nobody listens any more.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// After a kill, on the same port.
    pub fn start_again(&mut self) {
        let mut command = python();
        command
            .arg(script("smtp_server.py"))
            .args(["--port", &self.port.to_string(), "--log"])
            .arg(self.log());
        command.args(["--auth", &self.speaking.auth.join(","), "--user", USER, "--password", PASSWORD]);
        if let Some(pair) = &self.speaking.certificate {
            command.args(["--tls", if self.speaking.implicit { "tls" } else { "starttls" }]);
            command.arg("--certificate").arg(&pair.certificate).arg("--key").arg(&pair.key);
        }
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        self.process = Some(Process::start(&mut command, address, &self.folder.path().join("output.txt")));
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log.txt")
    }

    /// What happened, of one kind: `hello`, `auth`, `mail`, `rcpt`, `arrived`, `cut`, `hung`.
    pub fn events(&self, kind: &str) -> Vec<Value> {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let events = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.filter(|event| event["event"] == kind).collect()
    }

    /// The mails that it took: each with its envelope, and as `mail` what Python makes of it.
    pub fn arrived(&self) -> Vec<Value> {
        self.events("arrived")
    }

    /// The only mail that it took.
    pub fn only(&self) -> Value {
        let mut arrived = self.arrived();
        assert_eq!(arrived.len(), 1, "{arrived:?}");
        arrived.remove(0)
    }

    /// Over which of its connections mails came, each once.
    pub fn connections_with_mails(&self) -> Vec<u64> {
        let mut peers = self.arrived().iter().map(|mail| mail["peer"].as_u64().unwrap()).collect::<Vec<_>>();
        peers.sort_unstable();
        peers.dedup();
        peers
    }

    /// Waits until so many of a kind have happened.
    pub fn until(&self, kind: &str, count: usize) -> Vec<Value> {
        eventually(&format!("{count} times {kind}"), || {
            Some(self.events(kind)).filter(|all| all.len() >= count)
        })
    }
}

/// A mail as Python's `email` package understands it.
pub fn described(mail: &[u8]) -> Value {
    let mut child =
        python().arg(script("mail_as_json.py")).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(mail).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn script(name: &str) -> PathBuf {
    tree::workspace().join("tests/peers").join(name)
}
