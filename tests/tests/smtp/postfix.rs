//! Postfix, as Debian ships it: STARTTLS with a private CA, SASL, and mails in mailboxes.

use super::{TEXT, contents::as_arrived, gateway, refused, sent_with, server};
use gatepost_tests::{
    Host, Site,
    peers::{
        certificates::Authority,
        postfix::{Postfix, RECIPIENTS},
        smtp::{PASSWORD, USER},
    },
    skip,
};

#[test]
fn postfix_delivers_what_was_sent() {
    if let Some(reason) = Postfix::missing_right() {
        skip::permitted("postfix_delivers_what_was_sent", reason);
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let postfix = Postfix::start(&authority.server("127.0.0.1"));
    let tls = format!("tls = \"starttls\"\nca_file = \"{}\"\n", authority.certificate().display());
    let with =
        |user: &str, password: &str| format!("{tls}username = \"{user}\"\npassword = \"{password}\"\n");
    let more = "REGEXP = '/[+]//'\nSUBJECT = 'Für {phone}'";
    let site = Site::new(
        &(server("postfix", postfix.port, &with(USER, PASSWORD))
            + &server("wrong", postfix.port, &with(USER, "wr0ng-pass-99"))
            + &server("nobody", postfix.port, &tls)
            + &server("plain", postfix.port, "")
            + &gateway("sms", "postfix", "{phone}@sms.test", more)
            + &gateway("alerts", "postfix", "alerts@sms.test", "")
            + &gateway("elsewhere", "postfix", "a@elsewhere.invalid", "")
            + &gateway("wrong", "wrong", "alerts@sms.test", "")
            + &gateway("nobody", "nobody", "alerts@sms.test", "")
            + &gateway("plain", "plain", "alerts@sms.test", "")),
    );
    let host = Host::start(&site);

    let text = "Grüße 😀\n.\n..zwei\nFrom hier\n\nIhr Code: 123456";
    let answer = sent_with(&host, "sms", "+491701234567", text);
    let id = answer.body["provider_ids"][0].as_str().unwrap().to_owned();
    let mails = postfix.until_delivered(RECIPIENTS[0], 1);
    let mail = &mails[0];
    assert_eq!(mail["subject"], "Für 491701234567", "{mail}");
    assert_eq!(mail["body"], as_arrived(text), "{mail}");
    assert_eq!(mail["defects"], serde_json::json!([]), "{mail}");
    let received = mail["headers"].as_array().unwrap().iter().find(|header| header[0] == "Received").unwrap();
    let received = received[1].as_str().unwrap();
    assert!(received.contains(&format!("id {id}")), "the id is the queue's: {id}, {received}");
    assert!(received.contains("ESMTPSA"), "in TLS, authenticated: {received}");

    // The very lines of other mails.
    for number in 0..20 {
        sent_with(&host, "alerts", "anybody", &format!("alert {number}\n.\nend"));
    }
    let bodies = postfix.until_delivered(RECIPIENTS[1], 20);
    let mut bodies = bodies.iter().map(|mail| mail["body"].as_str().unwrap().trim_end()).collect::<Vec<_>>();
    bodies.sort_unstable();
    let mut expected = (0..20).map(|number| format!("alert {number}\n.\nend")).collect::<Vec<_>>();
    expected.sort_unstable();
    assert_eq!(bodies, expected);

    for (name, to, outcome, code) in [
        ("sms", "+4900000", "rejected", "550"),
        ("wrong", "x", "misconfigured", "535"),
        // By its own words Postfix wants TLS first, and refuses the client, whoever the recipient is.
        ("plain", "x", "misconfigured", "530"),
        ("nobody", "x", "rejected", "554"),
    ] {
        let (found, found_code, detail) = refused(&host, name, to, TEXT);
        assert_eq!((found.as_str(), found_code.as_str()), (outcome, code), "{name}: {detail}");
    }
    assert_eq!(postfix.until_delivered(RECIPIENTS[1], 20).len(), 20);
    let log = postfix.log();
    let logins = log.lines().filter(|line| line.contains("sasl_username=")).count();
    assert_eq!(logins, 22, "each mail is a mail of the user: {log}");
    let connections = log.lines().filter(|line| line.contains(": connect from")).count();
    // One of each gateway, and the one that looked whether it listens.
    assert!(connections <= 7, "{connections}: {log}");
}
