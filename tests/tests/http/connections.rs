//! Connections are kept for the next message, and there are no more of them than submits at once.

use super::{TEXT, TO, sent};
use gatepost_tests::{
    Host, Site,
    peers::{misbehaving::Misbehaving, nginx::Nginx},
};
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

#[test]
fn one_connection_serves_many_messages() {
    let peer = Nginx::start();
    let site = Site::new(&format!(
        "[gateways.kept]\nprovider = \"http\"\nparameters = {{ URL = \"{}/\", HTTP_METHOD = \"POST\" }}\n",
        peer.origin()
    ));
    let host = Host::start(&site);
    for _ in 0..20 {
        sent(&host, "kept");
    }
    let arrived = peer.until_arrived(20);
    assert!(
        arrived.iter().all(|request| request.text("connection") == arrived[0].text("connection")),
        "{arrived:?}"
    );
}

#[test]
fn there_are_no_more_connections_than_max_in_flight() {
    let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, peak) = (Arc::clone(&open), Arc::clone(&most));
    let server = Misbehaving::start(move |connection| {
        peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        // Long enough that all that may be open at once are.
        thread::sleep(Duration::from_millis(100));
        now.fetch_sub(1, Ordering::SeqCst);
        connection.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK");
    });
    let site = Site::new(&format!(
        "[gateways.narrow]\nprovider = \"http\"\nmax_in_flight = 3\nparameters = {{ URL = \"http://{}/\" }}\n",
        server.address
    ));
    let host = Host::start(&site);
    let ids = (0..20).map(|_| {
        let answer = host.post("/v1/messages", &json!({ "to": TO, "text": TEXT, "gateway": "narrow" }));
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.id()
    });
    for id in ids.collect::<Vec<_>>() {
        host.until_state(&id, "sent");
    }
    assert_eq!(most.load(Ordering::SeqCst), 3);
}
