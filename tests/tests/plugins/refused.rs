//! Libraries that are refused: each with one line that says why and how to mend it, while the rest runs.

use gatepost_tests::{Ended, Host, Site, fixtures, gatepost, site::set_mode};
use sha2::{Digest as _, Sha256};
use std::{fs, path::Path};

/// The library is refused under this name, with a line that holds all of these words, by `providers` and in the host's
/// log; the host runs and delivers all the same.
fn refused(site: &Site, file: &str, words: &[&str]) {
    let listed = providers(site);
    let lines: Vec<_> = listed.stdout.lines().filter(|line| line.contains(file)).collect();
    let [line] = lines.as_slice() else { panic!("not one line for {file}: {listed:?}") };
    assert!(line.contains("refused"), "{line}");
    assert!(line.contains("; "), "what is wrong and how to mend it: {line}");
    assert!(line.len() < 600, "{line}");
    for word in words {
        assert!(line.contains(word), "{word:?} in {line}");
    }
    let host = Host::start(site);
    assert_eq!(host.send_and_wait("outbox", "+491701234567", "all the same").status, 200);
    let log = host.log();
    let logged =
        log.lines().filter(|line| line.contains(file) && words.iter().all(|word| holds(line, word))).count();
    assert_eq!(logged, 1, "lines about {file} in:\n{log}");
    assert_eq!(host.terminate().code(), Some(0));
}

/// Whether a JSON line holds the word, quotes escaped or not.
fn holds(line: &str, word: &str) -> bool {
    line.contains(word) || line.contains(&word.replace('"', "\\\""))
}

fn providers(site: &Site) -> Ended {
    gatepost(&["providers", "--config", site.config().to_str().unwrap()])
}

fn sha256(library: &Path) -> String {
    Sha256::digest(fs::read(library).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_higher_major_version_of_the_api() {
    let site = Site::new("");
    site.add_library(&fixtures::library("next_major"), "tomorrow.so");
    refused(&site, "tomorrow.so", &["built for provider API 2.0", "this host speaks 1.x", "rebuild"]);
}

#[test]
fn a_garbage_file() {
    let site = Site::new("");
    let garbage = site.path().join("garbage");
    fs::write(&garbage, "no library at all\n".repeat(1000)).unwrap();
    site.add_library(&garbage, "garbage.so");
    refused(&site, "garbage.so", &["can't be opened"]);
}

#[test]
fn an_empty_file() {
    let site = Site::new("");
    let empty = site.path().join("empty");
    fs::write(&empty, "").unwrap();
    site.add_library(&empty, "empty.so");
    refused(&site, "empty.so", &["can't be opened"]);
}

#[test]
fn a_library_that_is_no_provider() {
    let site = Site::new("");
    site.add_library(&fixtures::library("no_provider"), "stranger.so");
    refused(&site, "stranger.so", &["no Gatepost provider"]);
}

#[test]
fn a_library_whose_probe_is_broken() {
    let site = Site::new("");
    site.add_library(&fixtures::library("broken_probe"), "broken.so");
    refused(&site, "broken.so", &["no Gatepost provider"]);
}

#[test]
fn a_file_that_its_group_may_write() {
    let site = Site::new("");
    let library = site.add_library(fixtures::courier(), "courier.so");
    set_mode(&library, 0o664);
    refused(&site, "courier.so", &["writable by its group", "chmod go-w"]);
}

#[test]
fn a_file_in_a_folder_that_everybody_may_write() {
    let site = Site::new("");
    site.add_library(fixtures::courier(), "courier.so");
    set_mode(&site.path().join("plugins"), 0o777);
    refused(&site, "courier.so", &["folder is writable by", "chmod go-w"]);
}

#[test]
fn a_plugin_built_to_abort_on_panic() {
    let site = Site::new("");
    site.add_library(fixtures::courier_that_aborts(), "courier.so");
    refused(&site, "courier.so", &["abort", "unwind", "rebuild"]);
}

#[test]
fn a_hash_that_is_none_of_the_pins() {
    let script = gatepost_tests::tree::tree().join("lib/gatepost/providers/script.so");
    let pins = format!(
        "[plugins.pins]\nscript = \"sha256:{}\"\ncourier = \"sha256:{}\"\n",
        sha256(&script),
        "0".repeat(64)
    );
    let site = Site::new(&pins);
    site.add_library(fixtures::courier(), "courier.so");
    refused(&site, "courier.so", &["pin", &sha256(fixtures::courier())]);
}

#[test]
fn a_pin_that_is_for_another_name() {
    let script = gatepost_tests::tree::tree().join("lib/gatepost/providers/script.so");
    let pins = format!(
        "[plugins.pins]\nscript = \"sha256:{}\"\nhttp = \"sha256:{}\"\n",
        sha256(&script),
        sha256(fixtures::courier())
    );
    let site = Site::new(&pins);
    site.add_library(fixtures::courier(), "pinned.so");
    refused(&site, "pinned.so", &["\"courier\"", "\"http\"", "plugins.pins"]);
}

#[test]
fn a_pinned_plugin_is_taken() {
    let script = gatepost_tests::tree::tree().join("lib/gatepost/providers/script.so");
    let pins = format!(
        "[plugins.pins]\nscript = \"sha256:{}\"\ncourier = \"sha256:{}\"\n{}",
        sha256(&script),
        sha256(fixtures::courier()),
        crate::gateway("third", "deliver")
    );
    let site = Site::new(&pins);
    site.add_library(fixtures::courier(), "courier.so");
    let host = Host::start(&site);
    assert_eq!(host.send_and_wait("third", "+491701234567", "pinned").status, 200);
    assert_eq!(crate::delivered(&site, "third"), "+491701234567\tpinned\n");
}

#[test]
fn a_gateway_of_a_refused_provider_is_a_configuration_error_that_says_so() {
    let site = Site::new(&crate::gateway("third", "deliver"));
    let library = site.add_library(fixtures::courier(), "courier.so");
    set_mode(&library, 0o664);
    let ended = gatepost(&["serve", "--config", site.config().to_str().unwrap()]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let output = ended.output();
    let line = output
        .lines()
        .find(|line| line.contains("gateways.third.provider: "))
        .unwrap_or_else(|| panic!("{output}"));
    assert!(line.starts_with(&format!("{}:", site.config().display())), "{line}");
    assert!(line.contains("refused") && line.contains("writable by its group"), "{line}");
}
