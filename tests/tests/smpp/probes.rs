//! Probes, and messages without a server: how long an SMSC that does not answer is waited for.

use super::{TEXT, TO, gateway};
use gatepost_tests::{Site, gatepost, peers::smsc::Smsc};
use serde_json::json;
use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

fn within<T>(limit: f64, work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let done = work();
    assert!(began.elapsed() < Duration::from_secs_f64(limit), "{:?}", began.elapsed());
    done
}

#[test]
fn a_probe_binds_and_sends_nothing() {
    let smsc = Smsc::start();
    let site = Site::new(&gateway("one", &smsc, ""));
    let ended = gatepost(&["check", "--probe", "--config", site.config().to_str().unwrap()]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("takes the bind"), "{ended:?}");
    smsc.until("unbind", 1);
    assert!(smsc.submits().is_empty());
    smsc.set(&json!({ "bind_status": 0x0e }));
    let ended = gatepost(&["check", "--probe", "--config", site.config().to_str().unwrap()]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let said = ended.output();
    assert!(said.contains("ESME_RINVPASWD") && !said.contains("pass5521"), "{said}");
}

#[test]
fn an_smsc_that_says_nothing_is_waited_for_no_longer_than_its_time() {
    // It takes connections, as the kernel does, and never says a word.
    let dead = TcpListener::bind("127.0.0.1:0").unwrap();
    let smsc = Smsc::start();
    let port = dead.local_addr().unwrap().port().to_string();
    let dead_gateway = gateway("one", &smsc, "RESPONSE_TIMEOUT = 1").replace(&smsc.port.to_string(), &port);
    let site = Site::new(&dead_gateway);
    let config = site.config();
    let config = config.to_str().unwrap();
    let ended = within(10.0, || gatepost(&["check", "--probe", "--config", config]));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.output().contains("binding: not done within 1 s"));
    let send = ["send", "--direct", "--config", config, "--gateway", "one", "--to", TO, TEXT];
    let ended = within(15.0, || gatepost(&send));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let said = ended.output();
    assert!(said.contains("not done within 1 s") && !said.contains("Your code"), "{said}");
}

#[test]
fn a_message_without_a_server_is_sent_over_a_bind_of_its_own() {
    let smsc = Smsc::start();
    let site = Site::new(&gateway("one", &smsc, ""));
    let config = site.config();
    let arguments =
        ["send", "--direct", "--config", config.to_str().unwrap(), "--to", TO, "--gateway", "one", TEXT];
    let ended = gatepost(&arguments);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(smsc.submits()[0]["short_message"], TEXT);
    // It takes leave.
    smsc.until("unbind", 1);
}
