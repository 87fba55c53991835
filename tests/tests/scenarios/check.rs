//! `gatepost check`: everything that is wrong at once, in the files and as the providers see it.

use gatepost_tests::{Ended, Site, fixtures, gatepost};

fn check(site: &Site, more: &[&str]) -> Ended {
    let config = site.config();
    let arguments = ["check", "--config", config.to_str().unwrap()];
    gatepost(&[&arguments[..], more].concat())
}

/// A gateway of the test's own provider that behaves in this way.
fn courier(mode: &str) -> String {
    format!(
        "[gateways.{mode}]\nprovider = \"courier\"\nsubmit_timeout = \"500ms\"\n[gateways.{mode}.parameters]\nFILE = \"{mode}.txt\"\nMODE = \"{mode}\"\n"
    )
}

/// Each problem's line in the file and its key, in the order of the output.
fn places(site: &Site, ended: &Ended) -> Vec<(usize, String)> {
    let start = format!("{}:", site.config().display());
    let place = |line: &str| {
        let rest = line.strip_prefix(&start)?;
        let (number, rest) = rest.split_once(": ")?;
        Some((number.parse().ok()?, rest.split_once(": ")?.0.to_owned()))
    };
    ended.stderr.lines().filter_map(place).collect()
}

/// The line of the configuration that contains `needle`.
fn line(site: &Site, needle: &str) -> usize {
    site.configuration().lines().position(|line| line.contains(needle)).unwrap() + 1
}

#[test]
fn a_good_configuration_is_said_to_be_one() {
    let site = Site::new("");
    let ended = check(&site, &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stdout, format!("{}: 1 gateway, no problem\n", site.config().display()));
    let warned = |line: &str| line.starts_with("warning: ") && line.contains("there is no API key");
    assert!(ended.stderr.lines().any(warned), "{ended:?}");
    assert!(!site.data().exists(), "the store is not touched");
    assert_eq!(site.outbox(), "", "nothing is sent");
}

#[test]
fn it_checks_while_a_host_runs_on_the_same_store() {
    let site = Site::new("");
    let host = gatepost_tests::Host::start(&site);
    assert_eq!(check(&site, &[]).code, Some(0));
    assert_eq!(host.terminate().code(), Some(0));
}

const TEN: &str = r#"
[sotre]
kind = "embedded"
[[api_keys]]
name = "app"
sha256 = "the key itself"
[gateways.one]
provider = "script"
max_in_fligth = 3
[gateways.one.parameters]
SCRIPTT = "outbox"
[gateways.two]
provider = "scirpt"
[gateways.three]
provider = "script"
valid_for = "soon"
[gateways.three.parameters]
SCRIPT = "../outbox"
[gateways.four]
provider = "script"
[gateways.four.parameters]
SCRIPT = "outbox"
BACKGROUND = "sometimes"
TIMEOUT = 0
[gateways.five]
provider = "script"
[gateways.five.parameters]
SCRIPT = { env = "GATEPOST_TESTS_NO_SUCH_VARIABLE" }
"#;

