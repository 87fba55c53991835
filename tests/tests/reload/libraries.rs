//! Libraries that are new, others, or no longer trusted when the configuration is reloaded.

use crate::{admin, courier, delivered, refusals, start};
use gatepost_tests::{Host, Site, eventually, fixtures};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::{fs, path::Path};

/// The threads of the provider's own runtime.
const THREADS: &str = "gp-courier";

fn pin(name: &str, library: &Path) -> String {
    let hash = Sha256::digest(fs::read(library).unwrap());
    let hash = hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("{name} = \"sha256:{hash}\"\n")
}

fn loaded(host: &Host, provider: &str) -> usize {
    let words = format!("\"provider\":\"{provider}\"");
    host.log().lines().filter(|line| line.contains("provider loaded") && line.contains(&words)).count()
}

#[test]
fn one_that_is_dropped_into_the_folder_is_there() {
    let site = Site::new(&admin());
    let host = start(&site);
    site.add_gateways("third.toml", &courier("third", "deliver", ""));
    assert!(refusals(&host)[0].contains("there is no provider \"courier\""));
    site.add_library(fixtures::courier(), "courier.so");
    assert_eq!(host.reload().body["gateways"]["added"], json!(["third"]));
    assert_eq!(host.send_and_wait("third", "1", "hello").status, 200);
    assert_eq!(delivered(&site, "third"), "1\thello\n");
    assert_eq!((loaded(&host, "courier"), loaded(&host, "script")), (1, 1));
}

#[test]
fn another_version_in_its_place_is_taken_and_the_old_one_rests() {
    let site = Site::new(
        &(courier("third", "hang", "submit_timeout = \"4s\"") + &courier("fourth", "deliver", "") + &admin()),
    );
    site.add_library(fixtures::courier(), "courier.so");
    let host = start(&site);
    let threads = host.threads(THREADS);
    assert!(threads > 0);
    let id = host.post("/v1/messages", &json!({ "to": "1", "text": "x", "gateway": "third" })).id();
    host.until_state(&id, "sending");
    // Into the file that is there: what runs has a copy of its own.
    site.add_library(fixtures::courier_of_next_minor(), "courier.so");
    assert_eq!(host.reload().body["gateways"]["changed"], json!(["fourth", "third"]));
    assert_eq!(loaded(&host, "courier"), 2);
    assert_eq!(host.send_and_wait("fourth", "1", "across").status, 200);
    // The submit that goes on keeps the old one awake.
    assert_eq!(host.message(&id)["state"], "sending");
    assert_eq!(host.threads(THREADS), 2 * threads);
    eventually("the old runtime ends", || (host.threads(THREADS) == threads).then_some(()));
    // There and back again: the first is not opened twice, and works as it did.
    site.add_library(fixtures::courier(), "courier.so");
    assert_eq!(host.reload().body["gateways"]["changed"], json!(["fourth", "third"]));
    assert_eq!(host.send_and_wait("fourth", "1", "back").status, 200);
    assert_eq!(delivered(&site, "fourth"), "1\tacross\n1\tback\n");
    let copies = fs::read_dir(site.data().join("plugins")).unwrap();
    let copies =
        copies.filter(|copy| copy.as_ref().unwrap().file_name().to_string_lossy().starts_with("courier-"));
    assert_eq!(copies.count(), 2);
    assert_eq!(host.terminate().code(), Some(0));
}

#[test]
fn pins_are_obeyed_anew() {
    let site = Site::new(&(courier("third", "deliver", "") + &admin()));
    let library = site.add_library(fixtures::courier(), "courier.so");
    let host = start(&site);
    let unpinned = site.configuration();
    let shipped = gatepost_tests::tree::tree().join("lib/gatepost/providers");
    let script = fs::read_dir(shipped).unwrap().map(|entry| entry.unwrap().path());
    let script = script.into_iter().find(|path| path.to_string_lossy().contains("script")).unwrap();
    let pinned = |pins: &str| {
        unpinned.replace("[provider.script]", &format!("[plugins.pins]\n{pins}[provider.script]"))
    };
    site.configure(&pinned(&pin("script", &script)));
    let refusals = refusals(&host);
    assert!(refusals[0].contains("its hash is none of the pins") && refusals.len() == 1, "{refusals:?}");
    assert_eq!(host.send_and_wait("third", "1", "still").status, 200);
    site.configure(&pinned(&(pin("script", &script) + &pin("courier", &library))));
    let answer = host.reload();
    // The same library, not another instance of it.
    assert_eq!((answer.status, &answer.body["gateways"]["kept"]), (200, &json!(2)), "{answer:?}");
}
