//! The disk under the store gets full, or fails: accepting stops and says why, and what was accepted is kept.

use gatepost_tests::{
    Host, Site, database, eventually, in_seconds,
    load::{Load, Sent},
    peers::{disk::Disk, nginx::Nginx},
};
use serde_json::{Value, json};
use std::{collections::HashMap, fs};

/// Twenty clients, half of them through a gateway that delivers, half through one whose messages wait an hour.
fn load(host: &Host, round: u32) -> Load {
    let text = move |client, number| format!("{round}-{client}-{number}");
    Load::start(host.address, 20, text, |client, text| {
        let gateway = ["healthy", "later"][client as usize % 2];
        let (send_at, filling) = (in_seconds(3600), "x".repeat(3000));
        let mut message =
            json!({ "to": "+491701234567", "text": text, "gateway": gateway, "tag": "load", "from": "ACME" });
        if gateway == "later" {
            message["text"] = json!(format!("{text} {filling}"));
            message["send_at"] = json!(send_at);
        }
        message.to_string()
    })
}

fn site(healthy: &Nginx) -> Site {
    let url = healthy.origin();
    Site::new(&format!(
        "[gateways.healthy]\nprovider = \"http\"\nparameters = {{ URL = \"{url}/?t={{otp}}\" }}\n\
         [gateways.later]\nprovider = \"http\"\nparameters = {{ URL = \"{url}/?t={{otp}}\" }}\n"
    ))
}

/// What the service took, by its text.
fn taken(service: &Nginx) -> HashMap<String, usize> {
    let mut taken = HashMap::new();
    for request in service.arrived() {
        let text = request.line().split(['=', ' ']).nth(2).unwrap().to_owned();
        *taken.entry(text).or_default() += 1;
    }
    taken
}

/// Waits until a probe and an application are told that nothing can be stored; what they are told.
fn until_refused(host: &Host) -> (Value, Value) {
    eventually("accepting stops", || {
        let message = json!({ "to": "+491701234567", "text": "x".repeat(3000), "gateway": "later", "send_at": in_seconds(3600) });
        let refused = host.post("/v1/messages", &message);
        let ready = host.get("/readyz");
        (refused.status == 503 && ready.status == 503).then(|| {
            refused.problem(503);
            ready.problem(503);
            (refused.body, ready.body)
        })
    })
}

#[test]
fn a_full_disk_stops_accepting_until_there_is_room_again() {
    let healthy = Nginx::start();
    let site = site(&healthy);
    let Some(disk) = Disk::under_store_of(&site, "a full disk") else { return };
    let host = Host::start(&site);
    disk.fill_up_to(6 * 1024);
    let running = load(&host, 1);
    let (refused, ready) = until_refused(&host);
    assert!(refused["detail"].as_str().unwrap().contains("full"), "{refused}");
    assert!(ready["detail"].as_str().unwrap().contains("full"), "{ready}");
    assert!(host.log().contains("the disk under the store is full"), "the log says why");
    // What is small may find room in between.
    eventually("the figures say so", || (host.metric("gatepost_store_writable") == 0.0).then_some(()));
    assert!(host.metric("gatepost_store_errors_total{error=\"full\"}") > 0.0);
    assert!(host.metric("gatepost_send_refused_total{reason=\"store\"}") > 0.0);
    assert_eq!(host.get("/healthz").status, 200);
    let before = running.end();
    assert!(
        before.statuses.contains_key(&202) && before.statuses.contains_key(&503),
        "{:?}",
        before.statuses
    );

    // Under load again, while there is room again.
    let running = load(&host, 2);
    disk.make_room();
    eventually("it is ready again", || (host.get("/readyz").status == 200).then_some(()));
    eventually("the figures say so", || (host.metric("gatepost_store_writable") == 1.0).then_some(()));
    eventually("messages are delivered again", || {
        taken(&healthy).keys().any(|text| text.starts_with("2-")).then_some(())
    });
    let after = running.end();
    let all = before.accepted.iter().chain(&after.accepted).collect::<Vec<_>>();
    all_have_their_end(&host, &healthy, &all);
    println!("{:?} before there was room, {:?} after", before.statuses, after.statuses);

    host.kill();
    assert_eq!(database::integrity_of_copy(&site.data()), "ok");
    let host = Host::start(&site);
    all_have_their_end(&host, &healthy, &all);
    assert_eq!(host.terminate().code(), Some(0));
}

