//! `gatepost import privacyidea`, from exports as `pi-manage config export` writes them to messages that arrive.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod arrival;
mod fidelity;
mod files;
mod unreadable;

use gatepost_tests::{Ended, Site, command, peers::python::python, tree};
use serde_json::{Value, json};
use std::{fs, path::Path, path::PathBuf};

const TO: &str = "+491701234567";
const TEXT: &str = "Your code is 123456";

/// Writes the configuration as privacyIDEA does, in `json` or `yaml`.
fn export(site: &Site, format: &str, configuration: &Value) -> PathBuf {
    let mut command = python();
    command.arg(tree::workspace().join("tests/peers/config_export.py")).arg(format);
    let ended = command::run(&mut command, &configuration.to_string());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let file = site.path().join(format!("export.{format}"));
    fs::write(&file, ended.stdout).unwrap();
    file
}

/// Imports into the site's folder.
fn import(site: &Site, file: &Path, more: &[&str]) -> Ended {
    let mut command = command::clean(&tree::binary());
    command.args(["import", "privacyidea"]).arg(file).arg("--out").arg(site.path()).args(more);
    command::run(command.arg("--config").arg(site.config()), "")
}

/// `gatepost check` with these variables set.
fn check(site: &Site, environment: &[(&str, &str)]) -> Ended {
    let mut command = command::clean(&tree::binary());
    command.arg("check").arg("--config").arg(site.config());
    command::run(command.envs(environment.iter().copied()), "")
}

/// The report as a program reads it.
fn report(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// A gateway of an export.
fn gateway(class: &str, options: Value) -> Value {
    json!({
        "providermodule": format!("privacyidea.lib.smsprovider.{class}.{class}"),
        "description": "",
        "options": options,
        "headers": {},
    })
}

/// A site with nothing but its own gateway, whose scripts are copied there.
fn site() -> Site {
    Site::new("")
}

/// The file of an imported gateway.
fn definition(site: &Site, name: &str) -> String {
    fs::read_to_string(site.path().join(format!("gateways.d/{name}.toml"))).unwrap()
}

/// The names of the files that were written.
fn written(site: &Site) -> Vec<String> {
    let Ok(entries) = fs::read_dir(site.path().join("gateways.d")) else { return Vec::new() };
    let mut names =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>();
    names.sort();
    names
}
