//! Minor versions of the provider API: host and plugin may differ, both ways.

use crate::{delivered, figures, gateway};
use gatepost_tests::{Host, Site, command, fixtures, gatepost, tree};
use std::path::Path;

fn delivers(binary: &Path, library: &Path) {
    let site = Site::new(&gateway("third", "deliver"));
    site.add_library(library, "courier.so");
    let host = Host::start_with(&site, binary, &[]);
    assert_eq!(host.send_and_wait("third", "+491701234567", "across").status, 200, "{}", host.log());
    assert_eq!(delivered(&site, "third"), "+491701234567\tacross\n");
    assert_eq!(host.send_and_wait("outbox", "+491701234567", "beside").status, 200, "{}", host.log());
    assert_eq!(host.terminate().code(), Some(0));
}

/// The provider API that `gatepost providers` says the library was built for.
fn listed_api(binary: &Path, library: &Path) -> String {
    let site = Site::new("");
    site.add_library(library, "courier.so");
    let mut gatepost = command::clean(binary);
    let listed = command::run(gatepost.args(["providers", "--config"]).arg(site.config()), "");
    listed
        .stdout
        .lines()
        .find(|line| line.contains("courier.so"))
        .unwrap_or_else(|| panic!("{listed:?}"))
        .to_owned()
}

#[test]
fn a_newer_plugin_delivers_in_an_older_host() {
    let library = fixtures::courier_of_next_minor();
    assert!(
        listed_api(&tree::binary(), library).contains("1.2"),
        "the fixture is not of the next minor version"
    );
    delivers(&tree::binary(), library);
}

#[test]
fn older_plugins_deliver_in_a_newer_host() {
    let (host, library) = (fixtures::host_of_next_minor(), fixtures::courier());
    assert!(listed_api(host, library).contains("1.1"));
    delivers(host, library);
}

#[test]
fn plugins_of_1_0_deliver_and_have_no_figures() {
    let library = fixtures::courier_of_minor_0();
    assert!(listed_api(&tree::binary(), library).contains("1.0"));
    delivers(&tree::binary(), library);
    let site = Site::new(&gateway("third", "figures"));
    site.add_library(library, "courier.so");
    let host = Host::start(&site);
    let figures = figures::shown(&host);
    assert!(figures.is_empty(), "{figures:?}");
}

#[test]
fn a_plugin_and_a_host_of_the_next_minor_version_fit_too() {
    delivers(fixtures::host_of_next_minor(), fixtures::courier_of_next_minor());
}

#[test]
fn of_two_libraries_the_higher_version_wins() {
    let site = Site::new("");
    site.add_library(fixtures::courier(), "courier.so");
    site.add_library(fixtures::courier_of_next_minor(), "courier-too.so");
    let listed = gatepost(&["providers", "--config", site.config().to_str().unwrap()]);
    let shadowed = listed.stdout.lines().filter(|line| line.contains("shadowed")).count();
    assert_eq!(shadowed, 1, "one of two of the same version: {listed:?}");
}
