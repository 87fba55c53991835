//! What was sent is what arrives: subject, body, headers, envelope, whatever stands in number and text.

use super::{TEXT, TO, gateway, refused, sent, sent_with, server};
use gatepost_tests::{Host, Site, peers::smtp::SmtpServer};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// As a mail has it: its lines end alike, and so does its last one.
pub(crate) fn as_arrived(text: &str) -> String {
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    if lines.ends_with('\n') { lines } else { lines + "\n" }
}

pub(crate) fn body(arrived: &Value) -> String {
    as_arrived(arrived["mail"]["body"].as_str().unwrap())
}

/// The values of a header, however often it is there.
fn headers(arrived: &Value, name: &str) -> Vec<String> {
    let headers = arrived["mail"]["headers"].as_array().unwrap().iter();
    let of_name = headers.filter(|header| header[0].as_str().unwrap().eq_ignore_ascii_case(name));
    of_name.map(|header| header[1].as_str().unwrap().to_owned()).collect()
}

/// Nothing that a mail must not have.
fn assert_sound(arrived: &Value) {
    let mail = &arrived["mail"];
    assert_eq!(mail["defects"], json!([]), "{arrived}");
    assert_eq!(mail["bare_line_ends"], 0, "{arrived}");
    assert!(mail["longest_line"].as_u64().unwrap() <= 998, "RFC 5322 section 2.1.1: {arrived}");
    assert_eq!((mail["parts"].as_u64(), mail["is_ascii"].as_bool()), (Some(1), Some(true)), "{arrived}");
    assert_eq!((&mail["content_type"], &mail["charset"]), (&json!("text/plain"), &json!("utf-8")));
}

#[test]
fn a_mail_has_all_that_it_needs() {
    let peer = SmtpServer::start();
    let server =
        server("peer", peer.port, "").replace("gatepost@sender.test", "Gätepost <gatepost@sender.test>");
    let site = Site::new(&(server + &gateway("plain", "peer", "{phone}@sms.test", "REGEXP = '/[+]/00/'")));
    let host = Host::start(&site);
    let answer = sent(&host, "plain");
    let arrived = peer.only();
    assert_sound(&arrived);
    assert_eq!(answer.body["provider_ids"], json!([arrived["id"]]));
    let attempt = &answer.body["attempts"][0];
    assert_eq!((&attempt["outcome"], &attempt["code"]), (&json!("accepted"), &json!("250")), "{answer:?}");
    assert_eq!((&arrived["sender"], &arrived["options"]), (&json!("gatepost@sender.test"), &json!([])));
    assert_eq!(arrived["recipients"], json!(["00491701234567@sms.test"]));
    let mail = &arrived["mail"];
    assert_eq!(mail["recipients"], json!(["00491701234567@sms.test"]));
    assert_eq!(mail["subject"], "00491701234567", "the default is the number, as REGEXP leaves it");
    assert_eq!(body(&arrived), as_arrived(TEXT));
    assert_eq!(mail["from"], "Gätepost <gatepost@sender.test>");
    assert_eq!(mail["mime_version"], "1.0");
    let id = answer.body["id"].as_str().unwrap();
    assert_eq!(mail["message_id"], format!("<{id}@sender.test>"));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((now - mail["date"].as_f64().unwrap()).abs() < 120.0, "{mail}");
    for name in
        ["Date", "From", "To", "Subject", "Message-ID", "MIME-Version", "Content-Type", "Auto-Submitted"]
    {
        assert_eq!(headers(&arrived, name).len(), 1, "{name}: {mail}");
    }
    let name = arrived["host_name"].as_str().unwrap();
    assert!(name.contains('.'), "EHLO says a full name or an address: {name}");
}

#[test]
fn a_sender_s_domain_goes_out_as_dns_has_it() {
    let peer = SmtpServer::start();
    let international =
        server("peer", peer.port, "").replace("gatepost@sender.test", "Gätepost <gatepost@münchen.test>");
    let by_username = server("user", peer.port, "username = 'gatepost@münchen.test'")
        .replace("sender = \"gatepost@sender.test\"\n", "");
    let site = Site::new(
        &(international
            + &by_username
            + &gateway("plain", "peer", "{phone}@sms.test", "")
            + &gateway("user", "user", "{phone}@sms.test", "")),
    );
    let host = Host::start(&site);
    let sender = "gatepost@xn--mnchen-3ya.test";
    let from = [("plain", format!("Gätepost <{sender}>")), ("user", sender.to_owned())];
    for (number, (gateway, from)) in from.into_iter().enumerate() {
        let answer = sent(&host, gateway);
        let arrived = peer.until("arrived", number + 1).pop().unwrap();
        assert_sound(&arrived);
        assert_eq!((&arrived["sender"], &arrived["options"]), (&json!(sender), &json!([])), "{arrived}");
        assert_eq!(arrived["mail"]["from"], from, "{arrived}");
        let id = answer.body["id"].as_str().unwrap();
        assert_eq!(arrived["mail"]["message_id"], format!("<{id}@xn--mnchen-3ya.test>"), "{arrived}");
    }
}

