//! The commands of `docs/backup.md`: a backup of a running host under load, and what a restore makes of it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

use gatepost_tests::{Answer, Host, Site, client, command, database, eventually, guide::Guide, load::Load};
use serde_json::json;
use std::{collections::HashMap, fs, os::unix::fs::MetadataExt as _, path::Path, process::Command};

/// Runs a block of the page, with folders of this test's in place of the system's.
fn run(guide: &Guide, block: &str, data: &Path, backups: &Path) -> String {
    let text = guide.block("sh", block).with("/var/backups/gatepost", backups.to_str().unwrap());
    // A check of the copy does not touch the data.
    let text = if text.text().contains("/var/lib/gatepost") {
        text.with("/var/lib/gatepost", data.to_str().unwrap())
    } else {
        text
    };
    // The user of the test is the service's user here.
    let own = data.metadata().unwrap();
    let script =
        text.text().replace("-o gatepost -g gatepost", &format!("-o {} -g {}", own.uid(), own.gid()));
    let ended = command::run(Command::new("sh").args(["-e", "-c", &script]), "");
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{script}: {ended:?}");
    ended.stdout
}

fn send(host: &Host, gateway: &str, text: &str) -> Answer {
    let message = json!({ "to": "+491701234567", "text": text, "gateway": gateway });
    let request = host.client().post(host.url("/v1/messages")).header("idempotency-key", text);
    let answer = client::send(request.json(&message)).unwrap();
    assert_eq!(answer.status, 202, "{answer:?}");
    answer
}

/// How often each text came out.
fn delivered(site: &Site) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for line in site.outbox().lines() {
        *counts.entry(line.rsplit('\t').next().unwrap().to_owned()).or_default() += 1;
    }
    counts
}

#[test]
fn a_backup_of_a_running_host_holds_what_was_acknowledged_and_can_be_restored() {
    let guide = Guide::read("backup.md");
    // One gateway delivers at once, the other when it is opened.
    let site = Site::new(
        "[gateways.closed]\nprovider = \"script\"\nretry = { attempts = 100, first = \"1s\", max = \"5s\" }\n\
         parameters = { SCRIPT = \"closed\" }\n",
    );
    site.add_script("closed", "#!/bin/sh\n[ -e ../open ] || exit 75\nexec ./outbox \"$1\"\n");
    let backups = site.path().join("backups");
    fs::create_dir(&backups).unwrap();

    let host = Host::start(&site);
    let text = |client, number| format!("load-{client}-{number}");
    let body = |client: u32, text: &str| {
        let gateway = ["outbox", "closed"][client as usize % 2];
        json!({ "to": "+491701234567", "text": text, "gateway": gateway }).to_string()
    };
    let load = Load::start(host.address, 2, text, body);
    let sent = (0..20).map(|number| format!("sent-{number}")).collect::<Vec<_>>();
    let waiting = (0..100).map(|number| format!("waiting-{number}")).collect::<Vec<_>>();
    let sent_ids = sent.iter().map(|text| send(&host, "outbox", text).id()).collect::<Vec<_>>();
    let waiting_ids = waiting.iter().map(|text| send(&host, "closed", text).id()).collect::<Vec<_>>();
    for id in &sent_ids {
        host.until_state(id, "sent");
    }
    let before = host.metric("gatepost_messages_accepted_total");
    run(&guide, "VACUUM INTO", &site.data(), &backups);
    eventually("the load goes on", || {
        (host.metric("gatepost_messages_accepted_total") > before).then_some(())
    });
    let loaded = load.end();
    assert_eq!(
        loaded.statuses.keys().collect::<Vec<_>>(),
        [&202],
        "nobody was held up: {:?}",
        loaded.statuses
    );
    let lost = send(&host, "closed", "after-the-backup").id();
    host.kill();
    let looked = run(&guide, "integrity_check", &site.data(), &backups);
    assert_eq!(looked.lines().next(), Some("ok"), "{looked}");
    assert_eq!(backups.join("gatepost.db").metadata().unwrap().mode() & 0o777, 0o600);

    run(&guide, "install -d", &site.data(), &backups);
    assert_eq!(site.data().metadata().unwrap().mode() & 0o777, 0o700);
    let host = Host::start(&site);
    for id in &sent_ids {
        assert_eq!(host.message(id)["state"], "sent");
    }
    host.get(&format!("/v1/messages/{lost}")).problem(404);
    // What is repeated is recognized.
    assert_eq!(send(&host, "closed", &waiting[0]).id(), waiting_ids[0]);
    fs::write(site.path().join("open"), "").unwrap();
    for id in &waiting_ids {
        host.until_state(id, "sent");
    }
    let delivered = delivered(&site);
    for text in sent.iter().chain(&waiting) {
        assert_eq!(delivered.get(text), Some(&1), "{text}");
    }
    assert_eq!(host.terminate().code(), Some(0));
    assert_eq!(database::integrity_of_copy(&site.data()), "ok");
}
