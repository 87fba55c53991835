mod mistakes;

use super::*;
use gatepost_provider_api::{Parameter, Problem, Section};
use std::{fs, path::Path};

const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn environment(name: &str) -> Option<String> {
    (name == "CLICKATELL_PASSWORD").then(|| "s3cret".into())
}

fn load_in(folder: &Path, text: &str) -> Result<Config, LoadError> {
    Config::load(&write_in(folder, text), &environment)
}

fn write_in(folder: &Path, text: &str) -> PathBuf {
    let file = folder.join("gatepost.toml");
    fs::write(&file, text).unwrap();
    file
}

#[test]
fn a_good_file_is_read_as_it_was_meant() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), "t0ken\n").unwrap();
    let text = format!(
        r#"
[server]
listen = "0.0.0.0:80"
[store]
path = "state"
retain = "48h"
max_queued = 1_000
[plugins]
dirs = ["/usr/lib/gatepost/providers", "mine"]
isolation = "in-process"
[plugins.pins]
http = "sha256:{HASH}"
[provider.script]
directory = "scripts"
isolation = "in-process"
[gateways.clickatell]
provider = "http"
description = "main"
valid_for = "2m"
submit_timeout = "1500ms"
max_in_flight = 3
on_uncertain = "retry"
[gateways.clickatell.parameters]
URL = "https://user:pa55@api.example/"
TIMEOUT = 1.50
CHECK_SSL = true
PARAMETER = {{ mode = "x", api_token = "inner" }}
[gateways.clickatell.options]
user = "YOU"
password = {{ env = "CLICKATELL_PASSWORD" }}
number = 1_000
when = 2026-01-01
[gateways.clickatell.headers]
X-Token = {{ file = "token" }}
[[api_keys]]
name = "app"
sha256 = "{HASH}"
scopes = ["send", "read"]
rate = "100/s"
"#
    );
    let config = load_in(folder.path(), &text).unwrap();
    assert_eq!(config.server.listen, "0.0.0.0:80".parse().unwrap());
    assert_eq!(config.store.path, folder.path().join("state"));
    assert_eq!((config.store.max_queued, config.store.retain.as_secs()), (1000, 48 * 3600));
    assert_eq!(
        config.plugins.dirs.as_deref(),
        Some(&["/usr/lib/gatepost/providers".into(), folder.path().join("mine")][..])
    );
    assert_eq!(config.plugins.pins.as_ref().unwrap()["http"], HASH);
    assert_eq!(config.api_keys[0].scopes, [Scope::Send, Scope::Read]);
    assert_eq!(config.api_keys[0].sha256[..2], [0x9f, 0x86]);
    assert_eq!(config.api_keys[0].rate, rate::parse("100/s"));
    let gateway = &config.gateways[0];
    assert_eq!((gateway.limits.valid_for.as_secs(), gateway.limits.max_in_flight), (120, 3));
    assert_eq!(gateway.limits.submit_timeout, Some(Duration::from_millis(1500)));
    let definition = &gateway.definition;
    assert_eq!(definition.text("TIMEOUT"), Some("1.50"));
    assert_eq!(definition.parameters["CHECK_SSL"], true);
    let options =
        definition.options.iter().map(|(name, value)| format!("{name}={}", value.as_str().unwrap()));
    assert_eq!(
        options.collect::<Vec<_>>(),
        ["user=YOU", "password=s3cret", "number=1000", "when=2026-01-01"]
    );
    assert_eq!(definition.headers["X-Token"], "t0ken");
    // As it stands there, and as basic authentication sends it.
    assert_eq!(gateway.secrets(None), ["dXNlcjpwYTU1", "inner", "pa55", "s3cret", "t0ken"]);
    assert!(!format!("{config:?}").contains("s3cret"));
    assert!(config.warnings.is_empty());
}

