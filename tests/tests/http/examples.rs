//! The definitions in `config/examples`: loaded as they stand, but for the server's name, and sent through. The requests that
//! arrive are those that the services' documentation describes.

use super::{TEXT, TO, sent};
use gatepost_tests::{
    Host, Site, command,
    peers::{
        certificates::Authority,
        nginx::{Nginx, Tls},
        service::Service,
    },
    tree,
};
use std::{fs, path::Path};

fn example(name: &str) -> String {
    fs::read_to_string(tree::tree().join("etc/gatepost/examples").join(name)).unwrap()
}

/// The example with the peer in place of the service, whose certificate is a private CA's.
fn at_peer(name: &str, service: &str, peer: &Nginx, ca: &Path) -> String {
    let text = example(name);
    let line = text.lines().find(|line| line.starts_with(&format!("URL = \"{service}"))).unwrap();
    let moved = format!("{}\nCA_FILE = \"{}\"", line.replace(service, &peer.origin()), ca.display());
    text.replace(line, &moved)
}

fn tls_peer(site: &Site, locations: &str) -> (Nginx, std::path::PathBuf) {
    let authority = Authority::new(&site.path().join("ca"));
    let tls = Tls { server: Some(authority.server("127.0.0.1")), ..Tls::default() };
    (Nginx::speaking(&tls, locations), authority.certificate())
}

#[test]
fn clickatell_gets_the_get_that_it_documents() {
    let site = Site::new("");
    let peer = Nginx::answering("location /http/sendmsg { return 200 'ID: 5235abc'; }");
    let text = example("clickatell.toml").replace("http://api.clickatell.com", &peer.origin());
    site.add_gateways("clickatell.toml", &text);
    let host = Host::start_in(&site, &[("CLICKATELL_PASSWORD", "s3cr&t é")]);
    let answer = sent(&host, "clickatell");
    assert_eq!(answer.body["provider_ids"], serde_json::json!(["5235abc"]));
    let arrived = peer.only();
    assert_eq!(
        arrived.line(),
        "GET /http/sendmsg?user=YOU&password=s3cr%26t%20%C3%A9&api_id=YOUR%20API%20ID\
         &text=Your%20OTP%20value%20is%20Your%20code%20is%20123456&to=%2B491701234567 HTTP/1.1"
    );
    assert_eq!((arrived.body(), arrived.text("authorization")), ("", ""));
}

#[test]
fn clickatells_errors_come_with_200() {
    let site = Site::new("");
    let peer = Nginx::answering("location / { return 200 'ERR: 114, Cannot route message'; }");
    let text = example("clickatell.toml").replace("http://api.clickatell.com", &peer.origin());
    site.add_gateways("clickatell.toml", &text);
    let host = Host::start_in(&site, &[("CLICKATELL_PASSWORD", "x")]);
    let (outcome, code, detail) = super::refused(&host, "clickatell", TO, TEXT);
    assert_eq!((outcome.as_str(), code.as_str()), ("rejected", "200"));
    assert!(detail.contains("ERR: 114, Cannot route message"), "{detail}");
}

#[test]
fn gtx_messaging_gets_the_get_that_it_documents() {
    let site = Site::new("");
    let (peer, ca) = tls_peer(&site, "location /smsc.php { return 200 '200 OK'; }");
    let text = at_peer("gtx-messaging.toml", "https://http.gtx-messaging.net", &peer, &ca);
    site.add_gateways("gtx.toml", &text);
    let host = Host::start_in(&site, &[("GTX_PASSWORD", "pa/ss")]);
    sent(&host, "gtx-messaging");
    assert_eq!(
        peer.only().line(),
        "GET /smsc.php?user=ROUTING-ACCOUNT&pass=pa%2Fss&to=%2B491701234567\
         &text=Your%20OTP%20value%20is%20Your%20code%20is%20123456. HTTP/1.1"
    );
}

