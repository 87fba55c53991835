use super::*;
use reqwest::header::HeaderMap;
use std::time::{Duration, SystemTime};

const ID: [u8; 16] = *b"\x01\x93\x5d\x2e\x77\x00\x7a\xbc\x8d\xef\x01\x23\x45\x67\x89\xab";

fn span() -> Span {
    Span::part(&ID, "attempt", SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH)
}

#[test]
fn without_a_collector_no_span_is_even_made() {
    let traces = Traces::default();
    traces.record(|| unreachable!("nobody asked for it"));
    assert!(!traces.is_on());
    assert_eq!(traces.counts().map(|(_, count)| count), [0; 3]);
}

#[test]
fn what_belongs_to_a_message_is_known_from_its_id() {
    let root = Span::root(&ID, "message", SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH).into_data();
    let (part, other) = (span().into_data(), span().into_data());
    assert_eq!(root.span_context.trace_id().to_string(), "01935d2e77007abc8def0123456789ab");
    assert_eq!(root.span_context.span_id().to_string(), "8def0123456789ab");
    assert_eq!(part.span_context.trace_id(), root.span_context.trace_id());
    assert_eq!(part.parent_span_id, root.span_context.span_id());
    assert_ne!(part.span_context.span_id(), other.span_context.span_id());
}

#[test]
fn a_caller_is_linked_whose_header_can_be_read() {
    let of = |value: &str| {
        Parent::of(&HeaderMap::from_iter([("traceparent".parse().unwrap(), value.parse().unwrap())]))
    };
    let parent = of("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap();
    let linked = span().from(Some(&parent)).into_data();
    let link = &linked.links.links[0].span_context;
    assert_eq!(link.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(link.span_id().to_string(), "b7ad6b7169203331");
    for unreadable in [
        "",
        "00",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
    ] {
        assert_eq!(of(unreadable), None, "{unreadable}");
    }
    assert_eq!(Parent::of(&HeaderMap::new()), None);
    assert!(span().from(None).into_data().links.links.is_empty());
}

#[tokio::test]
async fn a_collector_that_is_away_costs_spans_and_nobody_waits() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (traces, exporting) = Traces::to(&format!("http://{free}")).unwrap();
    let more = 3 * WAITING as u64;
    for _ in 0..more {
        traces.record(span);
    }
    // The task did not run meanwhile: this runtime has one thread, and nothing above waits.
    let [_, (_, dropped), _] = traces.counts();
    assert_eq!(dropped, more - WAITING as u64);
    exporting.end(Duration::from_millis(200)).await;
    let [(_, exported), ..] = traces.counts();
    assert_eq!(exported, 0);
}

#[tokio::test]
async fn an_export_ends_with_the_last_who_could_tell_anything() {
    let (traces, exporting) = Traces::to("http://127.0.0.1:9").unwrap();
    drop(traces);
    exporting.end(Duration::from_secs(60)).await;
}
