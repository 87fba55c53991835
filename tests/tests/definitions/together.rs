//! Many at once, and a kill in the middle of it.

use super::{TO, file, files, site, start, to};
use gatepost_tests::{client, eventually, peers::nginx::Nginx, random::Random};
use serde_json::{Value, json};
use std::{
    collections::HashSet,
    fs,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

const CLIENTS: usize = 8;

/// How often the host is killed.
const ROUNDS: usize = 4;

fn numbered(url: &str, number: usize) -> Value {
    let mut definition = to(url);
    definition["description"] = json!(format!("number {number}"));
    // Long enough that half of it could be on the disk.
    definition["options"]["filling"] = json!(number.to_string().repeat(5000));
    definition
}

#[test]
fn changes_at_once_come_one_after_the_other() {
    let peer = Nginx::start();
    let site = site("");
    let host = start(&site);
    let statuses = thread::scope(|scope| {
        let changes = (0..CLIENTS).map(|client| {
            let (host, peer) = (&host, &peer);
            scope.spawn(move || {
                let own = format!("/v1/gateways/own-{client}");
                let definition = numbered(&peer.origin(), client);
                let put = host.put("/v1/gateways/shared", &definition).status;
                assert_eq!(host.put(&own, &definition).status, 201);
                assert_eq!(host.put(&own, &definition).status, 200);
                if client % 2 == 0 {
                    assert_eq!(host.delete(&own).status, 204);
                }
                put
            })
        });
        let changes = changes.collect::<Vec<_>>();
        changes.into_iter().map(|change| change.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(
        statuses.iter().filter(|status| **status == 201).count(),
        1,
        "one was the first: {statuses:?}"
    );
    assert!(statuses.iter().all(|status| matches!(status, 200 | 201)), "{statuses:?}");
    assert_eq!(files(&site), ["own-1.toml", "own-3.toml", "own-5.toml", "own-7.toml", "shared.toml"]);
    // What runs is what stands there.
    let shown = host.get("/v1/gateways/shared").body;
    let text = fs::read_to_string(file(&site, "shared")).unwrap();
    assert!(text.contains(shown["description"].as_str().unwrap()), "{shown}");
    assert_eq!(host.send_and_wait("shared", TO, "through the last").status, 200);
    assert_eq!(host.send_and_wait("own-7", TO, "through another").status, 200);
}

#[test]
fn a_kill_leaves_the_old_file_or_the_new_one() {
    let peer = Nginx::start();
    let site = site("");
    let mut random = Random::seeded();
    let mut number = 0;
    for round in 0..ROUNDS {
        let host = start(&site);
        assert!(matches!(host.put("/v1/gateways/mine", &numbered(&peer.origin(), number)).status, 200 | 201));
        let (address, first) = (host.address, number + 1);
        let answered = AtomicUsize::new(number);
        let kill_after = number + 3 + usize::try_from(random.below(12)).unwrap();
        number = thread::scope(|scope| {
            let putting = scope.spawn(|| {
                let client = client::with_key("admin");
                for number in first.. {
                    // Every third can't be used: not even for a moment may it stand there.
                    let mut definition = numbered(&peer.origin(), number);
                    if number % 3 == 0 {
                        definition["parameters"]["URL"] = json!("ftp://nowhere");
                    }
                    let url = format!("http://{address}/v1/gateways/mine");
                    match client::send(client.put(url).json(&definition)) {
                        Ok(answer) => {
                            assert_eq!(answer.status, if number % 3 == 0 { 422 } else { 200 }, "{answer:?}");
                            answered.store(number, Ordering::Relaxed);
                        }
                        Err(_) => return number,
                    }
                }
                unreachable!("there is always another number")
            });
            eventually("some are answered", || {
                (answered.load(Ordering::Relaxed) >= kill_after).then_some(())
            });
            host.kill();
            putting.join().unwrap()
        });
        let last = (0..=answered.into_inner()).rev().find(|number| *number == 0 || number % 3 != 0).unwrap();
        println!("round {round}: killed at {number}, {last} was the last that was taken");
        let text = fs::read_to_string(file(&site, "mine")).unwrap();
        let table: toml::Table = text.parse().unwrap();
        let description = table["gateways"]["mine"]["description"].as_str().unwrap().to_owned();
        // The one under way when the host was killed, if it could be used.
        let under_way = Some(number).filter(|number| number % 3 != 0);
        let possible = [Some(last), under_way].into_iter().flatten().map(|number| format!("number {number}"));
        assert!(
            possible.clone().any(|possible| possible == description),
            "{description}, not one of {possible:?}"
        );
        let visible = files(&site).into_iter().filter(|name| !name.starts_with('.')).collect::<HashSet<_>>();
        assert_eq!(visible, HashSet::from(["mine.toml".to_owned()]));
    }
    let host = start(&site);
    assert_eq!(host.send_and_wait("mine", TO, "after all").status, 200);
    assert_eq!(host.put("/v1/gateways/mine", &to(&peer.origin())).status, 200);
    assert_eq!(files(&site), ["mine.toml"], "no litter is left");
}
