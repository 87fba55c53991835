//! What goes wrong is told in words, with what mends it and an exit code.

use crate::{TO, run};
use gatepost_tests::{
    Ended, Host, Site,
    peers::{certificates::Authority, free_port},
    site::api_key,
};

/// Nothing of what a Rust program says that is not meant for people.
fn is_in_words(ended: &Ended) -> bool {
    let debug =
        ["Error {", "Error(", "Some(", "panicked", "os error", "RUST_BACKTRACE", "InvalidContentType"];
    debug.iter().all(|word| !ended.output().contains(word))
}

fn refused(arguments: &[&str], environment: &[(&str, &str)], code: i32, words: &[&str]) {
    let ended = run(arguments, environment);
    assert_eq!(ended.code, Some(code), "{arguments:?}: {ended:?}");
    assert!(is_in_words(&ended), "{ended:?}");
    assert_eq!((ended.stdout.as_str(), ended.stderr.lines().count()), ("", 1), "{ended:?}");
    for word in words {
        assert!(ended.stderr.contains(word), "{word} in {ended:?}");
    }
}

#[test]
fn a_host_that_does_not_answer_or_not_to_this_key() {
    let site = Site::new(&format!("{}{}", api_key("app", &["send"], ""), api_key("eye", &["read"], "")));
    let host = Host::start(&site);
    let url = host.url("");
    let list = ["messages", "--server", url.as_str()];
    let nobody = format!("http://127.0.0.1:{}", free_port());
    refused(&["messages", "--server", &nobody], &[], 1, &["can't be reached", "refused", "gatepost serve"]);
    refused(&list, &[], 2, &["401", "GATEPOST_API_KEY", "--api-key-file"]);
    refused(&list, &[("GATEPOST_API_KEY", "wrong")], 2, &["401", "gatepost api-key new"]);
    let gateways = ["gateways", "--server", url.as_str()];
    refused(&gateways, &[("GATEPOST_API_KEY", "app")], 2, &["403", "read", "another API key"]);
    refused(&["reload", "--server", &url], &[("GATEPOST_API_KEY", "eye")], 2, &["403", "admin"]);
    let show = ["gateways", "show", "nowhere", "--server", url.as_str()];
    refused(&show, &[("GATEPOST_API_KEY", "eye")], 2, &["404", "no such gateway", "`gatepost gateways`"]);
    let file = ["messages", "--server", url.as_str(), "--api-key-file", "/nonexistent"];
    refused(&file, &[], 2, &["/nonexistent", "No such file", "name a file"]);
    refused(&["messages", "--server", "8025"], &[], 2, &["--server", "http://127.0.0.1:8025"]);
    let tls = url.replace("http:", "https:");
    refused(&["messages", "--server", &tls], &[], 1, &["does not speak TLS", "http://"]);
}

#[test]
fn a_host_without_keys_that_is_to_be_changed() {
    let site = Site::new("");
    let host = Host::start(&site);
    let url = host.url("");
    refused(&["reload", "--server", &url], &[], 2, &["403", "gatepost api-key new", "SIGHUP"]);
    let ended = run(&["gateways", "check", "outbox", "--server", &url], &[]);
    assert!(!ended.stderr.contains("another API key"), "there is none to use: {ended:?}");
}

#[test]
fn no_remedy_is_told_twice() {
    let site = Site::new(&api_key("app", &["send", "read"], ""));
    let host = Host::start(&site);
    let url = host.url("");
    let told = |arguments: &[&str], environment: &[(&str, &str)]| {
        let ended = run(&[arguments, &["--server", &url]].concat(), environment);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        ended.stderr
    };
    let key = [("GATEPOST_API_KEY", "app")];
    let show = told(&["messages", "show", "01a20dd4-9d13-742c-b3ec-358b8a0aa766"], &key);
    assert_eq!(
        (show.matches("no such message").count(), show.matches("`gatepost messages`").count()),
        (1, 1)
    );
    let send = told(&["send", "--to", TO, "--gateway", "nowhere", "hello"], &key);
    assert!(send.trim_end().ends_with("name one that the configuration defines"), "{send}");
    let list = told(&["messages"], &[]);
    assert!(list.contains("GATEPOST_API_KEY") && !list.contains("Bearer"), "{list}");
}

#[test]
fn a_host_with_tls_that_is_spoken_to_without() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let pair = authority.server("127.0.0.1");
    let (certificate, key) = (pair.certificate.display(), pair.key.display());
    let tls = format!("tls = {{ cert = \"{certificate}\", key = \"{key}\" }}\n[store]");
    let site = Site::new("");
    site.configure(&site.configuration().replace("[store]", &tls));
    let host = Host::start_secure(&site, &authority.certificate(), &[]);
    let plain = host.url("").replace("https:", "http:");
    refused(&["messages", "--server", &plain], &[], 2, &["HTTPS", "https://"]);
}

#[test]
fn an_empty_variable_is_one_that_is_not_set() {
    let site = Site::new("");
    let host = Host::start(&site);
    let (config, url) = (site.config(), host.url(""));
    let empty =
        ["GATEPOST_CONFIG", "GATEPOST_LOG", "GATEPOST_SERVER", "GATEPOST_API_KEY"].map(|name| (name, ""));
    let listed = run(&["messages", "--server", &url], &empty);
    assert_eq!(listed.code, Some(0), "{listed:?}");
    let checked = run(&["check"], &empty);
    assert!(checked.stdout.contains("etc/gatepost/gatepost.toml"), "its own tree's: {checked:?}");
    let checked = run(&["check"], &[("GATEPOST_CONFIG", config.to_str().unwrap())]);
    assert!(checked.stdout.starts_with(config.to_str().unwrap()), "{checked:?}");
    let checked = run(&["check", "--config", config.to_str().unwrap()], &empty);
    assert!(checked.stdout.starts_with(config.to_str().unwrap()), "{checked:?}");
    let ended = run(&["check", "--config", ""], &[]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
}

#[test]
fn the_host_is_where_the_environment_or_the_configuration_says() {
    let address = format!("127.0.0.1:{}", free_port());
    let site = Site::listening_on(&address, "");
    let _host = Host::start(&site);
    let config = site.config();
    let send = ["send", "--to", TO, "--gateway", "outbox"];
    let configured = run(&[&send[..], &["--config", config.to_str().unwrap(), "one"]].concat(), &[]);
    assert_eq!(configured.code, Some(0), "{configured:?}");
    let by_variable = run(&["messages"], &[("GATEPOST_CONFIG", config.to_str().unwrap())]);
    assert!(by_variable.stdout.contains(TO), "{by_variable:?}");
    let named = run(&["messages"], &[("GATEPOST_SERVER", &format!("http://{address}"))]);
    assert!(named.stdout.contains(TO), "{named:?}");
    refused(&["messages"], &[("GATEPOST_SERVER", "http://a:hunter2@b")], 2, &["GATEPOST_SERVER"]);
    refused(&["messages", "--config", "/nonexistent"], &[], 2, &["/nonexistent"]);
}