/// Those that are to be delivered are, and the service has them, once; the others wait.
fn all_have_their_end(host: &Host, healthy: &Nginx, all: &[&(String, String)]) {
    for (id, text) in all {
        let message = host.message(id);
        match message["gateway"].as_str().unwrap() {
            "healthy" => drop(host.until_state(id, "sent")),
            _ => assert_eq!(message["state"], "queued", "{text}: {message}"),
        }
    }
    let taken = taken(healthy);
    for (id, text) in all {
        let expected = usize::from(!text.contains(' ') && host.message(id)["gateway"] == "healthy");
        assert_eq!(taken.get(text).copied().unwrap_or(0), expected, "{text}");
    }
}

#[test]
fn a_failing_disk_stops_accepting_and_keeps_what_was_accepted() {
    let healthy = Nginx::start();
    let site = site(&healthy);
    let Some(disk) = Disk::under_store_of(&site, "a failing disk") else { return };
    let host = Host::start(&site);
    let running = load(&host, 1);
    eventually("messages are delivered", || (taken(&healthy).len() > 20).then_some(()));
    disk.fail();
    let (refused, ready) = until_refused(&host);
    for body in [&refused, &ready] {
        assert!(body["detail"].as_str().unwrap().contains("can't be written"), "{body}");
    }
    assert!(host.log().contains("not ready"), "the log says so");
    assert_eq!(host.get("/healthz").status, 200);
    let Sent { accepted, statuses } = running.end();
    println!("{statuses:?}");
    host.kill();
    disk.repair();
    assert_eq!(database::integrity_of_copy(&site.data()), "ok");
    let host = Host::start(&site);
    for (id, text) in &accepted {
        match host.message(id)["gateway"].as_str().unwrap() {
            "healthy" => drop(host.until_state(id, "sent")),
            _ => assert_eq!(host.message(id)["state"], "queued", "{text}"),
        }
    }
    let taken = taken(&healthy);
    let lost = accepted
        .iter()
        .filter(|(id, text)| host.message(id)["gateway"] == "healthy" && !taken.contains_key(text));
    assert_eq!(lost.count(), 0);
    assert_eq!(host.terminate().code(), Some(0));
}

#[test]
fn a_store_that_is_damaged_while_the_host_runs_stops_accepting() {
    let site = Site::new("");
    let host = Host::start(&site);
    host.send_and_wait("outbox", "+491701234567", "hello");
    database::damage(&site.data(), "message");
    let refused = eventually("accepting stops", || {
        let message = json!({ "to": "+491701234567", "text": "hello", "gateway": "outbox" });
        Some(host.post("/v1/messages", &message)).filter(|answer| answer.status == 503)
    });
    assert!(refused.body["detail"].as_str().unwrap().contains("damaged"), "{refused:?}");
    let ready =
        eventually("it is not ready", || Some(host.get("/readyz")).filter(|answer| answer.status == 503));
    assert!(ready.body["detail"].as_str().unwrap().contains("damaged"), "{ready:?}");
    assert!(host.log().contains("damaged"), "the log says why");
    assert_eq!(host.get("/healthz").status, 200);
    host.kill();

    // The next start says what is wrong, and how to mend it. The first page alone says that this is a database.
    let file = database::file(&site.data());
    let mut damaged = fs::read(&file).unwrap();
    damaged[4096..].fill(0xa5);
    fs::write(&file, damaged).unwrap();
    let refused = gatepost_tests::gatepost(&["serve", "--config", site.config().to_str().unwrap()]);
    assert!(refused.code.is_some_and(|code| code != 0), "{refused:?}");
    for words in ["gatepost.db", "restore it", ".recover"] {
        assert!(refused.output().contains(words), "{refused:?}");
    }
}

#[test]
fn no_more_messages_wait_than_may() {
    let site = Site::new("");
    site.configure(&site.configuration().replace("[store]", "[store]\nmax_queued = 3"));
    let host = Host::start(&site);
    let message =
        json!({ "to": "+491701234567", "text": "hello", "gateway": "outbox", "send_at": in_seconds(3600) });
    let ids = [(); 3].map(|()| host.post("/v1/messages", &message).id());
    let refused = host.post("/v1/messages", &message);
    refused.problem(503);
    assert!(refused.headers["retry-after"].to_str().unwrap().parse::<u32>().unwrap() > 0, "{refused:?}");
    assert!(refused.body["detail"].as_str().unwrap().contains("max_queued"), "{refused:?}");
    let canceled =
        gatepost_tests::client::send(host.client().delete(host.url(&format!("/v1/messages/{}", ids[0]))));
    assert_eq!(canceled.unwrap().status, 200);
    assert_eq!(host.post("/v1/messages", &message).status, 202, "there is room for one");
}
