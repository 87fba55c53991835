//! With systemd: the unit itself, with all that it takes away from the service.

use crate::TO;
use gatepost_tests::{
    eventually,
    guide::Guide,
    peers::debian::{Booted, Debian, packages},
    skip,
};
use serde_json::{Value, json};
use std::fs;

/// A booted Debian with the package in it; `None`, and said, where this machine has none.
fn installed(test: &str) -> Option<Booted> {
    let Some(debian) = Debian::fresh() else {
        skip::permitted(test, "only root can boot a Debian");
        return None;
    };
    let package = debian.bring(&packages()[0]);
    match debian.boot() {
        Ok(booted) => {
            booted.run(&format!("dpkg --install {package}"));
            Some(booted)
        }
        Err(reason) => {
            skip::permitted(test, &format!("no container boots here: {}", reason.trim()));
            None
        }
    }
}

fn property(booted: &Booted, name: &str) -> String {
    booted.run(&format!("systemctl show --value --property {name} gatepost")).trim().to_owned()
}

fn until(booted: &Booted, name: &str, wanted: &str) {
    eventually(&format!("{name} is {wanted}"), || (property(booted, name) == wanted).then_some(()));
}

fn get(booted: &Booted, path: &str) -> Value {
    serde_json::from_str(&booted.run(&format!("curl --silent 127.0.0.1:8025{path}"))).unwrap()
}

#[test]
fn the_service_runs_and_is_upgraded_and_removed() {
    let Some(booted) = installed("the_service_runs_and_is_upgraded_and_removed") else { return };
    let verified = booted.try_run("systemd-analyze verify --man=no gatepost.service");
    assert_eq!((verified.code, verified.output().as_str()), (Some(0), ""), "{verified:?}");
    assert_eq!(booted.run("systemctl is-enabled gatepost").trim(), "enabled");
    assert_eq!(property(&booted, "ActiveState"), "active");
    assert_eq!(get(&booted, "/readyz"), json!({ "status": "ready", "gateways": { "outbox": "up" } }));
    let sent = booted.run(&format!("gatepost send --json --to {TO} 'Your code is 123456'"));
    let sent: Value = serde_json::from_str(&sent).unwrap();
    assert_eq!(sent["state"], "sent", "{sent}");
    let outbox = booted.debian().path("/var/lib/gatepost/outbox.txt");
    assert!(fs::read_to_string(outbox).unwrap().ends_with(&format!("\t{TO}\tYour code is 123456\n")));

    let before = property(&booted, "MainPID");
    booted.run("systemctl reload gatepost");
    // The reload goes on after the command: the service tells when it is over.
    until(&booted, "ActiveState", "active");
    assert_eq!(property(&booted, "MainPID"), before);

    let next = booted.debian().bring(&packages()[1]);
    booted.run(&format!("dpkg --install {next}"));
    assert_eq!(property(&booted, "ActiveState"), "active");
    assert_ne!(property(&booted, "MainPID"), before, "the upgrade starts it again");
    let id = sent["id"].as_str().unwrap();
    assert_eq!(get(&booted, &format!("/v1/messages/{id}"))["state"], "sent");

    booted.run("systemctl stop gatepost");
    assert_eq!(property(&booted, "Result"), "success");
    booted.run("systemctl start gatepost && dpkg --remove gatepost");
    assert_ne!(booted.try_run("systemctl is-active gatepost").code, Some(0));
    assert!(booted.debian().path("/var/lib/gatepost/gatepost.db").is_file());
    booted.run("dpkg --purge gatepost");
    assert!(!booted.debian().path("/var/lib/gatepost").exists());
    assert!(!booted.debian().path("/etc/gatepost").exists());
}