#[test]
fn texts_arrive_as_they_are() {
    let peer = SmtpServer::start();
    let more = "SUBJECT = '{otp}'";
    let site = Site::new(&(server("peer", peer.port, "") + &gateway("plain", "peer", "a@sms.test", more)));
    let host = Host::start(&site);
    let long = "a line that is longer than mails may have them ".repeat(60);
    let unbroken = "x".repeat(3000);
    let umlauts = "äöüß€ ".repeat(400);
    let blanks = format!("between{}blanks", " ".repeat(300));
    let texts = [
        "Grüße aus Köln: 123456 €",
        "😀👩‍👩‍👧 code 123456 🇩🇪",
        "one\ntwo\r\nthree\rfour\n\n\nfive",
        ".",
        ".\n..\n.leading\nmiddle.\n.",
        "a\r\n.\r\nMAIL FROM:<x@evil.test>\r\nRCPT TO:<y@evil.test>\r\nDATA\r\nsmuggled\r\n.\r\nQUIT",
        "a\n.\nb",
        "a\r.\rb",
        " leading and trailing blanks  \n\ttab",
        "From the beginning\nFrom here",
        "=?utf-8?q?not_encoded?= =41 = =3D",
        "{phone} {otp} {other} {} {{otp}}",
        "ends with a line end\n",
        "中文短信 验证码 123456",
        "مرحبا 123456",
        "--boundary\nContent-Type: text/html\n\n<b>",
        "Subject: x\n\nbody",
        "\u{2028}line\u{2029}separators\u{85}of Unicode",
        long.trim(),
        &unbroken,
        umlauts.trim(),
        &blanks,
        "  blanks at both ends  ",
    ];
    for (number, text) in texts.iter().enumerate() {
        sent_with(&host, "plain", TO, text);
        let arrived = peer.arrived();
        assert_eq!(arrived.len(), number + 1, "one mail each: {text:?}");
        let arrived = &arrived[number];
        assert_sound(arrived);
        assert_eq!(body(arrived), as_arrived(text), "{arrived}");
        assert_eq!(arrived["recipients"], json!(["a@sms.test"]));
        let subject = arrived["mail"]["subject"].as_str().unwrap();
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(subject), words(text), "{arrived}");
        if !text.contains(|character: char| character.is_control() || character == '\u{2028}') {
            assert_eq!(subject, *text, "{arrived}");
        }
    }
}

#[test]
fn control_characters_stay_in_the_body_and_out_of_the_headers() {
    let peer = SmtpServer::start();
    let more = "SUBJECT = 'S {otp}'";
    let site = Site::new(&(server("peer", peer.port, "") + &gateway("plain", "peer", "a@sms.test", more)));
    let host = Host::start(&site);
    // The host takes all but NUL.
    let text = "a\u{1}b\u{1b}[31mc\u{7}\nd\u{7f}";
    sent_with(&host, "plain", TO, text);
    let arrived = peer.only();
    assert_sound(&arrived);
    assert_eq!(body(&arrived), as_arrived(text));
    let subject = arrived["mail"]["subject"].as_str().unwrap();
    assert!(!subject.chars().any(char::is_control), "{subject:?}");
}

