//! The guides below `docs`, step by step: their configurations, their commands, their links.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod carriers;
mod links;
mod provider_author;
mod two_factor;

use gatepost_tests::{
    Site,
    command::{self, Ended},
    tree,
};
use std::{env, process::Command};

/// Runs a guide's commands in the site's folder, with `gatepost` where a user's PATH leads and its configuration the one of the site.
fn shell(site: &Site, script: &str, environment: &[(&str, &str)]) -> Ended {
    let path = env::join_paths(
        [tree::tree().join("bin")].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap())),
    );
    let mut command = Command::new("sh");
    command.args(["-e", "-c", script]).current_dir(site.path()).env("PATH", path.unwrap());
    command.env("GATEPOST_CONFIG", site.config()).envs(environment.iter().copied());
    command::run(&mut command, "")
}

/// The same; it has to end well. What it printed.
fn well(site: &Site, script: &str, environment: &[(&str, &str)]) -> String {
    let ended = shell(site, script, environment);
    assert_eq!(ended.code, Some(0), "{script}: {ended:?}");
    ended.stdout
}
