//! Traces, as a collector of another make decodes them: one for each message, and nothing in it that is nobody's business.

use super::{TO, site, told};
use gatepost_tests::{
    Host, Site, client, eventually, in_seconds,
    peers::{collector::Collector, webhook_receiver::WebhookReceiver},
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const TEXT: &str = "canary-text says 48151623";
const PHONE: &str = "+491709998877";
const CALLER: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLERS_SPAN: &str = "b7ad6b7169203331";

/// A site whose traces go to `collector`.
fn traced(receiver: &WebhookReceiver, collector: &Collector, modes: &[&str], more: &str) -> Site {
    site(receiver, modes, &format!("{more}[telemetry]\notlp = \"{}\"\n", collector.otlp()))
}

/// Sends a message out of a span of the caller's; its id.
fn send(host: &Host, message: &Value) -> String {
    let traceparent = format!("00-{CALLER}-{CALLERS_SPAN}-01");
    let request = host.client().post(host.url("/v1/messages")).header("traceparent", traceparent);
    let answer = client::send(request.json(message)).unwrap();
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.id()
}

fn named<'s>(spans: &'s [Value], name: &str) -> Vec<&'s Value> {
    spans.iter().filter(|span| span["name"] == name).collect()
}

/// Waits for the spans of a message's trace: this many of each name.
fn until_traced(collector: &Collector, id: &str, wanted: &[(&str, usize)]) -> Vec<Value> {
    let spans = eventually(&format!("the trace of {id} is whole: {wanted:?}"), || {
        let spans = collector.trace(id);
        let whole = wanted.iter().all(|(name, count)| named(&spans, name).len() >= *count);
        whole.then_some(spans)
    });
    let all = wanted.iter().map(|(_, count)| count).sum::<usize>();
    assert_eq!(spans.len(), all, "{spans:#?}\n{}", collector.output());
    spans
}

