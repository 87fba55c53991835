//! The real privacyIDEA, set up by its own tools on SQLite, with its own server.

use super::{free_port, process::Process, python};
use crate::{Answer, client, tree};
use serde_json::{Value, json};
use std::{net::SocketAddr, path::Path, process::Command};
use tempfile::TempDir;

const ADMINISTRATOR: (&str, &str) = ("administrator", "administrator's password");

/// A running privacyIDEA.
#[derive(Debug)]
pub struct PrivacyIdea {
    process: Process,
    folder: TempDir,
    origin: String,
    /// What an administrator's requests are authorized with.
    token: String,
}

impl PrivacyIdea {
    /// Sets one up and starts it.
    pub fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let (name, password) = ADMINISTRATOR;
        for steps in [
            &["setup", "create_enckey"][..],
            &["setup", "create_audit_keys"],
            &["setup", "create_tables"],
            &["admin", "add", "--password", password, name],
        ] {
            let output = manage(folder.path()).args(steps).output().unwrap();
            assert!(output.status.success(), "pi-manage {steps:?}: {output:?}");
        }
        let port = free_port();
        let mut command = manage(folder.path());
        command.args(["run", "--host", "127.0.0.1", "--port", &port.to_string()]);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let process = Process::start(&mut command, address, &folder.path().join("output.txt"));
        let mut started = Self { process, folder, origin: format!("http://{address}"), token: String::new() };
        let answer = started.post("/auth", &json!({ "username": name, "password": password }));
        let token = answer.body["result"]["value"]["token"].as_str();
        started.token = token.unwrap_or_else(|| panic!("{answer:?}")).to_owned();
        started
    }

    /// Posts JSON as an administrator; the answer, whatever it is.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        let request = client::new().post(format!("{}{path}", self.origin));
        client::send(request.header("authorization", &self.token).json(body)).unwrap()
    }

    /// Gets as an administrator.
    pub fn get(&self, path: &str) -> Answer {
        let request = client::new().get(format!("{}{path}", self.origin));
        client::send(request.header("authorization", &self.token)).unwrap()
    }

    /// Posts, and it has to go well; its `result.value`.
    pub fn value(&self, path: &str, body: &Value) -> Value {
        let answer = self.post(path, body);
        assert_eq!((answer.status, &answer.body["result"]["status"]), (200, &json!(true)), "{answer:?}");
        answer.body["result"]["value"].clone()
    }

    /// What it has complained of.
    pub fn output(&self) -> String {
        let log = std::fs::read_to_string(self.folder.path().join("privacyidea.log")).unwrap_or_default();
        self.process.output() + &log
    }
}

fn manage(folder: &Path) -> Command {
    let mut command = python::of("privacyidea");
    command.arg(tree::target().join("peers/privacyidea/bin/pi-manage"));
    command.env("PRIVACYIDEA_CONFIGFILE", tree::workspace().join("tests/peers/privacyidea_config.py"));
    command.env("PRIVACYIDEA_FOLDER", folder).current_dir(folder);
    command
}