#[test]
fn the_service_can_write_its_own_and_nothing_else() {
    let Some(booted) = installed("the_service_can_write_its_own_and_nothing_else") else { return };
    // As the service's user, in the service's view of the files.
    let inside = "nsenter --target $(systemctl show --value --property MainPID gatepost) --mount -- \
                  setpriv --reuid=gatepost --regid=gatepost --clear-groups";
    for folder in ["/var/lib/gatepost", "/etc/gatepost/gateways.d", "/tmp"] {
        booted.run(&format!("{inside} touch {folder}/trial && {inside} rm {folder}/trial"));
    }
    // As root, whom only the read-only file system stops.
    let inside = "nsenter --target $(systemctl show --value --property MainPID gatepost) --mount --";
    for folder in
        ["/etc/gatepost", "/etc/gatepost/scripts", "/usr/lib/gatepost/providers", "/var/lib", "/opt"]
    {
        let tried = booted.try_run(&format!("{inside} touch {folder}/trial"));
        assert!(tried.stderr.contains("Read-only file system"), "{folder}: {tried:?}");
    }
    let status = booted.run("cat /proc/$(systemctl show --value --property MainPID gatepost)/status");
    let figure =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t")).unwrap();
    assert_eq!((figure("CapEff"), figure("CapBnd")), ("0000000000000000", "0000000000000000"));
    assert_eq!((figure("NoNewPrivs"), figure("Seccomp")), ("1", "2"));
    // What the metrics read in /proc is still to be seen.
    let metrics = booted.run("curl --silent 127.0.0.1:8025/metrics");
    let started = metrics.lines().find_map(|line| line.strip_prefix("process_start_time_seconds "));
    assert!(started.unwrap().parse::<f64>().unwrap() > 0.0, "{metrics}");
}

#[test]
fn what_the_readme_gives_back_is_enough_for_a_port_below_1024() {
    let Some(booted) = installed("what_the_readme_gives_back_is_enough_for_a_port_below_1024") else {
        return;
    };
    let folder = booted.debian().path("/etc/systemd/system/gatepost.service.d");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("override.conf"), Guide::read("../README.md").block("ini", "[Service]").text())
        .unwrap();
    booted.run("sed -i 's/:8025/:80/' /etc/gatepost/gatepost.toml");
    // Read by systemd as root, for root alone.
    booted.run("umask 077; echo \"NAMED='a gateway of the environment'\" > /etc/gatepost/environment");
    let definition = "[gateways.named]\nprovider = \"script\"\ndescription = { env = \"NAMED\" }\nparameters = { SCRIPT = \"outbox\" }\n";
    fs::write(booted.debian().path("/etc/gatepost/gateways.d/named.toml"), definition).unwrap();
    booted.run("systemctl daemon-reload && systemctl restart gatepost");
    assert_eq!(booted.run("curl --silent 127.0.0.1/healthz").trim(), "{\"status\":\"ok\"}");
    booted.run("set -a; . /etc/gatepost/environment; gatepost check");
}

#[test]
fn a_service_that_hangs_is_started_again_and_one_that_is_set_up_wrongly_is_not() {
    let test = "a_service_that_hangs_is_started_again_and_one_that_is_set_up_wrongly_is_not";
    let Some(booted) = installed(test) else { return };
    // Soon enough for a test; the rest of the unit stays as it is.
    booted.run(
        "mkdir -p /etc/systemd/system/gatepost.service.d && \
         printf '[Service]\\nWatchdogSec=10s\\n' > /etc/systemd/system/gatepost.service.d/soon.conf && \
         systemctl daemon-reload && systemctl restart gatepost",
    );
    booted.run("kill -STOP $(systemctl show --value --property MainPID gatepost)");
    until(&booted, "NRestarts", "1");
    until(&booted, "ActiveState", "active");
    assert!(booted.run("journalctl --unit gatepost").contains("Watchdog timeout"));
    assert_eq!(get(&booted, "/readyz")["status"], "ready");

    booted.run("sed -i 's/^kind = .*/kind = \"nonsense\"/' /etc/gatepost/gatepost.toml; systemctl restart gatepost || true");
    assert_eq!(
        (property(&booted, "ActiveState"), property(&booted, "ExecMainStatus")),
        ("failed".into(), "2".into())
    );
    let journal = booted.run("journalctl --unit gatepost");
    assert!(
        journal.contains("/etc/gatepost/gatepost.toml:") && journal.contains(": store.kind: "),
        "{journal}"
    );
}
