//! Without systemd: a container, or a system that is being put together.

use crate::{SHOWN, TO, UNIT};
use gatepost_tests::{
    client, eventually,
    peers::{
        debian::{Debian, packages},
        free_port,
        process::Process,
    },
    skip,
};
use serde_json::json;
use std::{fs, net::SocketAddr};

#[test]
fn the_package_installs_serves_upgrades_and_goes() {
    let Some(debian) = Debian::fresh() else {
        return skip::permitted(
            "the_package_installs_serves_upgrades_and_goes",
            "only root can enter a Debian",
        );
    };
    debian.run("apt-get purge --yes --quiet systemd systemd-sysv dbus");
    let [package, next] = packages().each_ref().map(|package| debian.bring(package));
    debian.run(&format!("dpkg --install {package}"));

    for (path, shown) in [
        ("/usr/bin/gatepost", "root:root 755"),
        ("/usr/lib/gatepost/providers", "root:root 755"),
        ("/usr/lib/gatepost/providers/http.so", "root:root 644"),
        ("/etc/gatepost/gatepost.toml", "root:gatepost 640"),
        ("/etc/gatepost/gateways.d", "gatepost:gatepost 750"),
        ("/etc/gatepost/scripts", "root:root 755"),
        ("/etc/gatepost/scripts/outbox", "root:root 755"),
        ("/var/lib/gatepost", "gatepost:gatepost 700"),
    ] {
        assert_eq!(debian.run(&format!("{SHOWN} {path}")).trim(), shown, "{path}");
    }
    for file in [
        "man/man1/gatepost.1",
        "man/man1/gatepost-messages-list.1",
        "bash-completion/completions/gatepost",
        "zsh/vendor-completions/_gatepost",
        "fish/vendor_completions.d/gatepost.fish",
        "doc/gatepost/README.md",
        "doc/gatepost/copyright",
        "doc/gatepost/examples/clickatell.toml",
    ] {
        assert!(debian.path("/usr/share").join(file).is_file(), "{file}");
    }

    // What an administrator changes: here the port, since this Debian shares the loopback interface with others.
    let port = free_port();
    let config = debian.path("/etc/gatepost/gatepost.toml");
    let edited = fs::read_to_string(&config).unwrap().replace(":8025", &format!(":{port}"));
    fs::write(&config, &edited).unwrap();
    let definition = "[gateways.mine]\nprovider = \"script\"\nparameters = { SCRIPT = \"outbox\" }\n";
    fs::write(debian.path("/etc/gatepost/gateways.d/mine.toml"), definition).unwrap();
    debian.run("setpriv --reuid=gatepost --regid=gatepost --clear-groups gatepost check");

    let host = serve(&debian, port);
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let ready = || client::send(client::new().get(url("/readyz"))).unwrap();
    assert_eq!(ready().body, json!({ "status": "ready", "gateways": { "mine": "up", "outbox": "up" } }));
    let message = json!({ "to": TO, "text": "Your code is 123456" });
    let sent = client::send(client::new().post(url("/v1/messages?wait=30")).json(&message)).unwrap();
    assert_eq!((sent.status, &sent.body["gateway"]), (200, &json!("outbox")), "{sent:?}");
    let outbox = debian.path("/var/lib/gatepost/outbox.txt");
    assert!(fs::read_to_string(&outbox).unwrap().ends_with(&format!("\t{TO}\tYour code is 123456\n")));
    drop(host);

    debian.run(&format!("dpkg --install {next}"));
    assert_eq!(fs::read_to_string(&config).unwrap(), edited);
    assert_eq!(
        debian.run("dpkg-query --show --showformat '${Version}' gatepost").rsplit('-').next(),
        Some("2")
    );
    let host = serve(&debian, port);
    let kept = client::send(client::new().get(url(&format!("/v1/messages/{}", sent.id())))).unwrap();
    assert_eq!((kept.status, &kept.body["state"]), (200, &json!("sent")), "{kept:?}");
    drop(host);

    debian.run("dpkg --remove gatepost");
    assert!(!debian.path("/usr/bin/gatepost").exists());
    assert!(debian.path("/var/lib/gatepost/gatepost.db").is_file());
    assert_eq!(fs::read_to_string(&config).unwrap(), edited);
    fs::write(debian.path("/etc/gatepost/scripts/own"), "").unwrap();
    debian.run("dpkg --purge gatepost");
    for gone in ["/var/lib/gatepost", "/etc/gatepost/gatepost.toml", "/etc/gatepost/gateways.d"] {
        assert!(!debian.path(gone).exists(), "{gone}");
    }
    assert!(debian.path("/etc/gatepost/scripts/own").is_file(), "what is not the package's stays");
    assert_eq!(debian.run("getent passwd gatepost || echo nobody").trim(), "nobody");
}

/// Starts the unit's command as the unit's user.
fn serve(debian: &Debian, port: u16) -> Process {
    let unit = fs::read_to_string(debian.path(UNIT)).unwrap();
    let value = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).unwrap();
    // The shell stays: it is process 1 of this Debian, with whose end everything in it ends.
    let script = format!(
        "setpriv --reuid={} --regid={} --clear-groups --no-new-privs --bounding-set=-all {}; exit $?",
        value("User"),
        value("Group"),
        value("ExecStart")
    );
    let host = Process::start(
        &mut debian.shell(&script),
        SocketAddr::from(([127, 0, 0, 1], port)),
        &debian.path("serve.log"),
    );
    eventually("the host is ready", || {
        let ready = client::send(client::new().get(format!("http://127.0.0.1:{port}/readyz"))).ok()?;
        (ready.status == 200).then_some(())
    });
    host
}
