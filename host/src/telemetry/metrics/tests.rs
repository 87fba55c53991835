use super::{gateway::*, *};
use crate::message::{OutcomeKind, ReceiptStatus, State};

fn figures(name: &str, breaker: &'static str, state: &'static str) -> GatewayFigures {
    let running = Running { breaker, state, max_in_flight: 64, valid_for: Duration::from_secs(600) };
    GatewayFigures {
        name: name.into(),
        running: Some(running),
        depth: 5,
        oldest: Some(Duration::from_secs(9)),
        in_flight: 3,
        provided: Vec::new(),
    }
}

fn rendered(metrics: &Metrics, gateways: Vec<GatewayFigures>) -> String {
    let moment = Moment {
        gateways,
        webhooks_waiting: vec![("https://app.example".into(), 6)],
        store_bytes: Some((4096, 1 << 33)),
    };
    String::from_utf8(metrics.render(&moment).unwrap()).unwrap()
}

fn has(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|found| found == *line), "{line} in\n{text}");
    }
}

#[test]
fn every_figure_has_its_place_and_moves() {
    let metrics = Metrics::new().unwrap();
    metrics.accepted(1);
    metrics.replayed();
    metrics.refused("overloaded");
    metrics.queue_limit(1000);
    metrics.commit(7, Duration::from_millis(3));
    metrics.store_error("full");
    metrics.origin("https://app.example").webhooks("given_up", 4);
    metrics.requests.answered("POST", Some("/v1/messages"), "202", Duration::from_millis(2));
    metrics.requests.answered("BREW", None, "404", Duration::from_millis(2));
    let one = metrics.gateway("one");
    one.attempt("unavailable", Duration::from_millis(30));
    one.finished("sent", Some(Duration::from_secs(2)));
    one.finished("expired", None);
    one.receipt("delivered", false);
    one.matched_later(1);
    one.inbound();
    rendered(&metrics, vec![figures("one", "closed", "up")]);
    let text = rendered(&metrics, vec![figures("one", "open", "down")]);
    has(
        &text,
        &[
            "gatepost_messages_accepted_total 1",
            "gatepost_idempotent_replays_total 1",
            "gatepost_send_refused_total{reason=\"overloaded\"} 1",
            "gatepost_send_refused_total{reason=\"invalid\"} 0",
            "gatepost_queue_limit 1000",
            "gatepost_attempts_total{gateway=\"one\",outcome=\"unavailable\"} 1",
            "gatepost_attempts_total{gateway=\"one\",outcome=\"accepted\"} 0",
            "gatepost_messages_finished_total{gateway=\"one\",state=\"expired\"} 1",
            "gatepost_messages_finished_total{gateway=\"one\",state=\"sent\"} 1",
            "gatepost_receipts_total{gateway=\"one\",match=\"unmatched\",status=\"delivered\"} 1",
            "gatepost_receipts_matched_later_total{gateway=\"one\"} 1",
            "gatepost_submit_seconds_bucket{gateway=\"one\",le=\"0.05\"} 1",
            "gatepost_delivery_seconds_sum{gateway=\"one\"} 2",
            "gatepost_delivery_seconds_count{gateway=\"one\"} 1",
            "gatepost_store_commit_seconds_bucket{le=\"0.005\"} 1",
            "gatepost_store_commit_messages_sum 7",
            "gatepost_store_errors_total{error=\"full\"} 1",
            "gatepost_store_writable 1",
            "gatepost_store_bytes 4096",
            "gatepost_store_free_bytes 8589934592",
            "gatepost_in_flight{gateway=\"one\"} 3",
            "gatepost_in_flight_limit{gateway=\"one\"} 64",
            "gatepost_valid_for_seconds{gateway=\"one\"} 600",
            "gatepost_queue_depth{gateway=\"one\"} 5",
            "gatepost_queue_oldest_seconds{gateway=\"one\"} 9",
            "gatepost_webhooks_total{origin=\"https://app.example\",outcome=\"given_up\"} 4",
            "gatepost_webhooks_waiting{origin=\"https://app.example\"} 6",
            "gatepost_inbound_total{gateway=\"one\"} 1",
            "gatepost_breaker_state{gateway=\"one\",state=\"closed\"} 0",
            "gatepost_breaker_state{gateway=\"one\",state=\"open\"} 1",
            "gatepost_breaker_state{gateway=\"one\",state=\"half-open\"} 0",
            "gatepost_gateway_state{gateway=\"one\",state=\"up\"} 0",
            "gatepost_gateway_state{gateway=\"one\",state=\"down\"} 1",
            "gatepost_http_requests_total{method=\"POST\",route=\"/v1/messages\",status=\"202\"} 1",
            "gatepost_http_requests_total{method=\"other\",route=\"none\",status=\"404\"} 1",
            "gatepost_http_request_seconds_count{method=\"POST\",route=\"/v1/messages\"} 1",
            "gatepost_spans_total{result=\"dropped\"} 0",
        ],
    );
    assert!(text.contains("\nprocess_resident_memory_bytes "), "{text}");
    assert!(text.contains("\ngatepost_log_lines_total{level=\"error\"} "), "{text}");
    metrics.unwritable();
    has(&rendered(&metrics, Vec::new()), &["gatepost_store_writable 0"]);
    let unknown = String::from_utf8(metrics.render(&Moment::default()).unwrap()).unwrap();
    assert!(!unknown.contains("\ngatepost_store_bytes "), "what is not known is left out: {unknown}");
}

/// Where its alert would never end otherwise.
#[test]
fn of_a_gateway_that_is_gone_nothing_is_told_once_nobody_counts_for_it() {
    let metrics = Metrics::new().unwrap();
    let two = || vec![figures("two", "closed", "up")];
    let one = metrics.gateway("one");
    rendered(&metrics, vec![figures("one", "open", "down"), figures("two", "closed", "up")]);
    // Its last submission goes on.
    let text = rendered(&metrics, two());
    assert!(!text.contains("gatepost_gateway_state{gateway=\"one\""), "{text}");
    one.attempt("rejected", Duration::ZERO);
    has(&rendered(&metrics, two()), &["gatepost_attempts_total{gateway=\"one\",outcome=\"rejected\"} 1"]);
    drop(one);
    let text = rendered(&metrics, two());
    assert!(!text.contains("gateway=\"one\"") && text.contains("gateway=\"two\""), "{text}");
    // It comes back, as a new one.
    metrics.gateway("one").attempt("rejected", Duration::ZERO);
    let text = rendered(&metrics, vec![figures("one", "closed", "up")]);
    has(&text, &["gatepost_attempts_total{gateway=\"one\",outcome=\"rejected\"} 1"]);
}

#[test]
fn the_words_are_those_of_messages() {
    let words = |found: Vec<&'static str>, known: &[&str]| assert_eq!(found, known);
    words(OutcomeKind::ALL.iter().map(|kind| kind.as_str()).collect(), &OUTCOMES);
    words(State::ALL.iter().filter(|state| state.is_finished()).map(|state| state.as_str()).collect(), &ENDS);
    words(ReceiptStatus::ALL.iter().map(|status| status.as_str()).collect(), &STATUSES);
}
