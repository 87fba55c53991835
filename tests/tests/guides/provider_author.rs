//! `docs/provider-author.md`: its crate is built as its author would, dropped in, and delivers.

use crate::{shell, well};
use gatepost_tests::{Host, Site, eventually, fixtures, guide::Guide, tree};
use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    sync::mpsc,
    thread,
};

#[test]
fn the_provider_of_the_guide_is_built_dropped_in_and_delivers() {
    let guide = Guide::read("provider-author.md");
    let site = Site::new("");
    fs::create_dir_all(site.path().join("src")).unwrap();
    let api = tree::workspace().join("provider-api");
    let manifest =
        guide.block("toml", "[package]").with("/path/to/gatepost/provider-api", api.to_str().unwrap());
    fs::write(site.path().join("Cargo.toml"), manifest.text()).unwrap();
    fs::write(site.path().join("src/lib.rs"), guide.block("rust", "export_provider!(Pager)").text()).unwrap();
    // What the crate needs is taken as the workspace has it: nothing is downloaded that is not there already.
    fs::copy(tree::workspace().join("Cargo.lock"), site.path().join("Cargo.lock")).unwrap();
    let (cargo, target) = (tree::cargo().get_program().to_owned(), fixtures::folder());
    let build = guide
        .block("sh", "cargo build")
        .with("cargo build --release", &format!("{} build --quiet", cargo.to_str().unwrap()))
        .with("sudo install", "install")
        .with("target/release", target.join("debug").to_str().unwrap())
        .with("/usr/lib/gatepost/providers", site.path().join("plugins").to_str().unwrap());
    // As the courier is built, so that the dependencies of both are built once.
    let profile = [("CARGO_PROFILE_DEV_DEBUG", "false"), ("CARGO_PROFILE_DEV_STRIP", "true")];
    let environment = [&[("CARGO_TARGET_DIR", target.to_str().unwrap())][..], &profile].concat();
    well(&site, build.text(), &environment);

    let found = well(&site, guide.block("sh", "gatepost providers\n").text(), &[]);
    assert!(found.contains("plugins/pager.so"), "{found}");
    assert!(found.contains("host:port of the server."), "{found}");

    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let gateway = guide.block("toml", "[gateways.pagers]").with("pager.example.com:4711", &address);
    site.add_gateways("pagers.toml", gateway.text());
    let lines = pager(server);
    let sent = well(&site, guide.block("sh", "--direct").text(), &[]);
    assert!(sent.contains("sent") && sent.contains("page-1"), "{sent}");
    assert_eq!(lines.recv().unwrap(), "PAGE pass5521 4711 The cooling has failed\n");

    let host = Host::start(&site);
    let answer = host.send_and_wait("pagers", "4712", "two\nlines");
    assert_eq!((answer.status, &answer.body["provider_ids"][0]), (200, &"page-2".into()), "{answer:?}");
    assert_eq!(lines.recv().unwrap(), "PAGE pass5521 4712 two lines\n");
    let denied = host.send_and_see("pagers", "denied", "hello");
    assert_eq!(denied["attempts"][0]["outcome"], "misconfigured", "{denied}");
    eventually("the gateway is down", || {
        (host.get("/readyz").body["gateways"]["pagers"] == "down").then_some(())
    });
    assert!(!host.log().contains("pass5521"));

    site.add_gateways("pagers.toml", &gateway.text().replace(&address, "nowhere"));
    let checked = shell(&site, "gatepost check", &[]);
    assert_eq!(checked.code, Some(2));
    assert!(
        checked.output().contains("pagers.parameters.ADDRESS: \"nowhere\" has no port; write host:port"),
        "{checked:?}"
    );
}

/// A pager server: the lines that it gets. It takes every message but those for `denied`.
fn pager(server: TcpListener) -> mpsc::Receiver<String> {
    let (got, lines) = mpsc::channel();
    thread::spawn(move || {
        let mut count = 0;
        for stream in server.incoming() {
            let mut stream = stream.unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            count += 1;
            let answer = if line.contains(" denied ") {
                "DENIED wrong password\n".into()
            } else {
                format!("OK page-{count}\n")
            };
            stream.write_all(answer.as_bytes()).unwrap();
            if got.send(line).is_err() {
                break;
            }
        }
    });
    lines
}
