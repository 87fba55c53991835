//! What systemd hears of a host, and when it hears nothing.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

use gatepost_tests::{
    Host, Site, eventually,
    peers::{disk::Disk, service_manager::ServiceManager},
};
use serde_json::json;
use std::{fs, process::Command};

const WATCHDOG: &str = "WATCHDOG=1";

/// A host whose watchdog wants to hear of it every second, or that has none.
fn start(site: &Site, manager: &ServiceManager, watched: bool) -> Host {
    let socket = manager.socket();
    let mut environment = vec![("NOTIFY_SOCKET", socket.to_str().unwrap())];
    environment.extend(watched.then_some(("WATCHDOG_USEC", "1000000")));
    Host::start_in(site, &environment)
}

#[test]
fn it_tells_when_it_serves_reloads_and_stops() {
    let (site, manager) = (Site::new(""), ServiceManager::start());
    let host = start(&site, &manager, false);
    manager.until("READY=1", 1);
    assert_eq!(host.send_and_wait("outbox", "+491701234567", "hello").status, 200);

    host.ask_to_reload();
    manager.until("READY=1", 2);
    let heard = manager.heard();
    let [ready, reloading, reloaded] = &heard[..] else { panic!("{heard:?}") };
    assert!(ready.starts_with("READY=1\n"), "{heard:?}");
    // systemd takes it only with the time.
    let time = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap_or_else(|| panic!("{heard:?}"));
    assert!(time.trim_end().parse::<u64>().unwrap() > 0);
    assert_eq!(reloaded, "READY=1\n");

    assert_eq!(host.terminate().code(), Some(0));
    assert_eq!((manager.count("STOPPING=1"), manager.count(WATCHDOG)), (1, 0), "{:?}", manager.heard());
}

#[test]
fn no_thread_of_it_stops_another_in_the_middle_of_its_work() {
    let site = Site::new("");
    let host = Host::start(&site);
    assert_eq!(host.send_and_wait("outbox", "+491701234567", "hello").status, 200);
    let policies = fs::read_dir(format!("/proc/{}/task", host.id())).unwrap().map(|thread| {
        let thread = thread.unwrap().path();
        let stat = fs::read_to_string(thread.join("stat")).unwrap();
        // Behind the name, which may hold anything: the 41st of all fields.
        let policy = stat.rsplit_once(") ").unwrap().1.split(' ').nth(38).unwrap().to_owned();
        (fs::read_to_string(thread.join("comm")).unwrap().trim().to_owned(), policy)
    });
    let policies = policies.collect::<Vec<_>>();
    // SCHED_BATCH, the host's and the plugins'.
    assert!(policies.iter().all(|(_, policy)| policy == "3"), "{policies:?}");
    for name in ["tokio-rt-worker", "store-writer", "gp-script"] {
        assert!(policies.iter().any(|(thread, _)| thread == name), "{policies:?}");
    }
}

#[test]
fn one_that_does_not_start_says_nothing_of_being_ready() {
    let (site, manager) = (Site::new("[gateways.none]\nprovider = \"none\"\n"), ServiceManager::start());
    let mut command = gatepost_tests::command::clean(&gatepost_tests::tree::binary());
    command.args(["serve", "--config"]).arg(site.config()).env("NOTIFY_SOCKET", manager.socket());
    assert_eq!(gatepost_tests::command::run(&mut command, "").code, Some(2));
    assert_eq!(manager.heard(), Vec::<String>::new());
}

#[test]
fn the_watchdog_hears_of_a_host_that_serves_and_of_one_that_drains() {
    let manager = ServiceManager::start();
    let gateway = "[gateways.gated]\nprovider = \"script\"\nparameters = { SCRIPT = \"gated\" }\n";
    let site = Site::new(gateway);
    site.add_script("gated", "#!/bin/sh\ntouch ../started\nread -r _ < ../gate\n");
    let gate = site.path().join("gate");
    assert!(Command::new("mkfifo").arg(&gate).status().unwrap().success());
    let host = start(&site, &manager, true);
    manager.until(WATCHDOG, 3);

    let message = json!({ "to": "+491701234567", "text": "hello", "gateway": "gated" });
    assert_eq!(host.post("/v1/messages", &message).status, 202);
    eventually("the script runs", || site.path().join("started").exists().then_some(()));
    host.ask_to_end();
    manager.until("STOPPING=1", 1);
    manager.until(WATCHDOG, manager.count(WATCHDOG) + 3);
    let heard = manager.heard();
    let status = heard.iter().flat_map(|datagram| datagram.lines()).rfind(|line| line.starts_with("STATUS="));
    assert!(status.unwrap().starts_with("STATUS=stopping: "), "{heard:?}");
    // Opening it waits for the script, which ends with that.
    drop(fs::OpenOptions::new().write(true).open(&gate).unwrap());
    assert_eq!(host.ended().code(), Some(0));
}

#[test]
fn the_watchdog_hears_nothing_while_the_store_does_not_answer() {
    let (site, manager) = (Site::new(""), ServiceManager::start());
    let Some(disk) = Disk::under_store_of(&site, "a frozen disk") else { return };
    let host = start(&site, &manager, true);
    manager.until(WATCHDOG, 2);
    disk.freeze();
    // The host's HTTP side goes on, and says so after 5 s.
    let before = manager.count(WATCHDOG);
    eventually("the host is not ready", || (host.get("/readyz").status == 503).then_some(()));
    let heard = manager.count(WATCHDOG) - before;
    // One may have been under way, and the one before it not yet heard.
    assert!(heard <= 2, "{heard} words to the watchdog while nothing could be stored");
    disk.thaw();
    manager.until(WATCHDOG, before + heard + 2);
    assert_eq!(host.terminate().code(), Some(0));
}

#[test]
fn other_commands_tell_nothing() {
    let (site, manager) = (Site::new(""), ServiceManager::start());
    let mut command = gatepost_tests::command::clean(&gatepost_tests::tree::binary());
    command.args(["check", "--config"]).arg(site.config()).env("NOTIFY_SOCKET", manager.socket());
    assert_eq!(gatepost_tests::command::run(&mut command, "").code, Some(0));
    assert_eq!(manager.heard(), Vec::<String>::new());
}
