//! TLS, and the way to the receiver: straight.

use super::{all_sent, sent, site};
use gatepost_tests::{
    Host, Site, eventually,
    peers::{
        certificates::Authority,
        nginx::{Nginx, Tls},
        webhook_receiver::{SECRET, WebhookReceiver},
    },
};

#[test]
fn the_certificate_of_a_receiver_is_verified() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, other) =
        (Authority::new(&folder.path().join("ours")), Authority::new(&folder.path().join("other")));
    let receiver = WebhookReceiver::start();
    let tls = Tls { server: Some(ours.server("127.0.0.1")), ..Tls::default() };
    let front = Nginx::speaking(&tls, &format!("location / {{ proxy_pass {}; }}", receiver.origin()));
    let site = Site::new(&format!("[webhooks]\nallow = [{:?}]\nsecret = \"{SECRET}\"\n", front.origin()));
    let trusting = |authority: &Authority| {
        let file = authority.certificate();
        Host::start_in(&site, &[("SSL_CERT_FILE", file.to_str().unwrap()), ("SSL_CERT_DIR", "/nonexistent")])
    };
    let host = trusting(&other);
    let ids = (0..8).map(|_| sent(&host, &format!("{}/hook", front.origin()))).collect::<Vec<_>>();
    eventually("the log says what is wrong", || {
        let log = host.log();
        log.lines().any(|line| line.contains("left alone") && line.contains("certificate")).then_some(())
    });
    assert!(front.arrived().is_empty() && receiver.received().is_empty());
    host.kill();
    let _host = trusting(&ours);
    receiver.until_taken(&all_sent(&ids));
}

#[test]
fn proxies_of_the_environment_are_not_asked() {
    let receiver = WebhookReceiver::start();
    let site = site(&[&receiver], "");
    // Nobody listens there.
    let nowhere = format!("http://127.0.0.1:{}", gatepost_tests::peers::free_port());
    let names = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
    let host = Host::start_in(&site, &names.map(|name| (name, nowhere.as_str())));
    let id = sent(&host, &receiver.url("/hook"));
    receiver.until_taken(&all_sent(&[id]));
}
