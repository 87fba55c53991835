//! What a reload refuses: as a whole, with every reason at once, while the host goes on as it was.

use crate::{admin, courier, refusals, start};
use gatepost_tests::{Host, Site, eventually, fixtures};
use serde_json::json;
use std::fs;

fn goes_on(host: &Host, site: &Site) {
    let before = site.outbox().lines().count();
    assert_eq!(host.send_and_wait("outbox", "1", "on").status, 200, "{}", host.log());
    assert_eq!(site.outbox().lines().count(), before + 1);
}

/// Which line of the configuration this is.
fn line(site: &Site, text: &str) -> usize {
    site.configuration().lines().position(|line| line.starts_with(text)).unwrap() + 1
}

#[test]
fn what_only_a_start_reads_needs_one() {
    let site = Site::new(&admin());
    let host = start(&site);
    let right = site.configuration();
    for (old, new, key, change) in [
        (
            "listen = \"127.0.0.1:0\"",
            "listen = \"127.0.0.1:8099\"",
            "server.listen",
            "127.0.0.1:0 to 127.0.0.1:8099",
        ),
        ("path = \"data\"", "path = \"data\"\nmax_queued = 5", "store.max_queued", "10000000 to 5"),
        ("path = \"data\"", "path = \"data\"\nretain = \"48h\"", "store.retain", "30d to 2d"),
    ] {
        site.configure(&right.replace(old, new));
        let wrong = line(&site, new.lines().last().unwrap());
        let expected = format!(
            "gatepost.toml:{wrong}: {key}: a change from {change} needs a restart; restart the host, or put the old value back"
        );
        let refusals = refusals(&host);
        assert!(refusals.len() == 1 && refusals[0].ends_with(&expected), "{refusals:?}");
    }
    // Also what was there and is not any more; every difference at once, and with what else is wrong.
    let moved = right.replace("path = \"data\"\n", "").replace("listen = \"127.0.0.1:0\"\n", "");
    site.configure(&(moved + "[routes.default]\ngateways = [\"nowhere\"]\n"));
    let all = refusals(&host);
    let of = |words: &str| all.iter().filter(|refusal| refusal.contains(words)).count();
    // The folder `data` is the default: that it is not said any more changes nothing.
    assert_eq!((all.len(), of("server.listen: a change from"), of("nowhere")), (2, 1, 1), "{all:?}");
    goes_on(&host, &site);
    site.configure(&right);
    assert_eq!(host.reload().status, 200);
}

#[test]
fn one_wrong_definition_keeps_all_others_from_changing() {
    let site = Site::new(&(courier("third", "deliver", "") + &admin()));
    site.add_library(fixtures::courier(), "courier.so");
    let host = start(&site);
    let right = site.configuration();
    let changed = right.replace("MODE = \"deliver\"", "MODE = \"reject\"");
    site.add_gateways("new.toml", "[gateways.new]\nprovider = \"courier\"\n[gateways.new.parameters]\nFILE = \"new.txt\"\nMODE = \"swim\"\n[gateways.other]\nprovider = \"curier\"\n");
    site.configure(&changed);
    let refusals = refusals(&host);
    let said = |place: &str, what: &str| {
        assert!(
            refusals.iter().any(|refusal| refusal.contains(place) && refusal.contains(what)),
            "{refusals:?}"
        );
    };
    said("new.toml:5: gateways.new.parameters.MODE: ", "swim");
    said("new.toml:7: gateways.other.provider: ", "did you mean \"courier\"?");
    assert_eq!(refusals.len(), 2, "{refusals:?}");
    assert_eq!(host.send_and_wait("third", "1", "still").status, 200);
    assert_eq!(host.get("/readyz").body["gateways"], json!({ "outbox": "up", "third": "up" }));
    // What can't be read at all is refused just so.
    fs::remove_file(site.config()).unwrap();
    assert!(self::refusals(&host)[0].contains("gatepost.toml: the configuration can't be read"));
    goes_on(&host, &site);
    fs::remove_file(site.path().join("gateways.d/new.toml")).unwrap();
    site.configure(&changed);
    assert_eq!(host.reload().body["gateways"]["changed"], json!(["third"]));
    host.send_and_wait("third", "1", "rejected now").problem(502);
}

#[test]
fn a_provider_that_breaks_takes_nothing_away() {
    let site = Site::new(&(courier("third", "deliver", "") + &admin()));
    site.add_library(fixtures::courier(), "courier.so");
    let host = start(&site);
    let right = site.configuration();
    site.configure(&right.replace("MODE = \"deliver\"", "MODE = \"panic-in-create\""));
    assert!(refusals(&host)[0].contains("panicked"), "{}", host.log());
    assert_eq!(host.send_and_wait("third", "1", "still").status, 200);

    // Down by a fault from the start on, it keeps nobody from changing the rest.
    assert_eq!(host.terminate().code(), Some(0));
    let host = start(&site);
    assert_eq!(host.get("/readyz").body["gateways"]["third"], "down");
    site.add_gateways("more.toml", &courier("fourth", "deliver", ""));
    assert_eq!(host.reload().body["gateways"]["added"], json!(["fourth"]));
    assert_eq!(host.get("/readyz").body["gateways"]["third"], "down");
    site.configure(&right);
    assert_eq!(host.reload().status, 200);
    assert_eq!(host.send_and_wait("third", "1", "mended").status, 200);
}

#[test]
fn a_host_that_stops_does_not_reload() {
    let site = Site::new(&(courier("third", "hang", "submit_timeout = \"8s\"") + &admin()));
    site.add_library(fixtures::courier(), "courier.so");
    let host = start(&site);
    let id = host.post("/v1/messages", &json!({ "to": "1", "text": "x", "gateway": "third" })).id();
    host.until_state(&id, "sending");
    host.ask_to_end();
    eventually("the host stops", || host.log().contains("stopping: submits").then_some(()));
    host.ask_to_reload();
    let log = host.log();
    assert_eq!(host.ended().code(), Some(0), "{log}");
}
