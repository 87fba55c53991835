//! Routes: failover at once, explained beforehand, one history of attempts; messages that wait, are canceled, are sent once.

use gatepost_tests::{Ended, Host, Site, client, command, in_seconds, tree};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const TO: &str = "+491701234567";

const GATEWAYS: &str = r#"
[gateways.away]
provider = "script"
[gateways.away.parameters]
SCRIPT = "away"
[gateways.broken]
provider = "script"
[gateways.broken.parameters]
SCRIPT = "breaking"
[routes.german]
gateways = ["outbox"]
match = { prefix = ["+49"], tag = ["login"] }
[routes.default]
gateways = ["away", "broken", "outbox"]
"#;

fn site() -> Site {
    let site = Site::new(GATEWAYS);
    site.add_script("away", "#!/bin/sh\nexit 75\n");
    site.add_script("breaking", "#!/bin/sh\nexit 3\n");
    site
}

fn talk(host: &Host, arguments: &[&str]) -> Ended {
    let url = format!("http://{}", host.address);
    command::run(command::clean(&tree::binary()).args(arguments).args(["--server", &url]), "")
}

#[test]
fn a_message_goes_on_at_once_until_a_gateway_takes_it() {
    let (site, began) = (site(), Instant::now());
    let host = Host::start(&site);
    let answer = host.post("/v1/messages?wait=30", &json!({ "to": TO, "text": "hello" }));
    assert_eq!(answer.status, 200, "{answer:?}");
    let attempts = answer.body["attempts"].as_array().unwrap();
    let tried = attempts
        .iter()
        .map(|attempt| (attempt["gateway"].as_str().unwrap(), attempt["outcome"].as_str().unwrap()));
    assert_eq!(
        tried.collect::<Vec<_>>(),
        [("away", "unavailable"), ("broken", "rejected"), ("outbox", "accepted")]
    );
    assert_eq!((&answer.body["route"], &answer.body["gateway"]), (&json!("default"), &json!("outbox")));
    assert_eq!(states(&answer.body), ["queued", "sending", "sent"]);
    assert!(began.elapsed() < Duration::from_secs(10), "no backoff between gateways");
    assert!(site.outbox().contains("hello"));

    let answer = host.post("/v1/messages?wait=30", &json!({ "to": TO, "text": "code", "tag": "login" }));
    assert_eq!((answer.status, &answer.body["route"]), (200, &json!("german")));
    assert_eq!(answer.body["attempts"].as_array().unwrap().len(), 1);
    // What was stored is what was answered.
    assert_eq!(host.message(&answer.id()), answer.body);
}

#[test]
fn routes_explain_themselves_on_the_command_line() {
    let site = site();
    let host = Host::start(&site);
    let explained = talk(&host, &["routes", "explain", "--to", TO]);
    assert_eq!(explained.code, Some(0), "{explained:?}");
    let lines = explained.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    assert_eq!(
        lines.collect::<Vec<_>>(),
        [
            "route default",
            "GATEWAY NOW WHY",
            "1. away usable up",
            "2. broken usable up",
            "3. outbox usable up"
        ]
    );
    let json = talk(&host, &["routes", "explain", "--to", TO, "--tag", "login", "--json"]);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&json["route"], &json["gateways"][0]["name"]), (&json!("german"), &json!("outbox")));
    let listed = talk(&host, &["routes"]);
    for words in
        ["german", "to +49… with tag login", "default", "what no other takes", "away, broken, outbox"]
    {
        assert!(listed.stdout.contains(words), "{words} in {}", listed.stdout);
    }

    // After five failures the breaker is open, and says so.
    for _ in 0..5 {
        assert_eq!(host.post("/v1/messages?wait=30", &json!({ "to": TO, "text": "x" })).status, 200);
    }
    let explained = talk(&host, &["routes", "explain", "--to", TO]);
    let away = explained.stdout.lines().find(|line| line.contains("away")).unwrap();
    assert!(
        away.contains("not now") && away.contains("breaker open") && away.contains("unavailable"),
        "{away}"
    );
    assert_eq!(host.get("/readyz").body["gateways"]["away"], "down");
    let answer = host.post("/v1/messages?wait=30", &json!({ "to": TO, "text": "x" }));
    assert_eq!(answer.body["attempts"][0]["gateway"], "broken");
}

