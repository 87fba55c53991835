//! A real Prometheus, which reads a host's figures and evaluates the shipped rules.

use super::{
    free_port,
    process::{Process, program},
};
use crate::{Host, client, command, eventually, tree};
use serde_json::Value;
use std::{fs, net::SocketAddr, path::PathBuf};
use tempfile::TempDir;

/// The rules that ship with Gatepost.
pub fn rules() -> PathBuf {
    tree::tree().join("share/gatepost/prometheus/gatepost.rules.yml")
}

/// Runs `promtool`; what it says. Panics where that is not to its liking.
pub fn promtool(arguments: &[&str]) -> String {
    let ended = command::run(program("promtool").args(arguments), "");
    assert_eq!(ended.code, Some(0), "promtool {arguments:?}:\n{}", ended.output());
    ended.output()
}

/// A Prometheus on a port of its own.
#[derive(Debug)]
pub struct Prometheus {
    _process: Process,
    _folder: TempDir,
    address: SocketAddr,
}

impl Prometheus {
    /// Starts it; it reads the host's figures twice a second, under the job `gatepost`.
    pub fn reading(host: &Host) -> Self {
        let folder = TempDir::new().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let config = folder.path().join("prometheus.yml");
        let text = format!(
            "global: {{ scrape_interval: 500ms, evaluation_interval: 500ms }}\nrule_files: [{:?}]\n\
             scrape_configs:\n- job_name: gatepost\n  static_configs: [{{ targets: [\"{}\"] }}]\n",
            rules(),
            host.address
        );
        fs::write(&config, text).unwrap();
        let mut command = program("prometheus");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"));
        let process = Process::start(&mut command, address, &folder.path().join("output"));
        Self { _process: process, _folder: folder, address }
    }

    /// Asks its API; `None` as long as it does not answer.
    pub fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Option<Value> {
        let url = format!("http://{}/api/v1/{path}", self.address);
        let url = reqwest::Url::parse_with_params(&url, parameters).unwrap();
        let answer = client::send(client::new().get(url)).ok()?;
        assert!(answer.status < 500 || answer.status == 503, "{answer:?}");
        assert_ne!(answer.body["status"], "error", "{parameters:?}: {answer:?}");
        (answer.status == 200).then(|| answer.body["data"].clone())
    }

    /// What an expression comes to, once it comes to anything.
    pub fn until_found(&self, expression: &str) -> Vec<Value> {
        eventually(&format!("Prometheus finds {expression}"), || {
            let found = self.ask("query", &[("query", expression)])?["result"].as_array()?.clone();
            Some(found).filter(|found| !found.is_empty())
        })
    }
}
