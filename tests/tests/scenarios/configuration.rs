//! A bad configuration ends `serve` at once: every problem, with file, line, key and how to mend it.

use gatepost_tests::{Ended, Site, gatepost};

fn serve(site: &Site) -> Ended {
    gatepost(&["serve", "--config", site.config().to_str().unwrap()])
}

/// `FILE:LINE` of the line that contains `needle`.
fn place(site: &Site, needle: &str) -> String {
    let line = site.configuration().lines().position(|line| line.contains(needle)).unwrap() + 1;
    format!("{}:{line}: ", site.config().display())
}

#[test]
fn every_problem_is_said_at_once_with_its_line() {
    let site = Site::new(
        r#"
[sotre]
kind = "embedded"
[gateways.typo]
provider = "script"
max_in_fligth = 3
[gateways.typo.parameters]
SCRIPTT = "outbox"
[gateways.unknown]
provider = "scirpt"
[gateways.outside]
provider = "script"
[gateways.outside.parameters]
SCRIPT = "../outbox"
"#,
    );
    let ended = serve(&site);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let output = ended.output();
    for (needle, key, nearest) in
        [("[sotre]", "sotre", "store"), ("max_in_fligth", "gateways.typo.max_in_fligth", "max_in_flight")]
    {
        let line = output
            .lines()
            .find(|line| line.starts_with(&(place(&site, needle) + key)))
            .unwrap_or_else(|| {
                panic!("no line for {key} in:\n{output}");
            });
        assert!(line.contains(nearest) && line.contains("; "), "{line}");
    }
    assert_no_inner_workings(&output);
}

#[test]
fn a_providers_own_problems_are_said_with_their_line_too() {
    let site = Site::new(
        r#"
[gateways.typo]
provider = "script"
[gateways.typo.parameters]
SCRIPTT = "outbox"
[gateways.unknown]
provider = "scirpt"
[gateways.outside]
provider = "script"
[gateways.outside.parameters]
SCRIPT = "../outbox"
"#,
    );
    let ended = serve(&site);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let output = ended.output();
    for (needle, key, says) in [
        ("SCRIPTT =", "gateways.typo.parameters.SCRIPTT", "SCRIPT"),
        ("provider = \"scirpt\"", "gateways.unknown.provider", "script"),
        ("SCRIPT = \"../outbox\"", "gateways.outside.parameters.SCRIPT", "; "),
    ] {
        let start = place(&site, needle) + key;
        let found = output.lines().find(|line| line.starts_with(&start));
        let line = found.unwrap_or_else(|| panic!("no line {start} in:\n{output}"));
        assert!(line.contains(says), "{line}");
    }
    assert_no_inner_workings(&output);
}

#[test]
fn a_missing_file_is_said_in_one_line() {
    let site = Site::new("");
    let missing = site.path().join("missing.toml");
    let ended = gatepost(&["serve", "--config", missing.to_str().unwrap()]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.output().contains("missing.toml"), "{ended:?}");
    assert_no_inner_workings(&ended.output());
}

#[test]
fn text_that_is_no_toml_is_said_with_its_line() {
    let site = Site::new("[gateways.broken\n");
    let ended = serve(&site);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.output().contains(&place(&site, "[gateways.broken")), "{ended:?}");
}

fn assert_no_inner_workings(output: &str) {
    for word in ["panicked", "RUST_BACKTRACE", "Error {", "Some(", "stack backtrace"] {
        assert!(!output.contains(word), "{word} in:\n{output}");
    }
}
