//! Clients of the stream of events that read nothing.

use gatepost_tests::{Host, Site, events::Events, eventually, load::Load, peers::nginx::Nginx};
use serde_json::json;
use std::time::Duration;

const IDLE: usize = 20;

/// Changes that are told: more than the sockets of a connection hold.
const CHANGES: usize = 24_000;

/// What the host may need more for them, however much they leave.
const MEMORY_KIB: u64 = 60 * 1024;

#[test]
fn clients_that_read_nothing_hold_up_nobody_and_find_everything_later() {
    let nginx = Nginx::start();
    let site = Site::new(&format!(
        "[gateways.nginx]\nprovider = \"http\"\nparameters = {{ URL = \"{}/\" }}\n",
        nginx.origin()
    ));
    let host = Host::start(&site);
    let mut idle = (0..IDLE).map(|_| Events::open(host.address, "", None).unwrap()).collect::<Vec<_>>();
    let mut busy = Events::open(host.address, "", None).unwrap();
    let send = |host: &Host| host.send_and_wait("nginx", "+491701234567", "hello");
    assert_eq!(send(&host).status, 200);
    let before = host.memory("VmRSS");
    let detail = "x".repeat(200);
    let running = Load::start(
        host.address,
        8,
        |_, _| "hello".into(),
        move |_, text| {
            json!({ "to": "+491701234567", "from": detail, "text": text, "gateway": "nginx" }).to_string()
        },
    );
    let mut numbers = Vec::new();
    while numbers.len() < CHANGES {
        numbers.push(busy.next_event().unwrap().id);
    }
    assert_eq!(running.end().statuses.keys().collect::<Vec<_>>(), [&202]);
    eventually("everything has come to its end", || {
        let under_way = host.get("/v1/messages?state=queued,sending&limit=1");
        under_way.body["messages"].as_array().unwrap().is_empty().then_some(())
    });
    let answer = send(&host);
    assert_eq!((answer.status, &answer.body["state"]), (200, &json!("sent")));
    let after = host.memory("VmRSS");
    println!("{CHANGES} changes past {IDLE} clients: {} MB more", after.saturating_sub(before) / 1024);
    assert!(after < before + MEMORY_KIB, "{before} KiB before, {after} KiB after");
    // Whoever begins to read gets all of it, in order. If it took nothing for too long, it was cut meanwhile, and comes again.
    let mut late = idle.pop().unwrap();
    for (place, number) in numbers.iter().enumerate() {
        let event = late.next_event().or_else(|_| {
            late = Events::open(host.address, "", late.last)?;
            late.next_event()
        });
        assert_eq!(event.unwrap().id, *number, "event {place}");
    }
    // Those that still read nothing hold up no end either.
    let began = std::time::Instant::now();
    assert_eq!(host.terminate().code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    drop(idle);
}
