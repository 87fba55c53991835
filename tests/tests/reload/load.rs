//! Reloads in the middle of a stream of messages: gateways change, come and go, and every other configuration is wrong.

use crate::{ADMIN, admin, courier, delivered, refusals, start};
use gatepost_tests::{Host, Site, eventually, fixtures, load::Connection};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    env,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const CLIENTS: u32 = 5;
/// Of each client: 500 messages a second in all.
const PAUSE: Duration = Duration::from_millis(10);
/// Messages between two reloads.
const BETWEEN: usize = 100;
/// Where the wrong line of a wrong file is.
const WRONG_LINE: usize = 3;

/// How often the configuration is reloaded.
fn reloads() -> usize {
    env::var("GATEPOST_RELOADS").map_or(10, |reloads| reloads.parse().unwrap())
}

/// Id and text of what was accepted.
type Accepted = Arc<Mutex<Vec<(String, String)>>>;

/// The routes and gateways as they are the `number`th time: one always changes, one comes and goes, two stay as they are.
fn configuration(number: usize) -> (String, String) {
    let comes = number.is_multiple_of(2);
    let order = if comes { "\"passing\", \"changing\", \"steady\"" } else { "\"changing\", \"steady\"" };
    let changing = courier("changing", "deliver", &format!("max_in_flight = {}", 8 + number));
    let passing = if comes { courier("passing", "deliver", "") } else { String::new() };
    (format!("[routes.default]\ngateways = [{order}]\n"), changing + &passing)
}

fn write(site: &Site, base: &str, number: usize) {
    let (routes, gateways) = configuration(number);
    site.configure(&format!("{base}{routes}"));
    site.add_gateways("flow.toml", &gateways);
}

#[test]
fn no_message_is_lost_or_sent_twice_under_load() {
    let reloads = reloads();
    let site = Site::new(&(courier("steady", "deliver", "") + &admin()));
    site.add_library(fixtures::courier(), "courier.so");
    let base = site.configuration();
    write(&site, &base, 0);
    let host = start(&site);

    let (accepted, over) = (Accepted::default(), Arc::new(AtomicBool::new(false)));
    let clients = (0..CLIENTS).map(|client| {
        let (accepted, over, address) = (Arc::clone(&accepted), Arc::clone(&over), host.address);
        thread::spawn(move || send(client, address, &accepted, &over))
    });
    let clients = clients.collect::<Vec<_>>();
    let count = || accepted.lock().unwrap().len();
    let began = Instant::now();
    let mut longest = Duration::ZERO;
    for number in 1..=reloads {
        let before = count();
        eventually("messages flow", || (count() >= before + BETWEEN).then_some(()));
        let (is_right, by_signal) = (number.is_multiple_of(2), number % 4 < 2);
        let asked = Instant::now();
        if is_right {
            write(&site, &base, number / 2);
            is_taken(&host, by_signal);
        } else {
            site.add_gateways(
                "flow.toml",
                "[gateways.changing]\nprovider = \"courier\"\nmax_in_fligth = 3\n",
            );
            is_refused(&host, by_signal);
        }
        longest = longest.max(asked.elapsed());
    }
    over.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().unwrap();
    }
    let accepted = Arc::into_inner(accepted).unwrap().into_inner().unwrap();
    println!(
        "{} messages at {:.0}/s, {reloads} reloads, the longest took {} ms",
        accepted.len(),
        accepted.len() as f64 / began.elapsed().as_secs_f64(),
        longest.as_millis()
    );
    every_one_arrived_once(&host, &site, &accepted);
    assert_eq!(host.terminate().code(), Some(0));
}

/// One client's stream, until it is over. A part of it waits for the outcome.
fn send(client: u32, address: SocketAddr, accepted: &Accepted, over: &AtomicBool) {
    let mut connection = Connection::open(address).unwrap().with_key(ADMIN);
    let (wait, expected) = if client == 0 { ("?wait=30", 200) } else { ("", 202) };
    for number in 0.. {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let (began, text) = (Instant::now(), format!("{client}-{number}"));
        let mut message = json!({ "to": "+491701234567", "text": text });
        match client {
            1 => message["gateway"] = "changing".into(),
            2 => message["gateway"] = "steady".into(),
            _ => {}
        }
        let (status, body) = connection.post(&format!("/v1/messages{wait}"), &message.to_string()).unwrap();
        assert_eq!(status, expected, "{body}");
        let body = serde_json::from_str::<Value>(&body).unwrap();
        accepted.lock().unwrap().push((body["id"].as_str().unwrap().to_owned(), text));
        thread::sleep(PAUSE.saturating_sub(began.elapsed()));
    }
}

fn logged(host: &Host, words: &str) -> usize {
    host.log().lines().filter(|line| line.contains(words)).count()
}

fn is_taken(host: &Host, by_signal: bool) {
    const TAKEN: &str = "the configuration was reloaded";
    let before = logged(host, TAKEN);
    if by_signal {
        host.ask_to_reload();
        eventually("the signal is followed", || (logged(host, TAKEN) > before).then_some(()));
    } else {
        let answer = host.reload();
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.body["gateways"]["changed"], json!(["changing"]), "{answer:?}");
        // The outbox, the steady one, and perhaps the one that comes and goes.
        assert!(answer.body["gateways"]["kept"].as_u64().unwrap() >= 2, "{answer:?}");
    }
}

fn is_refused(host: &Host, by_signal: bool) {
    let expected = format!(
        "flow.toml:{WRONG_LINE}: gateways.changing.max_in_fligth: unknown key; did you mean max_in_flight?"
    );
    if by_signal {
        let before = logged(host, &expected);
        host.ask_to_reload();
        eventually("the signal is followed", || (logged(host, &expected) > before).then_some(()));
    } else {
        let refusals = refusals(host);
        assert!(refusals.iter().any(|refusal| refusal.ends_with(&expected)), "{refusals:?}");
    }
}

fn every_one_arrived_once(host: &Host, site: &Site, accepted: &[(String, String)]) {
    let left = || host.metric("gatepost_queue_depth{gateway=\"changing\"}");
    eventually("the queues are empty", || {
        let text = host.get("/metrics").text;
        let depths = text.lines().filter(|line| line.starts_with("gatepost_queue_depth{"));
        depths.into_iter().all(|line| line.ends_with(" 0")).then_some(())
    });
    assert!(left() < 1.0);
    let mut arrived = HashMap::<String, usize>::new();
    for name in ["steady", "changing", "passing"] {
        for line in delivered(site, name).lines() {
            *arrived.entry(line.rsplit('\t').next().unwrap().to_owned()).or_default() += 1;
        }
    }
    let wrong = accepted.iter().filter(|(_, text)| arrived.get(text) != Some(&1)).collect::<Vec<_>>();
    assert!(wrong.is_empty(), "{} lost or sent twice: {:?}", wrong.len(), wrong.first());
    assert_eq!(arrived.len(), accepted.len());
    for (id, _) in accepted.iter().step_by(50) {
        assert_eq!(host.message(id)["state"], "sent");
    }
    // What is taken out of the configuration and has nothing left is not told of any more.
    let (_, gateways) = configuration(reloads() / 2);
    let told = host.get("/metrics").text.contains("gateway=\"passing\"");
    assert_eq!(told, gateways.contains("passing"));
}