#[test]
fn what_a_file_leaves_out_has_its_default() {
    let folder = tempfile::tempdir().unwrap();
    let config =
        load_in(folder.path(), "[provider.script]\ndirectory = \"x\"\n[gateways.a]\nprovider = \"script\"")
            .unwrap();
    assert_eq!(config.server.listen, "127.0.0.1:8025".parse().unwrap());
    assert_eq!(config.store.path, folder.path().join("data"));
    assert_eq!(config.store.retain, Duration::from_secs(30 * 86_400));
    let limits = config.gateways[0].limits;
    assert_eq!((limits.valid_for.as_secs(), limits.max_in_flight, limits.rate), (600, 64, None));
    let retry = Retry { attempts: 5, first: Duration::from_secs(1), max: Duration::from_secs(60) };
    assert_eq!((limits.retry, limits.on_uncertain), (retry, OnUncertain::Retry));
    assert!(config.routes.is_empty());
    assert_eq!(config.gateways[0].definition.setting("directory"), Some("x"));
    assert_eq!(config.gateways[0].definition.settings_directory, folder.path());
    assert!(config.warnings[0].to_string().contains("there is no API key"), "{:?}", config.warnings);
}

#[test]
fn gateway_files_are_read_in_their_order_and_know_their_folder() {
    let folder = tempfile::tempdir().unwrap();
    let more = folder.path().join("gateways.d");
    fs::create_dir(&more).unwrap();
    fs::write(more.join("b.toml"), "[gateways.b]\nprovider = \"x\"").unwrap();
    fs::write(more.join("a.toml"), "[gateways.a]\nprovider = \"x\"").unwrap();
    fs::write(more.join("a.toml~"), "garbage").unwrap();
    fs::write(more.join(".a.toml"), "garbage").unwrap();
    let config = load_in(folder.path(), "[gateways.main]\nprovider = \"x\"").unwrap();
    let names = config.gateways.iter().map(|gateway| gateway.name.as_str()).collect::<Vec<_>>();
    assert_eq!(names, ["main", "a", "b"]);
    assert_eq!(config.gateways[1].definition.directory, more);

    fs::write(more.join("c.toml"), "\n[gateways.main]\nprovider = \"x\"\n[server]\n").unwrap();
    let error = load_in(folder.path(), "[gateways.main]\nprovider = \"x\"").unwrap_err().to_string();
    assert!(error.contains("c.toml:2: gateways.main: this gateway is defined twice, first at "), "{error}");
    assert!(error.contains("gatepost.toml:1; remove or rename"), "{error}");
    assert!(error.contains("c.toml:4: server: does not belong into a file of gateways.d"), "{error}");
}

#[test]
fn what_a_provider_finds_wrong_gets_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[provider.http]\nproxy = \"x\"\n[gateways.a]\nprovider = \"http\"\n[gateways.a.parameters]\nURL = \"x\"\n";
    let config = load_in(folder.path(), text).unwrap();
    let gateway = &config.gateways[0];
    for (problem, expected) in [
        (Problem::parameter("URL", "w", "m"), "6: gateways.a.parameters.URL: w; m"),
        (Problem::parameter("MISSING", "w", "m"), "5: gateways.a.parameters.MISSING: w; m"),
        (Problem::new(Section::Options, "x", "w", "m"), "3: gateways.a.options.x: w; m"),
        (Problem::setting("proxy", "w", "m"), "2: provider.http.proxy: w; m"),
        (Problem::new(Section::Definition, "", "w", "m"), "3: gateways.a: w; m"),
    ] {
        let found = gateway.problem(&problem).to_string();
        assert!(found.ends_with(&format!("gatepost.toml:{expected}")), "{found}");
    }
    let found = gateway.provider_problem("w", "m").to_string();
    assert!(found.ends_with("gatepost.toml:4: gateways.a.provider: w; m"), "{found}");
    let declaration = gatepost_provider_api::Declaration::new("").parameter(Parameter::text("URL").secret());
    assert_eq!(gateway.secrets(Some(&declaration)), ["x"]);
}

#[test]
fn a_missing_file_says_so() {
    let error = Config::load(Path::new("/nonexistent/gatepost.toml"), &environment).unwrap_err().to_string();
    assert!(error.starts_with("/nonexistent/gatepost.toml: the configuration can't be read: "), "{error}");
}

#[test]
fn no_file_makes_it_panic() {
    let good = "[server]\nlisten = \"127.0.0.1:1\"\n[gateways.a]\nprovider = \"x\"\n[gateways.a.options]\np = { env = \"A\" }\n[[api_keys]]\nname = \"a\"\n";
    let noise = ["", "\"", "[", "]]", "=", "{", "}", "\n", "\u{0}", "é", "0x", "'''", "#", ".", "1979-05-27"];
    let folder = tempfile::tempdir().unwrap();
    for (at, _) in good.char_indices() {
        for word in noise {
            let (before, after) = good.split_at(at);
            // Both with the noise put in and with it in place of what stood there.
            let rest = after.chars().skip(1).collect::<String>();
            for text in [format!("{before}{word}{after}"), format!("{before}{word}{rest}")] {
                drop(load_in(folder.path(), &text));
            }
        }
    }
}