#[test]
fn subject_and_body_are_templates_that_are_filled_once() {
    let peer = SmtpServer::start();
    let more =
        "SUBJECT = 'Für {phone}: {otp} {x}'\nBODY = \"\"\"\nHallo {phone},\n\n.{otp}\n{otp} { {phone\n\"\"\"";
    let site = Site::new(
        &(server("peer", peer.port, "")
            + &gateway("both", "peer", "{phone}+{otp}@sms.test", more)
            + &gateway("empty", "peer", "a@sms.test", "SUBJECT = ''\nBODY = 'x'")),
    );
    let host = Host::start(&site);
    sent_with(&host, "both", "49170", "{phone}");
    let arrived = peer.only();
    assert_sound(&arrived);
    assert_eq!(arrived["recipients"], json!(["49170+{phone}@sms.test"]));
    assert_eq!(arrived["mail"]["subject"], "Für 49170: {phone} {x}");
    assert_eq!(body(&arrived), "Hallo 49170,\n\n.{phone}\n{phone} { {phone\n");
    sent(&host, "empty");
    let arrived = peer.until("arrived", 2);
    assert_eq!((&arrived[1]["mail"]["subject"], body(&arrived[1])), (&json!(""), "x\n".to_owned()));
}

#[test]
fn nothing_gets_into_headers_and_envelope_through_number_or_text() {
    let peer = SmtpServer::start();
    let more = "SUBJECT = '{phone}/{otp}'";
    let site = Site::new(
        &(server("peer", peer.port, "")
            + &gateway("fixed", "peer", "a@sms.test", more)
            + &gateway("number", "peer", "{phone}@sms.test", more)
            + &gateway("text", "peer", "{otp}@sms.test", more)
            + &gateway("whole", "peer", "{phone}", more)),
    );
    let host = Host::start(&site);
    let inject = "1\r\nBcc: victim@evil.test\r\n\r\nBody";
    let tries = [
        inject,
        "1\nX-Injected: yes",
        "1\rX-Injected: yes",
        "1\u{2028}X-Injected: yes",
        "1> RCPT TO:<victim@evil.test",
        "victim@evil.test>",
        "a@evil.test,b",
        "a@evil.test",
        "a b",
        "\"a\\\"\"",
        "<a>",
        "Name <a@evil.test>",
        "a@b@c",
        "@",
    ];
    for text in tries {
        for gateway in ["number", "text", "whole"] {
            if (gateway, text) == ("whole", "a@evil.test") {
                // That is the address that was asked for.
                continue;
            }
            let (to, said) = if gateway == "text" { (TO, text) } else { (text, TEXT) };
            let message = json!({ "to": to, "text": said, "gateway": gateway });
            let answer = host.post("/v1/messages?wait=30", &message);
            if answer.status == 422 {
                // The host itself takes no such number.
                assert_ne!(gateway, "text", "{answer:?}");
                continue;
            }
            assert_eq!(answer.status, 502, "{gateway} {text:?}: {answer:?}");
            let outcome = &answer.body["message"]["attempts"][0]["outcome"];
            assert_eq!(outcome, "rejected", "{gateway} {text:?}: {answer:?}");
        }
    }
    assert_eq!(peer.events("mail").len(), 0, "the server saw nothing of them");
    sent_with(&host, "fixed", TO, inject);
    let arrived = peer.only();
    assert_sound(&arrived);
    assert_eq!(arrived["recipients"], json!(["a@sms.test"]));
    assert_eq!((headers(&arrived, "Bcc"), headers(&arrived, "X-Injected")), (vec![], vec![]));
    let subject = arrived["mail"]["subject"].as_str().unwrap();
    assert_eq!(subject, format!("{TO}/1 Bcc: victim@evil.test  Body"));
    assert_eq!(body(&arrived), as_arrived(inject));
}

#[test]
fn a_recipient_may_be_an_address_of_its_own() {
    let peer = SmtpServer::start();
    let site = Site::new(&(server("peer", peer.port, "") + &gateway("whole", "peer", "{phone}", "")));
    let host = Host::start(&site);
    for (to, recipient, options) in [
        ("alerts@sms.test", "alerts@sms.test", json!([])),
        ("a.b+c/d=e@münchen.test", "a.b+c/d=e@xn--mnchen-3ya.test", json!([])),
        ("jürgen@sms.test", "jürgen@sms.test", json!(["SMTPUTF8"])),
    ] {
        sent_with(&host, "whole", to, TEXT);
        let arrived = peer.arrived().pop().unwrap();
        assert_eq!(
            (&arrived["recipients"], &arrived["options"]),
            (&json!([recipient]), &options),
            "{arrived}"
        );
        assert_eq!(arrived["mail"]["recipients"], json!([recipient]), "{arrived}");
    }
    let (outcome, _, detail) = refused(&host, "whole", TO, TEXT);
    assert_eq!(outcome, "rejected", "{detail}");
    assert!(!detail.contains(TO), "{detail}");
}
