//! Connections are kept for the next mail, replaced where they are gone, and there are no more of them than submits at once.

use super::{TEXT, TO, gateway, sent, server};
use gatepost_tests::{
    Host, Site, eventually,
    peers::smtp::{PASSWORD, SmtpServer, Speaking, USER},
};
use serde_json::json;

fn site(peer: &SmtpServer, mailto: &str, server_more: &str) -> Site {
    Site::new(&(server("peer", peer.port, server_more) + &gateway("mail", "peer", mailto, "")))
}

#[test]
fn one_connection_serves_many_mails() {
    let folder = tempfile::tempdir().unwrap();
    let authority = gatepost_tests::peers::certificates::Authority::new(folder.path());
    let certificate = Some(authority.server("127.0.0.1"));
    let peer = SmtpServer::speaking(&Speaking { certificate, auth: &["LOGIN"], ..Speaking::default() });
    let more = format!(
        "tls = \"starttls\"\nca_file = \"{}\"\nusername = \"{USER}\"\npassword = \"{PASSWORD}\"\n",
        authority.certificate().display()
    );
    let site = site(&peer, "a@sms.test", &more);
    let host = Host::start(&site);
    for _ in 0..20 {
        sent(&host, "mail");
    }
    assert_eq!(peer.arrived().len(), 20);
    assert_eq!((peer.connections_with_mails().len(), peer.events("auth").len()), (1, 1));
}

#[test]
fn there_are_no_more_connections_than_max_in_flight() {
    let peer = SmtpServer::start();
    let narrow = gateway("mail", "peer", "a@sms.test", "").replace("retry =", "max_in_flight = 3\nretry =");
    let site = Site::new(&(server("peer", peer.port, "") + &narrow));
    let host = Host::start(&site);
    let ids = (0..60).map(|_| {
        let answer = host.post("/v1/messages", &json!({ "to": TO, "text": TEXT, "gateway": "mail" }));
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.id()
    });
    for id in ids.collect::<Vec<_>>() {
        host.until_state(&id, "sent");
    }
    assert_eq!(peer.arrived().len(), 60);
    let connections = peer.events("hello").len();
    assert!((1..=3).contains(&connections), "{connections}");
}

#[test]
fn a_connection_that_is_gone_is_replaced_and_costs_no_attempt() {
    let mut peer = SmtpServer::start();
    let site = site(&peer, "{phone}", "");
    let host = Host::start(&site);
    super::sent_with(&host, "mail", "a@sms.test", TEXT);
    // The server closes it after this one.
    super::sent_with(&host, "mail", "a@last.test", TEXT);
    let answer = super::sent_with(&host, "mail", "a@sms.test", TEXT);
    assert_eq!(answer.body["attempts"].as_array().unwrap().len(), 1, "{answer:?}");
    peer.kill();
    peer.start_again();
    let answer = super::sent_with(&host, "mail", "a@sms.test", TEXT);
    assert_eq!(answer.body["attempts"].as_array().unwrap().len(), 1, "{answer:?}");
    assert_eq!(peer.arrived().len(), 4, "none is lost, none comes twice");
}

#[test]
fn a_mail_that_may_have_been_taken_is_tried_again_under_the_same_id() {
    let peer = SmtpServer::start();
    let patient = gateway("mail", "peer", "{phone}", "")
        .replace("attempts = 1", "attempts = 2, first = \"100ms\", max = \"100ms\"");
    let site = Site::new(&(server("peer", peer.port, "timeout = \"2s\"") + &patient));
    let host = Host::start(&site);
    let message = json!({ "to": "a@cut.test", "text": TEXT, "gateway": "mail" });
    let answer = host.post("/v1/messages?wait=30", &message);
    assert_eq!(answer.status, 502, "{answer:?}");
    assert_eq!(answer.body["message"]["reason"], "uncertain", "{answer:?}");
    let id = answer.body["message"]["id"].as_str().unwrap();
    let tried = peer.events("cut").iter().map(|cut| cut["message_id"].clone()).collect::<Vec<_>>();
    assert_eq!(tried, [format!("<{id}@sender.test>"), format!("<{id}@sender.test>")]);
}

#[test]
fn the_server_sees_leave_taken_when_the_host_ends() {
    let (asked, leave) = std::sync::mpsc::channel();
    let asked = std::sync::Mutex::new(asked);
    let polite = gatepost_tests::peers::misbehaving::Misbehaving::at_once(move |connection| {
        for answer in ["220 x\r\n", "250 x\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n"] {
            if !connection.write(answer) || !connection.read_until(b"\r\n") {
                return;
            }
        }
        connection.read_until(b"\r\n.\r\n");
        connection.write("250 taken\r\n");
        let quits = connection.read_until(b"QUIT\r\n");
        asked.lock().unwrap().send(quits).unwrap();
    });
    let site =
        Site::new(&(server("peer", polite.address.port(), "") + &gateway("mail", "peer", "a@sms.test", "")));
    let host = Host::start(&site);
    sent(&host, "mail");
    assert!(host.terminate().success());
    assert!(eventually("leave is taken", || leave.try_recv().ok()), "with QUIT");
}
