//! A check of the running definition, and of the service behind it.

use super::{TO, site, start, to};
use gatepost_tests::{
    client,
    peers::{free_port, misbehaving::Misbehaving, nginx::Nginx},
};
use serde_json::json;
use std::{fs, thread, time::Instant};

#[test]
fn a_check_says_what_the_provider_finds_in_the_running_definition() {
    let peer = Nginx::start();
    let site = site("");
    let host = start(&site);
    let check = |path: &str| client::send(host.client().post(host.url(path))).unwrap();
    let mut definition = to(&peer.origin());
    definition["parameters"]["USERNAME"] = json!("me");
    assert_eq!(host.put("/v1/gateways/mine", &definition).status, 201);

    let answer = check("/v1/gateways/mine/check");
    assert_eq!((answer.status, &answer.body["problems"]), (200, &json!([])), "{answer:?}");
    let warnings = answer.body["warnings"].as_array().unwrap();
    assert_eq!((warnings.len(), &warnings[0]["pointer"]), (1, &json!("/parameters/USERNAME")), "{answer:?}");
    assert!(
        warnings[0]["detail"].as_str().unwrap().contains("without PASSWORD no credentials are sent; add")
    );
    assert!(warnings[0]["location"].as_str().unwrap().contains("gateways.d/mine.toml:"), "{answer:?}");
    assert_eq!(answer.body.get("probe"), None);

    assert_eq!(check("/v1/gateways/outbox/check").body, json!({ "problems": [], "warnings": [] }));
    fs::remove_file(site.path().join("scripts/outbox")).unwrap();
    let answer = check("/v1/gateways/outbox/check");
    assert_eq!(answer.body["problems"][0]["pointer"], "/parameters/SCRIPT", "{answer:?}");
    check("/v1/gateways/missing/check").problem(404);
    for query in ["probe=2", "probe=", "probe=1&probe=1", "prob=1"] {
        check(&format!("/v1/gateways/mine/check?{query}")).problem(422);
    }
    host.post("/v1/gateways/mine/check", &definition).problem(422);
    assert_eq!(peer.arrived().len(), 0, "nobody was contacted");
}

#[test]
fn a_probe_contacts_the_service_and_the_gateway_goes_on() {
    let peer = Nginx::start();
    let site = site("");
    let host = start(&site);
    let probe = |name: &str| {
        client::send(host.client().post(host.url(&format!("/v1/gateways/{name}/check?probe=1")))).unwrap()
    };
    assert_eq!(host.put("/v1/gateways/here", &to(&peer.origin())).status, 201);
    let away = format!("http://127.0.0.1:{}/?password=canary-query", free_port());
    assert_eq!(host.put("/v1/gateways/away", &to(&away)).status, 201);

    for _ in 0..2 {
        let answer = probe("here");
        assert_eq!((answer.status, &answer.body["probe"]["outcome"]), (200, &json!("ok")), "{answer:?}");
        assert_eq!(host.send_and_wait("here", TO, "after a probe").status, 200);
    }
    let answer = probe("away");
    assert_eq!((answer.status, &answer.body["problems"]), (200, &json!([])));
    assert_eq!(answer.body["probe"]["outcome"], "unavailable", "{answer:?}");
    assert!(answer.body["probe"]["detail"].is_string() && !answer.text.contains("canary"), "{answer:?}");
    assert_eq!(host.get("/v1/gateways/away").body["state"], "up", "a probe says nothing to the breaker");
}

#[test]
fn probes_of_a_service_that_is_silent_are_few_and_hold_up_nobody() {
    let silent = Misbehaving::at_once(|connection| connection.hang());
    let site = site("");
    let host = start(&site);
    let mut definition = to(&format!("http://{}/", silent.address));
    definition["parameters"]["TIMEOUT"] = json!(20);
    definition["submit_timeout"] = json!("2s");
    assert_eq!(host.put("/v1/gateways/silent", &definition).status, 201);
    let probe = || client::send(host.client().post(host.url("/v1/gateways/silent/check?probe=1"))).unwrap();
    let began = Instant::now();
    let answers = thread::scope(|scope| {
        let probes = (0..12).map(|_| scope.spawn(probe)).collect::<Vec<_>>();
        probes.into_iter().map(|probe| probe.join().unwrap()).collect::<Vec<_>>()
    });
    let (told, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert!(!told.is_empty() && !refused.is_empty(), "{answers:?}");
    for answer in refused {
        answer.problem(503);
        assert!(answer.headers.contains_key("retry-after"));
    }
    // Connecting is all that some providers do for a probe: what counts is that each has an end in time.
    assert!(began.elapsed().as_secs() < 60, "{answers:?}");
    assert_eq!(host.send_and_wait("outbox", TO, "meanwhile").status, 200);
}
