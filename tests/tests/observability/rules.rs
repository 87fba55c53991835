//! The rules that ship: Prometheus's own tool reads them, and each alert is shown to fire and to keep quiet.

use gatepost_tests::peers::prometheus::{promtool, rules};
use std::fs;

/// The names of the alerts.
fn alerts() -> Vec<String> {
    let text = fs::read_to_string(rules()).unwrap();
    let alerts = text.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).map(str::to_owned);
    alerts.collect()
}

#[test]
fn prometheus_takes_the_rules() {
    let said = promtool(&["check", "rules", rules().to_str().unwrap()]);
    assert!(said.contains(&format!("SUCCESS: {} rules found", alerts().len())), "{said}");
}

#[test]
fn each_alert_fires_on_trouble_and_keeps_quiet_without() {
    let tests = rules().with_file_name("gatepost.test.yml");
    let text = fs::read_to_string(&tests).unwrap();
    for alert in alerts() {
        for what in ["fires", "keeps quiet"] {
            assert!(text.contains(&format!("name: {alert} {what}\n")), "no test shows that {alert} {what}");
        }
    }
    let said = promtool(&["test", "rules", tests.to_str().unwrap()]);
    assert!(said.contains("SUCCESS"), "{said}");
}

#[test]
fn each_alert_says_what_it_means_and_what_to_do() {
    let text = fs::read_to_string(rules()).unwrap();
    let count = |key: &str| text.lines().filter(|line| line.trim_start().starts_with(key)).count();
    for key in ["summary: ", "description: ", "runbook: ", "labels: { severity: "] {
        assert_eq!(count(key), alerts().len(), "{key}");
    }
}
