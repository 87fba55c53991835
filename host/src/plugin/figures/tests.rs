//! What becomes of the figures of a provider, a hostile one too.

use super::*;
use crate::{
    plugin::redaction::tests::submission,
    telemetry::metrics::{GatewayFigures, Metrics, Moment},
};
use abi_stable::std_types::RResult;
use gatepost_provider_api::Histogram;
use serde_json::json;

fn figures_of(gateway: &str, secrets: &[String]) -> Arc<Figures> {
    Figures::new("a-b".into(), gateway.into(), Arc::new(Redaction::new(secrets)))
}

fn answer(figures: &[Figure]) -> impl Future<Output = FfiResult<RString>> + use<> {
    std::future::ready(RResult::ROk(serde_json::to_string(figures).unwrap().into()))
}

fn rendered(series: Vec<Series>) -> String {
    let gateway = GatewayFigures { name: "one".into(), provided: series, ..GatewayFigures::default() };
    let moment = Moment { gateways: vec![gateway], ..Moment::default() };
    let text = String::from_utf8(Metrics::new().unwrap().render(&moment).unwrap()).unwrap();
    text.lines().filter(|line| line.contains("gatepost_provider")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn each_kind_is_shown_with_its_gateway() {
    let mut took = Histogram::new(&[0.5, 1.0]);
    took.observe(0.7);
    let given = [
        Figure::counter("parts", "Parts.", 7).label("way", "a\"b\\c"),
        Figure::gauge("open", "Open ones.", -1.5),
        Figure::histogram("round_trip", "Round trips.", took).unit("seconds"),
    ];
    let mut all = figures_of("one", &[]).shown(answer(&given)).await;
    all.extend(figures_of("two", &[]).shown(answer(&given[..1])).await);
    let expected = r#"# HELP gatepost_provider_a_b_open Open ones.
# TYPE gatepost_provider_a_b_open gauge
gatepost_provider_a_b_open{gateway="one"} -1.5
# HELP gatepost_provider_a_b_parts_total Parts.
# TYPE gatepost_provider_a_b_parts_total counter
gatepost_provider_a_b_parts_total{gateway="one",way="a\"b\\c"} 7
gatepost_provider_a_b_parts_total{gateway="two",way="a\"b\\c"} 7
# HELP gatepost_provider_a_b_round_trip_seconds Round trips.
# TYPE gatepost_provider_a_b_round_trip_seconds histogram
gatepost_provider_a_b_round_trip_seconds_bucket{gateway="one",le="0.5"} 0
gatepost_provider_a_b_round_trip_seconds_bucket{gateway="one",le="1"} 1
gatepost_provider_a_b_round_trip_seconds_bucket{gateway="one",le="+Inf"} 1
gatepost_provider_a_b_round_trip_seconds_sum{gateway="one"} 0.7
gatepost_provider_a_b_round_trip_seconds_count{gateway="one"} 1"#;
    assert_eq!(rendered(all), expected);
}

#[tokio::test]
async fn what_would_break_the_page_is_left_out_and_the_rest_is_shown() {
    let mut falling = Histogram::new(&[1.0, 2.0]);
    (falling.buckets, falling.count) = (vec![(1.0, 5), (2.0, 4)], 9);
    let many_labels =
        (0..9).fold(Figure::gauge("many", "", 0.0), |figure, n| figure.label(&format!("l{n}"), ""));
    let bad = [
        Figure::gauge("new\nline 1", "", 0.0),
        Figure::gauge("Upper", "", 0.0),
        Figure::gauge("", "", 0.0),
        Figure::gauge("total", "", 0.0),
        Figure::gauge("some_count", "", 0.0),
        Figure::gauge("some", "", 0.0).unit("bucket"),
        Figure::gauge(&"x".repeat(65), "", 0.0),
        Figure::gauge("whose", "", 0.0).label("gateway", "another"),
        Figure::gauge("twice", "", 0.0).label("a", "1").label("a", "2"),
        Figure::gauge("brace", "", 0.0).label("a}", ""),
        Figure::gauge("infinite", "", f64::INFINITY),
        Figure::histogram("falling", "", falling),
        Figure::histogram("wide", "", Histogram::new(&(0..21).map(f64::from).collect::<Vec<_>>())),
        many_labels,
    ];
    for figure in bad {
        let sound = Figure::gauge("sound", "Line\n# TYPE x gauge\nx 1", 1.0).label("a", "line\nx 1");
        let (shown, what) = figures_of("one", &[]).read(&serde_json::to_string(&[figure, sound]).unwrap());
        let lines = rendered(shown);
        assert!(what.is_some(), "{lines}");
        assert_eq!(
            lines,
            "# HELP gatepost_provider_a_b_sound Line # TYPE x gauge x 1\n# TYPE gatepost_provider_a_b_sound gauge\n\
             gatepost_provider_a_b_sound{a=\"line x 1\",gateway=\"one\"} 1"
        );
    }
    for nonsense in ["{", "{}", "null", &format!("[{}]", "0,".repeat(LONGEST))] {
        let (shown, what) = figures_of("one", &[]).read(nonsense);
        assert!(shown.is_empty() && what.is_some());
    }
}

#[tokio::test]
async fn one_name_has_one_kind_and_no_series_is_there_twice() {
    let given = [
        Figure::gauge("open", "First.", 1.0).label("a", "1").label("b", "2"),
        Figure::gauge("open", "Second.", 2.0).label("b", "2").label("a", "1"),
        Figure::histogram("open", "Third.", Histogram::new(&[1.0])).label("a", "3"),
    ];
    let lines = rendered(figures_of("one", &[]).shown(answer(&given)).await);
    let expected = "# HELP gatepost_provider_a_b_open First.\n# TYPE gatepost_provider_a_b_open gauge\n\
                    gatepost_provider_a_b_open{a=\"1\",b=\"2\",gateway=\"one\"} 1";
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn no_more_series_are_shown_than_whoever_reads_them_can_bear() {
    let figures = figures_of("one", &[]);
    let batch = |from: u32| {
        let one = |n: u32| Figure::gauge("open", "", 0.0).label("n", n.to_string());
        (from..from + 1500).map(one).collect::<Vec<_>>()
    };
    for (from, shown) in [(0, 1500), (0, 1500), (1500, 500), (5000, 0), (600, 1400)] {
        let found = Arc::clone(&figures).shown(answer(&batch(from))).await;
        assert_eq!(found.len(), shown, "from {from}");
    }
}

#[tokio::test]
async fn labels_hold_neither_secrets_nor_texts_and_no_text_changes_them() {
    let figures = figures_of("one", &["hunter2secret".into()]);
    let in_flight = ["Your code is 987654", "transceiver"]
        .map(|text| figures.redaction.protect(submission("+491701234567", text)));
    let label = |value: &str| Figure::gauge("open", "", 0.0).label("why", value);
    let given = [
        label("user:hunter2secret"),
        label("said Your code is 987654"),
        label("c987654"),
        label("to 491701234567"),
        label("transceiver"),
        label(&"x".repeat(300)),
    ];
    let shown = Arc::clone(&figures).shown(answer(&given)).await;
    let values = shown.iter().map(|series| series.labels[1].1.as_str()).collect::<Vec<_>>();
    let long = "x".repeat(LABEL);
    assert_eq!(values, ["user:***", "said ***", "c***", "to 49170*****67", "transceiver", &long]);
    drop(in_flight);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_does_not_answer_is_not_waited_for() {
    assert!(figures_of("one", &[]).shown(std::future::pending()).await.is_empty());
    let empty = std::future::ready(RResult::ROk(RString::new()));
    assert!(figures_of("one", &[]).shown(empty).await.is_empty());
    // What only a later version of the API has costs no more than itself.
    let json =
        json!([{ "name": "open", "help": "", "reading": { "summary": 1 } }, Figure::gauge("open", "", 1.0)]);
    assert_eq!(figures_of("one", &[]).read(&json.to_string()).0.len(), 1);
}