#[test]
fn the_command_line_sends_along_routes() {
    let site = site();
    let host = Host::start(&site);
    let sent = talk(&host, &["send", "--to", TO, "--tag", "login", "by its match"]);
    assert_eq!(sent.code, Some(0), "{sent:?}");
    let sent = talk(&host, &["send", "--to", "+1555", "--route", "german", "--json", "by its name"]);
    let message: Value = serde_json::from_str(&sent.stdout).unwrap();
    assert_eq!((&message["state"], &message["route"]), (&json!("sent"), &json!("german")));
    assert!(site.outbox().contains("by its match") && site.outbox().contains("by its name"));

    let refused = talk(&host, &["send", "--to", "", "--route", "germna", "--tag", "a\nb", "x"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    for words in
        ["route: there is no such route; did you mean `german`?", "to: must not be empty", "tag: must"]
    {
        assert!(refused.stderr.contains(words), "{words} in {}", refused.stderr);
    }
    assert!(!site.outbox().contains('x'), "nothing of it went out");
}

/// Like one that names its gateway, it must not contact what it does not need.
#[test]
fn a_message_without_server_starts_the_gateways_of_its_route_alone() {
    let site = site();
    // Its provider does not take it, so that no host would start with it.
    site.configure(&format!("{}\n[gateways.wrong]\nprovider = \"script\"\n", site.configuration()));
    let config = site.config();
    let send = |arguments: &[&str]| {
        let mut command = command::clean(&tree::binary());
        command.args(["send", "--direct", "--to", TO, "--config"]).arg(&config).args(arguments);
        command::run(&mut command, "")
    };
    for arguments in [&["--route", "german", "x"][..], &["--tag", "login", "x"], &["--route", "default", "x"]]
    {
        let sent = send(arguments);
        assert_eq!(sent.code, Some(0), "{arguments:?} {sent:?}");
        assert!(sent.stdout.contains("gateway=outbox"), "{arguments:?} {sent:?}");
    }
    assert_eq!(send(&["--gateway", "wrong", "x"]).code, Some(2));
}

#[test]
fn a_message_waits_for_its_time_and_can_be_canceled() {
    let site = site();
    let host = Host::start(&site);
    let message = json!({ "to": TO, "text": "later", "gateway": "outbox", "send_at": in_seconds(3600) });
    let id = host.post("/v1/messages", &message).id();
    let shown = talk(&host, &["messages", "show", &id]);
    assert!(shown.stdout.contains("queued") && shown.stdout.contains(&id), "{shown:?}");
    let canceled = talk(&host, &["messages", "cancel", &id, "--json"]);
    assert_eq!(canceled.code, Some(0), "{canceled:?}");
    assert_eq!(serde_json::from_str::<Value>(&canceled.stdout).unwrap()["state"], "canceled");
    let again = talk(&host, &["messages", "cancel", &id]);
    assert_eq!(again.code, Some(2), "{again:?}");
    assert!(again.stderr.contains("it is canceled"), "{again:?}");
    let sent = host.send_and_wait("outbox", TO, "at once").id();
    let late = host.client().delete(host.url(&format!("/v1/messages/{sent}")));
    let late = client::send(late).unwrap();
    late.problem(409);
    assert!(late.body["detail"].as_str().unwrap().starts_with("it is sent"), "{late:?}");
    assert!(!site.outbox().contains("later"));

    let soon = json!({ "to": TO, "text": "soon", "gateway": "outbox", "send_at": in_seconds(2) });
    let began = Instant::now();
    let id = host.post("/v1/messages", &soon).id();
    assert_eq!(host.message(&id)["state"], "queued");
    host.until_state(&id, "sent");
    assert!(began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());
}

#[test]
fn a_request_with_a_key_is_carried_out_once_even_across_a_kill() {
    let site = site();
    let message = json!({ "to": TO, "text": "once", "gateway": "outbox" });
    let send = |host: &Host, body: &Value| {
        let request =
            host.client().post(host.url("/v1/messages?wait=30")).header("idempotency-key", "order-77");
        client::send(request.json(body)).unwrap()
    };
    let host = Host::start(&site);
    let first = send(&host, &message);
    assert_eq!(first.status, 200, "{first:?}");
    host.kill();
    let host = Host::start(&site);
    let again = send(&host, &message);
    assert_eq!((again.status, again.id()), (200, first.id()));
    assert_eq!(site.outbox().lines().count(), 1);
    let other = json!({ "to": TO, "text": "other", "gateway": "outbox" });
    send(&host, &other).problem(409);
}

#[test]
fn what_nobody_takes_in_time_expires() {
    // More attempts than there is time for, however short its random pauses are.
    let patient = "[gateways.away]\nprovider = \"script\"\nretry = { attempts = 100 }\nparameters = { SCRIPT = \"away\" }\n";
    let site = Site::new(patient);
    site.add_script("away", "#!/bin/sh\nexit 75\n");
    let host = Host::start(&site);
    let message = json!({ "to": TO, "text": "late", "gateway": "away", "valid_for": "2s" });
    let answer = host.post("/v1/messages?wait=30", &message);
    answer.problem(502);
    assert_eq!(answer.body["message"]["state"], "expired", "{answer:?}");
    assert!(answer.body["message"]["attempts"].as_array().unwrap().len() >= 2, "{answer:?}");
}

#[test]
fn what_was_queued_before_a_gateway_went_goes_on_without_it() {
    let site = site();
    let host = Host::start(&site);
    let message = json!({ "to": TO, "text": "patient", "send_at": in_seconds(2) });
    let id = host.post("/v1/messages", &message).id();
    assert_eq!(host.message(&id)["gateway"], "away");
    assert_eq!(host.terminate().code(), Some(0));
    let without = site.configuration().replace(
        "[gateways.away]\nprovider = \"script\"\n[gateways.away.parameters]\nSCRIPT = \"away\"\n",
        "",
    );
    site.configure(&without.replace("\"away\", ", ""));
    let host = Host::start(&site);
    let message = host.until_state(&id, "sent");
    assert_eq!(message["gateway"], "outbox");
}

fn states(message: &Value) -> Vec<&str> {
    message["events"].as_array().unwrap().iter().map(|event| event["state"].as_str().unwrap()).collect()
}

#[test]
fn metrics_count_what_happened() {
    let site = site();
    let host = Host::start(&site);
    for _ in 0..3 {
        assert_eq!(host.post("/v1/messages?wait=30", &json!({ "to": TO, "text": "x" })).status, 200);
    }
    host.post(
        "/v1/messages",
        &json!({ "to": TO, "text": "x", "gateway": "outbox", "send_at": in_seconds(600) }),
    );
    let answer = host.get("/metrics");
    assert_eq!(
        (answer.status, answer.content_type.as_str()),
        (200, "text/plain; version=0.0.4; charset=utf-8")
    );
    for line in [
        "gatepost_messages_accepted_total 4",
        "gatepost_messages_finished_total{gateway=\"outbox\",state=\"sent\"} 3",
        "gatepost_attempts_total{gateway=\"away\",outcome=\"unavailable\"} 3",
        "gatepost_attempts_total{gateway=\"broken\",outcome=\"rejected\"} 3",
        "gatepost_attempts_total{gateway=\"outbox\",outcome=\"accepted\"} 3",
        "gatepost_submit_seconds_count{gateway=\"away\"} 3",
        "gatepost_delivery_seconds_count{gateway=\"outbox\"} 3",
        "gatepost_queue_depth{gateway=\"outbox\"} 1",
        "gatepost_queue_depth{gateway=\"away\"} 0",
        "gatepost_in_flight{gateway=\"outbox\"} 0",
        "gatepost_breaker_state{gateway=\"away\",state=\"closed\"} 1",
    ] {
        assert!(answer.text.lines().any(|found| found == line), "{line} in\n{}", answer.text);
    }
    for name in [
        "gatepost_store_commit_seconds_count ",
        "gatepost_store_commit_messages_sum ",
        "process_cpu_seconds_total ",
    ] {
        let found = answer
            .text
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap_or_else(|| panic!("no {name}"));
        assert!(found.parse::<f64>().unwrap() >= 0.0);
    }
}