#[test]
fn a_message_is_one_trace_from_the_request_to_the_receipt() {
    let (receiver, collector) = (WebhookReceiver::start(), Collector::start());
    let route = "[routes.default]\ngateways = [\"be-away\", \"receipt-later\"]\n";
    let site = traced(&receiver, &collector, &["be-away", "receipt-later"], route);
    let host = Host::start_in(
        &site,
        &[
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20collectors-key"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test"),
        ],
    );
    let url = receiver.url("/canary-path?token=canary-query");
    let message = json!({ "to": PHONE, "text": TEXT, "tag": "login", "callback_url": url });
    let id = send(&host, &message);
    let message = host.until_state(&id, "undelivered");
    receiver.until_taken(&[format!("msg_{id}_sent"), format!("msg_{id}_undelivered")]);
    let wanted =
        [("message", 1), ("accept", 1), ("store", 1), ("attempt", 2), ("receipt", 1), ("webhook", 2)];
    let spans = until_traced(&collector, &id, &wanted);

    let root = named(&spans, "message")[0];
    assert_eq!((&root["parent"], &root["span"]), (&json!(""), &json!(id.replace('-', "")[16..])));
    assert_eq!(root["attributes"]["gatepost.state"], "sent");
    assert_eq!(root["attributes"]["gatepost.message.id"], id);
    assert_eq!(
        (&root["attributes"]["gatepost.attempts"], &root["status"]),
        (&json!(2), &json!("STATUS_CODE_UNSET"))
    );
    let accept = named(&spans, "accept")[0];
    assert_eq!(accept["links"], json!([{ "trace": CALLER, "span": CALLERS_SPAN }]));
    assert_eq!(named(&spans, "store")[0]["parent"], accept["span"]);
    for name in ["accept", "attempt", "receipt", "webhook"] {
        for span in named(&spans, name) {
            assert_eq!(span["parent"], root["span"], "{span}");
            assert!(span["ended"].as_u64() >= span["began"].as_u64(), "{span}");
        }
    }
    for (number, (gateway, outcome, status)) in
        [("be-away", "unavailable", "STATUS_CODE_ERROR"), ("receipt-later", "accepted", "STATUS_CODE_UNSET")]
            .into_iter()
            .enumerate()
    {
        let attempts = named(&spans, "attempt");
        let attempt =
            attempts.iter().find(|span| span["attributes"]["gatepost.attempt"] == number as u64 + 1).unwrap();
        assert_eq!(attempt["attributes"]["gatepost.gateway"], gateway);
        assert_eq!(attempt["attributes"]["gatepost.outcome"], outcome);
        assert_eq!((&attempt["kind"], &attempt["status"]), (&json!("SPAN_KIND_CLIENT"), &json!(status)));
        assert_eq!(message["attempts"][number]["gateway"], gateway, "as the message itself has it");
    }
    let receipt = &named(&spans, "receipt")[0]["attributes"];
    assert_eq!(receipt["gatepost.status"], "undelivered");
    assert_eq!(named(&spans, "webhook")[0]["attributes"]["gatepost.origin"], receiver.origin());
    for span in &spans {
        assert_eq!(span["headers"]["authorization"], "Bearer collectors-key");
        assert_eq!(span["scope"], "gatepost");
        assert_eq!(span["resource"]["service.name"], "gatepost");
        assert_eq!(span["resource"]["service.version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(span["resource"]["deployment.environment.name"], "test");
    }
    assert_eq!(host.terminate().code(), Some(0));
    let all = json!(collector.spans()).to_string();
    for canary in ["canary-text", "48151623", PHONE, &PHONE[1..], "canary-path", "canary-query"] {
        assert!(!all.contains(canary), "{canary} in a span: {all}");
    }
}

#[test]
fn a_trace_survives_the_queue_and_a_kill() {
    let (receiver, collector) = (WebhookReceiver::start(), Collector::start());
    let site = traced(&receiver, &collector, &[], "");
    let host = Host::start(&site);
    let scheduled = json!({ "to": TO, "text": "x", "gateway": "outbox", "send_at": in_seconds(3) });
    let id = host.post("/v1/messages", &scheduled).id();
    until_traced(&collector, &id, &[("accept", 1), ("store", 1)]);
    host.kill();
    let host = Host::start(&site);
    host.until_state(&id, "sent");
    let spans = until_traced(&collector, &id, &[("accept", 1), ("store", 1), ("attempt", 1), ("message", 1)]);
    let root = named(&spans, "message")[0];
    assert_eq!(named(&spans, "accept")[0]["parent"], root["span"], "of the process before");
    assert_eq!(named(&spans, "attempt")[0]["parent"], root["span"]);
    let took = root["ended"].as_u64().unwrap() - root["began"].as_u64().unwrap();
    assert!(took >= 2_000_000_000, "the root spans both lives of the host: {root}");
}

#[test]
fn what_fails_expires_or_is_canceled_ends_its_trace() {
    let (receiver, collector) = (WebhookReceiver::start(), Collector::start());
    let site = traced(&receiver, &collector, &["reject"], "");
    // What other programs of the machine are told, and what this host does not speak.
    let environment = [
        ("OTEL_SERVICE_NAME", "codes"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
    ];
    let host = Host::start_in(&site, &environment);
    let send = |message: Value| {
        let answer = host.post("/v1/messages", &message);
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.id()
    };
    let failed = send(json!({ "to": TO, "text": "x", "gateway": "reject" }));
    let canceled = send(json!({ "to": TO, "text": "x", "gateway": "outbox", "send_at": in_seconds(600) }));
    let delete = host.client().delete(host.url(&format!("/v1/messages/{canceled}")));
    assert_eq!(client::send(delete).unwrap().status, 200);
    let both = [("accept", 1), ("store", 1), ("message", 1)];
    let spans = until_traced(&collector, &failed, &[&both[..], &[("attempt", 1)]].concat());
    assert_eq!(named(&spans, "message")[0]["status"], "STATUS_CODE_ERROR");
    assert_eq!(named(&spans, "attempt")[0]["attributes"]["gatepost.code"], "1404");
    let spans = until_traced(&collector, &canceled, &both);
    assert_eq!(named(&spans, "message")[0]["attributes"]["gatepost.state"], "canceled");
    assert_eq!(named(&spans, "message")[0]["resource"]["service.name"], "codes", "as the environment has it");
}

#[test]
fn the_last_spans_are_sent_before_the_host_ends() {
    let (receiver, collector) = (WebhookReceiver::start(), Collector::start());
    let site = traced(&receiver, &collector, &[], "");
    let host = Host::start(&site);
    let ids = (0..50).map(|_| host.send_and_wait("outbox", TO, "x").id()).collect::<Vec<_>>();
    assert_eq!(host.terminate().code(), Some(0));
    for id in ids {
        assert_eq!(collector.trace(&id).len(), 4, "{:?}", collector.trace(&id));
    }
}

/// Neither delivery nor the end of the host waits for a collector.
#[test]
fn a_collector_that_hangs_or_is_away_holds_up_nothing() {
    let (receiver, collector) = (WebhookReceiver::start(), Collector::start());
    let site = traced(&receiver, &collector, &[], "");
    for mode in ["hang", "fail"] {
        collector.say(mode);
        let host = Host::start(&site);
        let batch = (0..1000).map(|_| json!({ "to": TO, "text": "x", "gateway": "outbox" }));
        let batch = json!({ "messages": batch.collect::<Vec<_>>() });
        for _ in 0..5 {
            assert_eq!(host.post("/v1/messages/batch", &batch).status, 202);
        }
        assert_eq!(host.send_and_wait("outbox", TO, "x").status, 200, "{mode}");
        assert!(host.metric("gatepost_messages_accepted_total") >= 5001.0);
        eventually("the log says that nobody takes the traces", || {
            let log = host.log();
            (log.matches("the collector does not take traces").count() == 1).then_some(())
        });
        let spans = |result: &str| host.metric(&format!("gatepost_spans_total{{result=\"{result}\"}}"));
        if mode == "fail" {
            eventually("spans are given up", || (spans("failed") > 0.0).then_some(()));
            collector.say("ok");
            eventually("spans are taken again", || (spans("exported") > 0.0).then_some(()));
            collector.say("fail");
        }
        let asked = Instant::now();
        host.ask_to_end();
        assert_eq!(host.ended().code(), Some(0));
        // Submits that are going on may take their time too; the collector gets 3 s.
        assert!(asked.elapsed() < Duration::from_secs(25), "{mode}: {:?}", asked.elapsed());
        collector.say("ok");
    }
}

#[test]
fn without_a_collector_nothing_is_traced() {
    let (receiver, collector) = (WebhookReceiver::start(), Collector::start());
    let site = site(&receiver, &[], "");
    // The environment alone switches nothing on.
    let host = Host::start_in(&site, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.otlp())]);
    host.until_state(&send(&host, &told(&receiver, "outbox")), "sent");
    assert_eq!(host.terminate().code(), Some(0));
    assert_eq!(collector.spans().len(), 0);
}
