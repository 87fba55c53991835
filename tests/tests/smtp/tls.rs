//! TLS: from the first byte or by STARTTLS, never less than the definition asks for.

use super::{TEXT, TO, gateway, refused, sent, server};
use gatepost_tests::{
    Host, Site,
    peers::{
        certificates::{Authority, self_signed},
        misbehaving::Misbehaving,
        smtp::{PASSWORD, SmtpServer, Speaking, USER},
    },
};
use std::path::Path;

fn ca(path: &Path) -> String {
    format!("ca_file = \"{}\"", path.display())
}

#[test]
fn certificates_are_verified_unless_the_definition_says_no() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, other) =
        (Authority::new(&folder.path().join("ours")), Authority::new(&folder.path().join("other")));
    let lonely_pair = self_signed(&folder.path().join("self"), "127.0.0.1");
    for (implicit, tls) in [(false, "tls = \"starttls\"\n"), (true, "tls = \"tls\"\n")] {
        let serving = |pair| {
            SmtpServer::speaking(&Speaking { certificate: Some(pair), implicit, ..Speaking::default() })
        };
        let private = serving(ours.server("127.0.0.1"));
        let misnamed = serving(ours.server("mail.example"));
        let lonely = serving(lonely_pair.clone());
        let cases = [
            ("private", private.port, ca(&ours.certificate())),
            ("private-unchecked", private.port, "verify = false".into()),
            ("misnamed-unchecked", misnamed.port, "verify = false".into()),
            ("lonely-unchecked", lonely.port, "verify = false".into()),
            ("private-unknown", private.port, String::new()),
            ("private-other", private.port, ca(&other.certificate())),
            ("misnamed", misnamed.port, ca(&ours.certificate())),
            ("lonely", lonely.port, String::new()),
        ];
        let definitions = cases.iter().map(|(name, port, more)| {
            server(name, *port, &format!("{tls}{more}")) + &gateway(name, name, "a@sms.test", "")
        });
        let site = Site::new(&definitions.collect::<String>());
        let host = Host::start(&site);
        for (name, ..) in &cases[..4] {
            sent(&host, name);
        }
        for (name, ..) in &cases[4..] {
            let (outcome, _, detail) = refused(&host, name, TO, TEXT);
            assert_eq!(outcome, "unavailable", "{name}: {detail}");
            assert!(detail.contains("TLS") && detail.contains("certificate"), "{name}: {detail}");
        }
        for (peer, count) in [(&private, 2), (&misnamed, 1), (&lonely, 1)] {
            let arrived = peer.arrived();
            assert_eq!(arrived.len(), count);
            assert!(arrived.iter().all(|mail| mail["tls"] == true), "{arrived:?}");
        }
        assert!(
            host.log().contains("lonely-unchecked") && host.log().contains("is not verified"),
            "a warning"
        );
    }
}

#[test]
fn starttls_that_is_not_offered_is_misconfigured_and_nothing_is_sent() {
    let peer = SmtpServer::speaking(&Speaking { auth: &["PLAIN"], ..Speaking::default() });
    let more = format!("tls = \"starttls\"\nusername = \"{USER}\"\npassword = \"{PASSWORD}\"\n");
    let usual = server("usual", peer.port, &more).replace("tls = \"starttls\"\n", "");
    let usual = usual.replace("tls = \"none\"\n", "");
    let site = Site::new(
        &(server("peer", peer.port, &more)
            + &usual
            + &gateway("wanting", "peer", "a@sms.test", "")
            + &gateway("usual", "usual", "a@sms.test", "")),
    );
    let host = Host::start(&site);
    for name in ["wanting", "usual"] {
        let (outcome, _, detail) = refused(&host, name, TO, TEXT);
        assert_eq!(outcome, "misconfigured", "{name}: {detail}");
        assert!(detail.contains("does not offer STARTTLS"), "{name}: {detail}");
    }
    assert_eq!(peer.events("auth").len() + peer.events("mail").len(), 0);
}

#[test]
fn what_is_said_before_tls_does_not_count_in_it() {
    // Somebody on the way adds an answer of his own to the one that TLS begins after.
    let injecting = Misbehaving::at_once(|connection| {
        connection.write("220 peer.test\r\n");
        connection.read_until(b"\r\n");
        connection.write("250-peer.test\r\n250 STARTTLS\r\n");
        connection.read_until(b"\r\n");
        connection.write("220 go\r\n250-evil.test\r\n250 AUTH PLAIN\r\n235 welcome\r\n");
        connection.hang();
    });
    let more =
        format!("tls = \"starttls\"\nusername = \"{USER}\"\npassword = \"{PASSWORD}\"\nverify = false\n");
    let site = Site::new(
        &(server("peer", injecting.address.port(), &more) + &gateway("injected", "peer", "a@sms.test", "")),
    );
    let host = Host::start(&site);
    let (outcome, _, detail) = refused(&host, "injected", TO, TEXT);
    assert_eq!(outcome, "unavailable", "{detail}");
    assert!(detail.contains("more before TLS"), "{detail}");
}

#[test]
fn a_starttls_that_is_refused_is_never_done_without() {
    let refusing = |answer: &'static str| {
        Misbehaving::at_once(move |connection| {
            connection.write("220 peer.test\r\n");
            connection.read_until(b"\r\n");
            connection.write("250-peer.test\r\n250 STARTTLS\r\n");
            connection.read_until(b"\r\n");
            connection.write(answer);
            // Whatever comes after is a mistake, and would be answered.
            while connection.read_until(b"\r\n") && connection.write("250 ok\r\n") {}
        })
    };
    let (later, never) = (refusing("454 4.7.0 TLS not available\r\n"), refusing("501 5.5.4 no\r\n"));
    let site = Site::new(
        &(server("later", later.address.port(), "tls = \"starttls\"")
            + &server("never", never.address.port(), "tls = \"starttls\"")
            + &gateway("later", "later", "a@sms.test", "")
            + &gateway("never", "never", "a@sms.test", "")),
    );
    let host = Host::start(&site);
    for (name, outcome, code) in [("later", "unavailable", "454"), ("never", "misconfigured", "501")] {
        let (found, found_code, detail) = refused(&host, name, TO, TEXT);
        assert_eq!((found.as_str(), found_code.as_str()), (outcome, code), "{name}: {detail}");
    }
}