#[test]
fn limits_and_routes_are_read_as_they_were_meant() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"
[gateways.a]
provider = "x"
rate = "600/min"
retry = { attempts = 2, max = "10s" }
on_uncertain = "fail"
[gateways.b]
provider = "x"
[routes.german]
gateways = ["b", "a"]
match = { prefix = ["+49", "+43"], tag = ["login"] }
[routes.shared]
gateways = ["a", "b"]
strategy = "weighted"
weights = { a = 3 }
[routes.default]
gateways = ["a", "b"]
strategy = "round-robin"
"#;
    let config = load_in(folder.path(), text).unwrap();
    let limits = config.gateways[0].limits;
    assert_eq!(limits.rate, Some(Rate { count: 600, per: Duration::from_secs(60) }));
    let retry = Retry { attempts: 2, first: Duration::from_secs(1), max: Duration::from_secs(10) };
    assert_eq!((limits.retry, limits.on_uncertain), (retry, OnUncertain::Fail));
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let route = |name: &str, gateways: &[&str], strategy, matching| Route {
        name: name.into(),
        gateways: names(gateways),
        strategy,
        matching,
    };
    let german = Match { prefix: names(&["+49", "+43"]), tag: names(&["login"]) };
    assert_eq!(
        config.routes,
        [
            route("german", &["b", "a"], Strategy::Failover, Some(german)),
            route("shared", &["a", "b"], Strategy::Weighted(vec![3, 1]), None),
            route("default", &["a", "b"], Strategy::RoundRobin, None),
        ]
    );
}

#[test]
fn webhooks_are_read_as_they_were_meant_and_show_neither_secret_nor_path() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("webhook"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
    let text = format!(
        r#"
[webhooks]
allow = ["https://APP.example:443", "http://127.0.0.1:9000"]
secret = {{ file = "webhook" }}
[inbound]
url = "https://elsewhere.example/inbound?token=hunter2"
[[api_keys]]
name = "app"
sha256 = "{HASH}"
callback_url = "https://app.example/hook/hunter2"
"#
    );
    let config = load_in(folder.path(), &text).unwrap();
    let allow = config.webhooks.allow.iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(allow, ["http://127.0.0.1:9000", "https://app.example"]);
    assert_eq!(config.webhooks.secret.as_ref().unwrap().expose().len(), 24);
    let inbound = config.inbound.as_ref().unwrap();
    assert_eq!(inbound.origin(), "https://elsewhere.example");
    assert_eq!(inbound.url(), "https://elsewhere.example/inbound?token=hunter2");
    let callback = config.api_keys[0].callback_url.as_ref().unwrap();
    assert_eq!(
        (callback.origin(), callback.url()),
        ("https://app.example", "https://app.example/hook/hunter2")
    );
    let shown = format!("{config:?}");
    // The key as its bytes, too.
    assert!(!shown.contains("hunter2") && !shown.contains("MfKQ") && !shown.contains("49, 242"), "{shown}");
}

#[test]
fn without_webhooks_nothing_is_allowed_and_no_secret_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let config = load_in(folder.path(), "[webhooks]\nallow = []\n[inbound]\n").unwrap();
    assert!(config.webhooks.allow.is_empty() && config.webhooks.secret.is_none() && config.inbound.is_none());
}

#[test]
fn another_collector_needs_a_restart_and_neither_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let load = |otlp: &str| load_in(folder.path(), &format!("[telemetry]\notlp = \"{otlp}\"\n")).unwrap();
    let (running, same) = (load("https://traces.example/key-1"), load("https://traces.example/key-1"));
    let (other, without) = (load("https://traces.example/key-2"), load_in(folder.path(), "").unwrap());
    assert!(same.needs_restart(&running, &[]).is_empty());
    for (next, line) in [(other, 2), (without, 1)] {
        let found = ConfigProblems::new(next.needs_restart(&running, &[])).to_string();
        let prefix = format!("{}/gatepost.toml:{line}: telemetry.otlp: ", folder.path().display());
        let words = "a change needs a restart; restart the host, or put the old value back";
        assert_eq!(found, prefix + words);
    }
}
