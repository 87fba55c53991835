//! Files with mistakes: each is one problem, with its line, its key, what is wrong and how to mend it.

use super::*;

/// What is wrong with a file, without the folder before each.
fn problems(text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let Err(error) = load_in(folder.path(), text) else { return Vec::new() };
    let prefix = format!("{}/gatepost.toml:", folder.path().display());
    error.to_string().lines().map(|line| line.strip_prefix(&prefix).unwrap_or(line).to_owned()).collect()
}

#[test]
fn each_mistake_is_one_problem() {
    let cases = include_str!("mistakes.txt").split("\n--- ").skip(1).collect::<Vec<_>>();
    assert!(cases.len() >= 100, "all of them are read: {}", cases.len());
    for case in cases {
        let (expected, text) = case.split_once('\n').unwrap();
        assert_eq!(problems(text), [expected], "{text}");
    }
}

#[test]
fn a_reference_to_a_missing_file_names_the_file() {
    let found =
        problems("[gateways.a]\nprovider = \"x\"\n[gateways.a.options]\np = { file = \"missing.txt\" }");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("4: gateways.a.options.p: the file /"), "{found:?}");
    let ending = "missing.txt can't be read: No such file or directory (os error 2); make it readable, or correct the path";
    assert!(found[0].ends_with(ending), "{found:?}");
}

#[test]
fn a_file_with_ten_mistakes_reports_ten() {
    let text = r#"
[server]
listen = 5
tsl = 1
[store]
kind = "x"
retain = "1m"
max_queued = -1
[plugins]
dirs = 5
[gateways.a]
valid_for = "x"
[gateways.b]
provider = "x"
max_in_flight = "1"
colour = "red"
"#;
    let found = problems(text);
    let lines = found.iter().map(|line| line.split(':').next().unwrap().parse::<usize>().unwrap());
    assert_eq!(lines.collect::<Vec<_>>(), [3, 4, 6, 7, 8, 10, 11, 12, 15, 16], "{found:#?}");
}

#[test]
fn mistakes_in_all_tables_are_told_at_once() {
    let text = r#"
[server]
tls = { cert = "cert.pem" }
[gateways.a]
provider = "x"
rate = "fast"
retry = { first = "1s", mx = "1m" }
[routes.default]
gateways = ["b"]
strategy = "weighed"
weights = { b = 1 }
[webhooks]
allow = ["https://app.example/hook"]
secret = "whsec_short"
[inbound]
url = "/inbound"
[[api_keys]]
name = "a"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
routes = ["defualt"]
rate = "0/s"
callback_url = "hook"
"#;
    let found = problems(text);
    let keys = found.iter().map(|line| line.split(": ").nth(1).unwrap()).collect::<Vec<_>>();
    let expected = [
        "server.tls.key",
        "gateways.a.rate",
        "gateways.a.retry.mx",
        "routes.default.gateways",
        "routes.default.strategy",
        "webhooks.allow",
        "webhooks.secret",
        "inbound.url",
        "api_keys.routes",
        "api_keys.rate",
        "api_keys.callback_url",
    ];
    assert_eq!(keys, expected, "{found:#?}");
}

#[test]
fn a_callback_is_not_judged_by_origins_that_are_wrong() {
    let text = format!(
        "[webhooks]\nallow = [\"https://app.example/hook\"]\n[[api_keys]]\nname = \"a\"\nsha256 = \"{HASH}\"\n\
         callback_url = \"https://elsewhere.example\"\n"
    );
    let found = problems(&text);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with("2: webhooks.allow: "), "{found:#?}");
}

#[test]
fn what_cannot_be_read_makes_no_problem_elsewhere() {
    // The gateway of the broken file is not missed by the route.
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("gateways.d")).unwrap();
    fs::write(folder.path().join("gateways.d/a.toml"), "[gateways.a]\nprovider = ").unwrap();
    let text = "[gateways.b]\nprovider = \"x\"\n[routes.default]\ngateways = [\"a\"]";
    let draft = Config::read(&write_in(folder.path(), text), &environment).unwrap();
    assert!(draft.config.gateways[0].is_whole(), "the other gateway has all that it needs");
    let error = draft.complete().unwrap_err().to_string();
    let keys = error.lines().map(|line| line.split(": ").nth(1).unwrap()).collect::<Vec<_>>();
    assert_eq!(keys, ["TOML"], "{error}");
}

#[test]
fn a_file_that_is_no_text_is_a_problem_among_others() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("gateways.d")).unwrap();
    fs::write(folder.path().join("gateways.d/a.toml"), [0xff, 0xfe]).unwrap();
    let text = "[routes.default]\ngateways = [\"a\"]";
    let error = load_in(folder.path(), text).unwrap_err().to_string();
    assert_eq!(error.lines().count(), 1, "the gateway may be in there: {error}");
    assert!(error.contains("gateways.d/a.toml:1: file: it can't be read: "), "{error}");
}
