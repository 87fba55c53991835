//! What a definition and its server can have wrong, found before anything is sent; and the example, loaded as it stands.

use super::{TEXT, contents::body, gateway, sent_with, server};
use gatepost_tests::{
    Ended, Host, Site, gatepost,
    peers::{
        certificates::Authority,
        smtp::{PASSWORD, SmtpServer, Speaking},
    },
    tree,
};
use std::fs;

fn check(site: &Site) -> Ended {
    gatepost(&["check", "--config", site.config().to_str().unwrap()])
}

#[test]
fn each_mistake_is_named_with_its_place() {
    let base = server("peer", 25, "");
    for (servers, gateway, key, words) in [
        (
            base.clone(),
            gateway("g", "per", "a@b.test", ""),
            "SMTPIDENTIFIER",
            "there is no SMTP server \"per\"",
        ),
        (base.clone(), gateway("g", "peer", "{phone} at b.test", ""), "MAILTO", "can't become an address"),
        (base.clone(), gateway("g", "peer", "a@b.test", "REGEXP = '/+/00/'"), "REGEXP", ""),
        (base.clone(), gateway("g", "peer", "a@b.test", "SUBJCT = 'x'"), "SUBJCT", "did you mean SUBJECT?"),
        (
            base.clone(),
            gateway("g", "peer", "a@b.test", "SMTPIDENTIFIED = 'peer'"),
            "SMTPIDENTIFIED",
            "are the same parameter",
        ),
        (
            base.replace("sender = \"gatepost@sender.test\"", ""),
            gateway("g", "peer", "a@b.test", ""),
            "SMTPIDENTIFIER",
            "`sender` of [smtp_servers.peer] is missing",
        ),
        (
            base.replace("sender = \"gatepost@sender.test\"", "username = 'jürgen@sender.test'"),
            gateway("g", "peer", "a@b.test", ""),
            "SMTPIDENTIFIER",
            "`sender` of [smtp_servers.peer] is missing",
        ),
        (
            base.replace("gatepost@sender.test", "gatepost"),
            gateway("g", "peer", "a@b.test", ""),
            "SMTPIDENTIFIER",
            "`sender` of [smtp_servers.peer] is no mail address",
        ),
        (
            base.replace("127.0.0.1", "mail server"),
            gateway("g", "peer", "a@b.test", ""),
            "SMTPIDENTIFIER",
            "`host` of [smtp_servers.peer] is neither a name nor an address",
        ),
        (
            server("peer", 25, "tls = \"tls\"\nca_file = \"nowhere.pem\""),
            gateway("g", "peer", "a@b.test", ""),
            "SMTPIDENTIFIER",
            "`ca_file` of [smtp_servers.peer] can't be used",
        ),
        (
            server("peer", 25, "tls = \"tls\"\nca_file = \"gatepost.toml\""),
            gateway("g", "peer", "a@b.test", ""),
            "SMTPIDENTIFIER",
            "there is no certificate in it",
        ),
    ] {
        let site = Site::new(&(servers + &gateway));
        let ended = check(&site);
        let all = ended.stdout.clone() + &ended.stderr;
        assert_eq!(ended.code, Some(2), "{words}: {ended:?}");
        let found = all.lines().filter(|line| line.contains("gatepost.toml:")).collect::<Vec<_>>();
        let of_gateway = found.iter().filter(|line| line.contains("gateways.g")).collect::<Vec<_>>();
        assert_eq!(of_gateway.len(), 1, "{words}: {all}");
        assert!(of_gateway[0].contains(&format!("gateways.g.parameters.{key}: ")), "{all}");
        assert!(of_gateway[0].contains(words), "{words}: {all}");
    }
}

#[test]
fn what_is_worth_a_look_is_a_warning() {
    let site = Site::new(
        &(server("open", 25, "username = \"u\"\npassword = \"hunter22\"")
            + &server("half", 25, "username = \"u\"")
            + &server("trusting", 25, "tls = \"starttls\"\nverify = false")
            + &gateway("open", "open", "a@b.test", "")
            + &gateway("half", "half", "a@b.test", "")
            + &gateway("trusting", "trusting", "a@b.test", "")),
    );
    let ended = check(&site);
    let all = ended.stdout.clone() + &ended.stderr;
    assert_eq!(ended.code, Some(0), "{all}");
    for words in [
        "`password` of [smtp_servers.open] is sent unencrypted",
        "`username` of [smtp_servers.half] is there without `password`",
        "`verify` of [smtp_servers.trusting] is false",
    ] {
        assert!(all.contains(words), "{words}: {all}");
    }
    assert!(!all.contains("hunter22"), "{all}");
}

#[test]
fn the_seed_s_other_name_is_taken_too() {
    let peer = SmtpServer::start();
    let other = gateway("mail", "peer", "a@sms.test", "").replace("SMTPIDENTIFIER", "SMTPIDENTIFIED");
    let site = Site::new(&(server("peer", peer.port, "") + &other));
    let host = Host::start(&site);
    sent_with(&host, "mail", "x", TEXT);
    assert_eq!(peer.arrived().len(), 1);
}

#[test]
fn the_commented_example_sends_a_mail() {
    let site = Site::new("");
    let authority = Authority::new(&site.path().join("ca"));
    let certificate = Some(authority.server("127.0.0.1"));
    let peer = SmtpServer::speaking(&Speaking { certificate, auth: &["PLAIN"], ..Speaking::default() });
    let text = fs::read_to_string(tree::tree().join("etc/gatepost/examples/smtp.toml")).unwrap();
    let moved = text
        .replace("host = \"mail.example.com\"", "host = \"127.0.0.1\"")
        .replace("port = 587", &format!("port = {}", peer.port))
        .replace("username = \"gatepost\"", &format!("username = \"{}\"", gatepost_tests::peers::smtp::USER))
        .replace(
            "timeout = \"10s\"",
            &format!("timeout = \"10s\"\nca_file = \"{}\"", authority.certificate().display()),
        );
    site.add_gateways("smtp.toml", &moved);
    let host = Host::start_in(&site, &[("SMTP_PASSWORD", PASSWORD)]);
    sent_with(&host, "mail", "+491701234567", TEXT);
    let arrived = peer.only();
    assert_eq!(arrived["recipients"], serde_json::json!(["491701234567@sms.example.com"]));
    assert_eq!(arrived["mail"]["subject"], "Code for 491701234567");
    assert_eq!(body(&arrived), format!("{TEXT}\nDo not show it to anybody.\n"));
    assert_eq!(arrived["mail"]["from"], "Gatepost <gatepost@example.com>");
}
