//! What providers count and measure, on `/metrics`.

use crate::gateway;
use gatepost_tests::{Host, Site, eventually, fixtures};
use std::time::{Duration, Instant};

/// The lines of `/metrics` that come from providers.
pub(crate) fn shown(host: &Host) -> Vec<String> {
    let lines = metrics(host);
    lines.lines().filter(|line| line.contains("gatepost_provider_")).map(str::to_owned).collect()
}

fn metrics(host: &Host) -> String {
    let answer = gatepost_tests::client::new().get(host.url("/metrics")).send().unwrap();
    assert_eq!(answer.status(), 200);
    answer.text().unwrap()
}

#[test]
fn figures_of_a_provider_are_shown_and_hold_no_secret() {
    let site = Site::new(&(gateway("third", "figures") + "PASSWORD = \"hunter2secret\"\n"));
    site.add_library(fixtures::courier(), "courier.so");
    let host = Host::start(&site);
    let expected = r#"# HELP gatepost_provider_courier_lines_total Lines that were written.
# TYPE gatepost_provider_courier_lines_total counter
gatepost_provider_courier_lines_total{gateway="third",kind="plain"} 3
# HELP gatepost_provider_courier_room_ratio Room that is left.
# TYPE gatepost_provider_courier_room_ratio gauge
gatepost_provider_courier_room_ratio{gateway="third",of="***"} 0.5
# HELP gatepost_provider_courier_size_bytes How long lines are.
# TYPE gatepost_provider_courier_size_bytes histogram
gatepost_provider_courier_size_bytes_bucket{gateway="third",le="10"} 0
gatepost_provider_courier_size_bytes_bucket{gateway="third",le="100"} 1
gatepost_provider_courier_size_bytes_bucket{gateway="third",le="+Inf"} 1
gatepost_provider_courier_size_bytes_sum{gateway="third"} 42
gatepost_provider_courier_size_bytes_count{gateway="third"} 1"#;
    assert_eq!(shown(&host).join("\n"), expected);
}

#[test]
fn a_hostile_provider_neither_breaks_the_page_nor_floods_it() {
    let site = Site::new(&gateway("third", "hostile-figures"));
    site.add_library(fixtures::courier(), "courier.so");
    let host = Host::start(&site);
    let lines = shown(&host);
    assert!(
        lines.contains(
            &r#"gatepost_provider_courier_sound{gateway="third",text="a\"} 1 b{c=\""} 1"#.to_owned()
        )
    );
    let values = lines.iter().filter(|line| !line.starts_with('#')).count();
    assert!((1000..=2000).contains(&values), "{values}");
    for name in ["bad", "mine", "lost"] {
        assert!(!lines.iter().any(|line| line.contains(&format!("courier_{name}"))), "{name}");
    }
    // Each line is a comment, or a name with labels and a number.
    for line in metrics(&host).lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        assert!(
            value.parse::<f64>().is_ok() && series.starts_with(|first: char| first.is_ascii_lowercase()),
            "{line}"
        );
    }
    let complaints = || host.log().matches("not all figures of the provider can be shown").count();
    eventually("it is said", || (complaints() > 0).then_some(()));
    shown(&host);
    assert_eq!(complaints(), 1, "{}", host.log());
}

#[test]
fn figures_that_panic_or_block_hold_up_neither_the_others_nor_submits() {
    let block = gateway("block", "block-in-figures");
    let panic = gateway("panic", "panic-in-figures")
        + "PASSWORD = \"hunter2secret\"
";
    let site = Site::new(&[block, panic, gateway("third", "figures")].concat());
    site.add_library(fixtures::courier(), "courier.so");
    let host = Host::start(&site);
    // More scrapes than the library has workers.
    for _ in 0..6 {
        let began = Instant::now();
        let lines = shown(&host);
        assert!(lines.iter().any(|line| line.contains("lines_total{gateway=\"third\"")), "{lines:?}");
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    }
    for name in ["block", "panic", "third"] {
        let answer = host.send_and_wait(name, "+491701234567", "beside");
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert!(host.log().contains("panicked in figures") && !host.log().contains("hunter2"), "{}", host.log());
}
