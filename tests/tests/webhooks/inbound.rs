//! Inbound messages: what a provider hands over reaches the application, and what can't be told at once waits on disk.

use gatepost::{
    config::{Endpoint, WebhookSecret, Webhooks as Settings},
    delivery::webhooks::{Inbound, Webhooks},
    message::{Clock, Recipient, Text, Timestamp},
    store::{
        Store,
        embedded::{EmbeddedStore, Options},
    },
    telemetry::metrics::Metrics,
};
use gatepost_tests::{
    eventually,
    peers::webhook_receiver::{SECRET, WebhookReceiver},
};
use serde_json::json;
use std::{path::Path, sync::Arc, time::Duration};
use tokio::{runtime::Runtime, time::Instant};

/// The part of a host that tells applications, on its own store in `folder`.
struct Teller {
    runtime: Runtime,
    store: Arc<EmbeddedStore>,
    webhooks: Arc<Webhooks>,
}

impl Teller {
    fn start(folder: &Path, receiver: &WebhookReceiver) -> Self {
        let runtime = Runtime::new().unwrap();
        let retain = Duration::from_secs(86_400);
        let options = Options { retain, clock: Clock::System, max_pages: None, metrics: None };
        let store = Arc::new(EmbeddedStore::open(folder, options).unwrap());
        // Its origin stands in no list: that it is the address for inbound messages is enough.
        let settings = Settings { secret: WebhookSecret::parse(SECRET), ..Settings::default() };
        let inbound = Endpoint::parse(&receiver.url("/inbound")).ok();
        let metrics = Arc::new(Metrics::new().unwrap());
        let guard = runtime.enter();
        let webhooks = Webhooks::start(store.clone(), &settings, inbound, Clock::System, metrics).unwrap();
        drop(guard);
        Self { runtime, store, webhooks }
    }

    fn inbound(&self, text: &str, at: Timestamp) {
        let (from, to) = (Recipient::new("+491701234567"), Recipient::new("12345"));
        let inbound = Inbound { gateway: "smpp".into(), from, to, text: Text::new(text), at };
        self.runtime.block_on(self.webhooks.inbound(inbound)).unwrap();
    }

    fn nothing_waits(&self) -> bool {
        let store: &dyn Store = &*self.store;
        store.webhooks_waiting().is_empty()
    }

    fn stop(self) {
        self.runtime.block_on(self.webhooks.drain(Instant::now()));
        self.runtime.block_on(self.store.close());
    }
}

#[test]
fn an_inbound_message_reaches_the_application_whenever_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut receiver = WebhookReceiver::start();
    let teller = Teller::start(folder.path(), &receiver);
    let at = Clock::System.now();
    teller.inbound("STOP \u{1f6d1} \"now\"\n", at);
    let told = receiver.until_asked(1).remove(0);
    let data = json!({
        "gateway": "smpp", "from": "+491701234567", "to": "12345", "text": "STOP \u{1f6d1} \"now\"\n",
        "received_at": at.to_string(),
    });
    assert_eq!(told.path, "/inbound");
    assert_eq!(told.body, json!({ "type": "message.inbound", "timestamp": at.to_string(), "data": data }));

    receiver.go_down();
    for number in 0..3 {
        teller.inbound(&format!("message {number}"), at);
    }
    teller.stop();
    receiver.come_back();
    let teller = Teller::start(folder.path(), &receiver);
    let received = receiver.until_asked(4);
    let mut texts =
        received[1..].iter().map(|told| told.body["data"]["text"].as_str().unwrap()).collect::<Vec<_>>();
    texts.sort_unstable();
    assert_eq!(texts, ["message 0", "message 1", "message 2"]);
    eventually("nothing waits", || teller.nothing_waits().then_some(()));
    teller.stop();
}