#[test]
fn twilio_gets_the_form_that_it_documents() {
    let site = Site::new("");
    let (peer, ca) = tls_peer(&site, "location / { return 201 '{\"sid\": \"SM1\"}'; }");
    let text = at_peer("twilio.toml", "https://api.twilio.com", &peer, &ca);
    site.add_gateways("twilio.toml", &text);
    let host = Host::start_in(&site, &[("TWILIO_AUTH_TOKEN", "t0ken:with:colons")]);
    sent(&host, "twilio");
    let arrived = peer.only();
    assert_eq!(arrived.line(), "POST /2010-04-01/Accounts/YOUR-ACCOUNT-SID/Messages HTTP/1.1");
    assert_eq!(arrived.body(), "From=%2B15005550006&Body=Your%20code%20is%20123456&To=%2B491701234567");
    assert_eq!(arrived.text("content_type"), "application/x-www-form-urlencoded");
    // YOUR-ACCOUNT-SID:t0ken:with:colons
    assert_eq!(arrived.text("authorization"), "Basic WU9VUi1BQ0NPVU5ULVNJRDp0MGtlbjp3aXRoOmNvbG9ucw==");
}

#[test]
fn the_commented_http_example_sends_json() {
    let site = Site::new("");
    let (peer, ca) =
        tls_peer(&site, "location / { return 202 '{\"status\": \"accepted\", \"id\": \"m-1\"}'; }");
    site.add_gateways("http.toml", &at_peer("http.toml", "https://sms.example", &peer, &ca));
    let host = Host::start_in(&site, &[("SMS_PASSWORD", "pw")]);
    assert_eq!(sent(&host, "sms").body["provider_ids"], serde_json::json!(["m-1"]));
    let arrived = peer.only();
    assert_eq!(arrived.line(), "POST /v1/accounts/7/messages HTTP/1.1");
    assert_eq!(
        arrived.body(),
        r#"{"recipients": [{"phone": "00491701234567"}], "text": "Your code is 123456", "flash": false, "sender": "ACME"}"#
    );
    assert_eq!(arrived.text("content_type"), "application/json");
}

#[test]
fn the_commented_script_example_runs_the_script() {
    let site = Site::new("");
    site.add_gateways("script.toml", &example("script.toml"));
    let host = Host::start(&site);
    sent(&host, "modem");
    assert!(site.outbox().contains(TEXT) && site.outbox().contains(&TO[1..]), "{}", site.outbox());
}

#[test]
fn every_example_is_checked_and_a_key_too_much_is_found() {
    let folder = tree::tree().join("etc/gatepost/examples");
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names = names.collect::<Vec<_>>();
    assert!(names.len() >= 8, "{names:?}");
    // It writes the file that firebase's example wants beside it.
    let firebase = Service::start("fcm_server.py", &["3600"]);
    for name in names {
        let site = Site::new("");
        let text = example(&name);
        let table = text.lines().position(|line| line.starts_with("[gateways.")).unwrap();
        let mutated = text.lines().enumerate().map(|(number, line)| {
            if number == table { format!("{line}\nnonsense = 1\n") } else { format!("{line}\n") }
        });
        site.add_gateways(&name, &mutated.collect::<String>());
        let beside = site.path().join("gateways.d/firebase-service-account.json");
        fs::copy(firebase.folder().join("account.json"), beside).unwrap();
        let mut command = command::clean(&tree::binary());
        command.args(["serve", "--config", site.config().to_str().unwrap()]);
        let variables = [
            "CLICKATELL_PASSWORD",
            "GTX_PASSWORD",
            "TWILIO_AUTH_TOKEN",
            "SMS_PASSWORD",
            "SMPP_PASSWORD",
            "SMTP_PASSWORD",
            "SIPGATE_PASSWORD",
            "SMTP_PASSWORD",
            "FIREBASE_API_KEY",
        ];
        let ended = command::run(command.envs(variables.map(|name| (name, "x"))), "");
        assert_eq!(ended.code, Some(2), "{name}: {ended:?}");
        assert_eq!(ended.stderr.lines().filter(|line| line.contains(".toml:")).count(), 1, "{ended:?}");
        let place = format!("gateways.d/{name}:{}: gateways.", table + 2);
        assert!(ended.stderr.contains(&place) && ended.stderr.contains("nonsense: unknown key"), "{ended:?}");
    }
}