#[test]
fn ten_mistakes_are_ten_problems_whoever_finds_them() {
    let site = Site::new(TEN);
    let expected = [
        ("[sotre]", "sotre"),
        ("sha256 =", "api_keys.sha256"),
        ("max_in_fligth", "gateways.one.max_in_fligth"),
        ("SCRIPTT", "gateways.one.parameters.SCRIPTT"),
        ("\"scirpt\"", "gateways.two.provider"),
        ("valid_for", "gateways.three.valid_for"),
        ("../outbox", "gateways.three.parameters.SCRIPT"),
        ("sometimes", "gateways.four.parameters.BACKGROUND"),
        ("TIMEOUT", "gateways.four.parameters.TIMEOUT"),
        ("{ env", "gateways.five.parameters.SCRIPT"),
    ]
    .map(|(needle, key)| (line(&site, needle), key.to_owned()));
    let ended = check(&site, &[]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert_eq!(places(&site, &ended), expected, "{}", ended.stderr);
    for line in ended.stderr.lines().filter(|line| !line.starts_with("warning: ")) {
        assert!(line.contains("; "), "how to mend it: {line}");
    }
    assert_eq!(ended.stdout, "");

    let served = gatepost(&["serve", "--config", site.config().to_str().unwrap(), "--log", "off"]);
    assert_eq!(served.code, Some(2), "{served:?}");
    assert_eq!(places(&site, &served), expected, "serve says the same: {}", served.stderr);
    assert!(!site.data().exists(), "a store is only opened for a configuration that is right");
}

#[test]
fn what_this_version_does_not_have_is_refused_beside_what_a_provider_refuses() {
    let site = Site::new(
        r#"
[routes.other]
gateways = ["outbux"]
[gateways.slow]
provider = "script"
rate = "50/h"
retry = { first = "1h", max = "1m" }
[gateways.slow.parameters]
SCRIPT = "missing"
"#,
    );
    let isolation = "[plugins]\nisolation = \"process\"";
    site.configure(&site.configuration().replace("[plugins]", isolation));
    let ended = check(&site, &[]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let expected = [
        ("isolation =", "plugins.isolation"),
        ("outbux", "routes.other.gateways"),
        ("rate =", "gateways.slow.rate"),
        ("retry =", "gateways.slow.retry.max"),
        ("\"missing\"", "gateways.slow.parameters.SCRIPT"),
    ]
    .map(|(needle, key)| (line(&site, needle), key.to_owned()));
    assert_eq!(places(&site, &ended), expected, "{}", ended.stderr);
    let said = ": plugins.isolation: \"process\" is not available in this version; remove it\n";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
}

#[test]
fn what_a_reference_led_to_stands_in_no_problem() {
    let site = Site::new(
        r#"
[gateways.whole]
provider = "script"
rate = { file = "secret" }
[gateways.whole.parameters]
SCRIPT = "outbox"
BACKGROUND = { file = "secret" }
[gateways.partial]
provider = "script"
[gateways.partial.parameters]
SCRIPT = { file = "missing" }
BACKGROUND = { file = "secret" }
"#,
    );
    std::fs::write(site.path().join("secret"), "hunter2hunter2").unwrap();
    let ended = check(&site, &[]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert_eq!(places(&site, &ended).len(), 4, "{ended:?}");
    assert!(!ended.output().contains("hunter2"), "{ended:?}");
}

#[test]
fn settings_for_a_provider_that_is_not_there_are_noticed() {
    let site = Site::new("[provider.scirpt]\ndirectory = \"x\"\n[provider.carrier-pigeon]\nspeed = 9\n");
    let ended = check(&site, &[]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let typo = (line(&site, "[provider.scirpt]"), "provider.scirpt".to_owned());
    assert_eq!(places(&site, &ended), [typo], "{ended:?}");
    let warned = |line: &str| line.starts_with("warning: ") && line.contains("provider.carrier-pigeon: ");
    assert!(ended.stderr.lines().any(warned), "{ended:?}");
}

#[test]
fn a_library_is_not_opened_while_the_pins_are_in_doubt() {
    let site = Site::new(
        "[gateways.typo]\nprovider = \"script\"\n[gateways.typo.parameters]\nSCRIPTT = \"outbox\"\n",
    );
    let configuration = site.configuration();
    site.configure(
        &configuration.replace("[provider.script]", "[plugins.pinns]\nscript = \"x\"\n[provider.script]"),
    );
    let ended = check(&site, &[]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert_eq!(places(&site, &ended), [(line(&site, "pinns"), "plugins.pinns".to_owned())], "{ended:?}");
}

#[test]
fn a_refused_library_is_a_warning_and_its_gateway_a_problem() {
    let site = Site::new("[gateways.fake]\nprovider = \"fake\"\n");
    std::fs::write(site.path().join("plugins/fake.so"), "no library").unwrap();
    let ended = check(&site, &[]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let warned = |line: &str| line.starts_with("warning: ") && line.contains("fake.so: refused: ");
    assert!(ended.stderr.lines().any(warned), "{ended:?}");
    let key = "gateways.fake.provider".to_owned();
    assert_eq!(places(&site, &ended), [(line(&site, "provider = \"fake\""), key)], "{ended:?}");
}

#[test]
fn a_provider_that_panics_is_a_problem_of_its_gateway() {
    let site = Site::new(&courier("panic-in-create"));
    site.add_library(fixtures::courier(), "courier.so");
    let ended = check(&site, &[]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert_eq!(places(&site, &ended).len(), 1, "{ended:?}");
    assert!(ended.stderr.contains("gateways.panic-in-create: "), "{ended:?}");
}

#[test]
fn probes_say_what_a_submit_would_come_to() {
    let site = Site::new(&["deliver", "refuse-credentials", "hang", "panic-in-submit"].map(courier).concat());
    site.add_library(fixtures::courier(), "courier.so");
    assert_eq!(check(&site, &[]).code, Some(0), "without --probe nobody is asked");
    let ended = check(&site, &["--probe"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let expected = [
        "outbox: ok: ",
        "deliver: ok: the file can be written",
        "refuse-credentials: misconfigured: wrong password (401)",
        "hang: unavailable: no answer within 0.5 s",
        "panic-in-submit: uncertain: the provider panicked in probe",
    ];
    assert_eq!(ended.stdout.lines().count(), 1 + expected.len(), "{ended:?}");
    for (line, expected) in ended.stdout.lines().skip(1).zip(expected) {
        assert!(line.starts_with(expected), "{line}");
    }
    assert_eq!(site.outbox(), "", "nothing is sent");
}

#[test]
fn probes_of_services_that_are_there_end_well() {
    let site = Site::new("");
    let ended = check(&site, &["--probe"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.lines().nth(1).unwrap().starts_with("outbox: ok: "), "{ended:?}");
}

#[test]
fn what_is_wrong_for_the_provider_is_said_beside_what_is_wrong_for_the_host() {
    let site = Site::new(
        r#"
[gateways.sms]
provider = "http"
max_in_fligth = 3
[gateways.sms.parameters]
URL = "sms.example"
HTTP_METHOD = "get"
CHEK_SSL = "no"
TIMEOUT = "soon"
REGEXP = "/+/00/"
[gateways.sms.options]
REGEXP = "x"
code = { env = "GATEPOST_TEST_NOT_SET" }
[gateways.sms.headers]
Content-Length = 5
"#,
    );
    let ended = check(&site, &[]);
    let expected = [
        ("max_in_fligth", "gateways.sms.max_in_fligth"),
        ("URL =", "gateways.sms.parameters.URL"),
        ("HTTP_METHOD", "gateways.sms.parameters.HTTP_METHOD"),
        ("CHEK_SSL", "gateways.sms.parameters.CHEK_SSL"),
        ("TIMEOUT", "gateways.sms.parameters.TIMEOUT"),
        ("REGEXP = \"/+", "gateways.sms.parameters.REGEXP"),
        ("REGEXP = \"x\"", "gateways.sms.options.REGEXP"),
        ("code =", "gateways.sms.options.code"),
        ("Content-Length", "gateways.sms.headers.Content-Length"),
    ]
    .map(|(needle, key)| (line(&site, needle), key.to_owned()));
    assert_eq!(places(&site, &ended), expected, "{}", ended.stderr);
}
