//! A provider out of a crate outside the workspace: built, dropped in, used.

use crate::{delivered, gateway};
use gatepost_tests::{Host, Site, fixtures, gatepost, skip};
use std::path::Path;

fn delivers_through(library: &Path) {
    let site = Site::new(&gateway("third", "deliver"));
    site.add_library(library, "courier.so");
    let host = Host::start(&site);
    // Enough for memory that crosses the boundary to be freed on the wrong side, if it were.
    for number in 0..20 {
        let answer = host.send_and_wait("third", &format!("+4917012345{number}"), "from afar");
        assert_eq!(answer.status, 200, "{answer:?}\n{}", host.log());
        assert_eq!(answer.body["provider_ids"][0], format!("courier-{}", answer.id()));
    }
    let got = delivered(&site, "third");
    assert_eq!(got.lines().count(), 20);
    assert_eq!(got.lines().next(), Some("+49170123450\tfrom afar"));
    assert_eq!(host.terminate().code(), Some(0));
}

#[test]
fn a_provider_from_outside_the_workspace_delivers() {
    delivers_through(fixtures::courier());
}

#[test]
fn a_provider_built_with_another_compiler_delivers() {
    match fixtures::courier_of_another_compiler() {
        Ok((library, version)) => {
            delivers_through(&library);
            let site = Site::new("");
            site.add_library(&library, "courier.so");
            let listed = gatepost(&["providers", "--config", site.config().to_str().unwrap()]);
            assert!(listed.stdout.contains("courier"), "{listed:?}");
            println!("built with {version}");
        }
        Err(reason) => skip::permitted("a_provider_built_with_another_compiler_delivers", &reason),
    }
}

#[test]
fn every_outcome_reaches_the_application() {
    let outcomes = [
        ("reject", "rejected", Some("1404"), "the number is barred"),
        ("refuse-credentials", "misconfigured", Some("401"), "wrong password"),
        ("be-away", "unavailable", None, "nobody answers"),
        ("ask-to-wait", "throttled", None, "too fast"),
    ];
    let gateways: String = outcomes.iter().map(|(mode, ..)| gateway(mode, mode)).collect();
    let site = Site::new(&gateways);
    site.add_library(fixtures::courier(), "courier.so");
    let host = Host::start(&site);
    for (mode, outcome, code, detail) in outcomes {
        let message = host.send_and_see(mode, "+491701234567", "hello");
        // Whoever is away, asks to wait or refuses the credentials may take it later.
        let expected = if outcome == "rejected" { "failed" } else { "queued" };
        assert_eq!(message["state"], expected, "{message}");
        let attempt = &message["attempts"][0];
        assert_eq!(attempt["outcome"], outcome);
        assert_eq!(attempt["code"].as_str(), code);
        assert_eq!(attempt["detail"], detail);
        assert_eq!(delivered(&site, mode), "");
    }
}
