//! Canaries: a value of its own in every secret, text and number, and none of them in anything that is said.

use super::{gateway, server};
use gatepost_tests::{
    Host, Site,
    peers::{
        misbehaving::Misbehaving,
        smtp::{PASSWORD, SmtpServer, Speaking, USER},
    },
    tree,
};
use serde_json::json;

const TEXT: &str = "canary-text says 48151623\nwith a sécond line";
const PHONE: &str = "+491709998877";

/// Base64 of what the mechanisms say: user `canary-user`, password or token `canary-password`.
const CANARIES: [(&str, &str); 12] = [
    ("password", "canary-password"),
    ("password by reference", "canary-file"),
    ("PLAIN", "AGNhbmFyeS11c2VyAGNhbmFyeS1wYXNzd29yZA"),
    ("LOGIN", "Y2FuYXJ5LXBhc3N3b3Jk"),
    ("XOAUTH2", "dXNlcj1jYW5hcnktdXNlcgFhdXRoPUJlYXJlciBjYW5hcnktcGFzc3dvcmQBAQ"),
    ("text", "canary-text"),
    ("its second line", "with a s"),
    ("code", "48151623"),
    ("right password", PASSWORD),
    ("number", PHONE),
    ("number without plus", "491709998877"),
    ("number as REGEXP writes it", "00491709998877"),
];

/// Repeats each line that it gets in its answers, well or badly.
fn echoing(refused: &'static str) -> Misbehaving {
    Misbehaving::at_once(move |connection| {
        connection.write("220 echo.test\r\n");
        while let Some(line) = connection.line() {
            let words = String::from_utf8_lossy(&line).trim_end().to_owned();
            let verb = words.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let answer = match verb.as_str() {
                _ if verb == refused => format!("550 5.0.0 what is {words}?\r\n"),
                "EHLO" => "250-echo.test\r\n250 AUTH PLAIN LOGIN XOAUTH2\r\n".into(),
                "AUTH" if words.ends_with("LOGIN") => "334 VXNlcm5hbWU6\r\n".into(),
                "AUTH" => format!("235 welcome with {words}\r\n"),
                "DATA" => {
                    connection.write("354 go on\r\n");
                    let mut mail = String::new();
                    while let Some(line) = connection.line().filter(|line| line != b".\r\n") {
                        mail += &String::from_utf8_lossy(&line).replace("\r\n", " ");
                    }
                    let code = if refused == "MAILBODY" { 554 } else { 250 };
                    format!("{code} 2.0.0 Ok: id=48151623 {mail}\r\n")
                }
                "MAIL" | "RCPT" | "RSET" | "QUIT" => format!("250 ok {words}\r\n"),
                _ => format!("535 5.7.8 {words} is wrong\r\n"),
            };
            if !connection.write(answer) {
                break;
            }
        }
    })
}

#[test]
fn nothing_secret_is_said() {
    let real =
        SmtpServer::speaking(&Speaking { auth: &["PLAIN", "LOGIN", "XOAUTH2"], ..Speaking::default() });
    let echoes = ["NOTHING", "AUTH", "MAIL", "RCPT", "MAILBODY"].map(|refused| (refused, echoing(refused)));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "canary-file\n").unwrap();
    let wrong = "username = \"canary-user\"\npassword = \"canary-password\"\n";
    let more = "REGEXP = '/^\\+/00/'\nSUBJECT = '{phone} {otp}'\nBODY = '{otp}'\n";
    let mut definitions = vec![
        server("right", real.port, &format!("username = \"{USER}\"\npassword = \"{PASSWORD}\"\n")),
        server(
            "by-file",
            real.port,
            &format!("username = \"canary-user\"\npassword = {{ file = \"{}\" }}\n", file.path().display()),
        ),
        gateway("right", "right", "{phone}@sms.test", more),
        gateway("spam", "right", "{phone}@spam.test", more),
        gateway("unknown", "right", "{phone}@unknown.test", more),
        gateway("cut", "right", "{phone}@cut.test", more),
        gateway("by-file", "by-file", "{phone}@sms.test", more),
        gateway("no-address", "right", "{otp}@sms.test", more),
    ];
    let mut names = ["right", "spam", "unknown", "cut", "by-file", "no-address"].map(str::to_owned).to_vec();
    for auth in ["plain", "login", "xoauth2"] {
        definitions.push(server(&format!("real-{auth}"), real.port, &format!("{wrong}auth = \"{auth}\"")));
        definitions.push(gateway(&format!("real-{auth}"), &format!("real-{auth}"), "{phone}@sms.test", more));
        names.push(format!("real-{auth}"));
        for (refused, echo) in &echoes {
            let name = format!("echo-{auth}-{}", refused.to_lowercase());
            let table = format!("{wrong}auth = \"{auth}\"");
            definitions.push(server(&name, echo.address.port(), &table));
            definitions.push(gateway(&name, &name, "{phone}@sms.test", more));
            names.push(name);
        }
    }
    let site = Site::new(&definitions.concat());
    let mut host = Host::start_with(&site, &tree::binary(), &["--log", "trace"]);
    let mut said = Vec::new();
    for name in &names {
        let mut message = host.send_and_see(name, PHONE, TEXT);
        // The one place where the number may stand.
        assert_eq!(message["to"], PHONE, "{name}");
        message["to"] = json!(null);
        said.push((name.clone(), message.to_string()));
    }
    host.ask_to_end();
    gatepost_tests::eventually("it ends", || (!host.is_running()).then_some(()));
    let log = host.log();
    assert!(log.contains("the server has answered"), "the provider's own events are there: {log}");
    said.extend(log.lines().map(|line| ("log".to_owned(), line.to_owned())));
    for (what, canary) in CANARIES {
        let leak = said.iter().find(|(_, words)| words.contains(canary));
        assert!(leak.is_none(), "a canary, {what}, sings: {leak:?}");
    }
    // The peer did get them.
    let arrived = real.only();
    assert_eq!(arrived["recipients"], json!(["00491709998877@sms.test"]));
    assert!(arrived["mail"]["body"].as_str().unwrap().contains("48151623"), "{arrived}");
    assert_eq!(real.events("auth").iter().filter(|event| event["success"] == false).count(), 4);
    let outcome = |name: &str| said.iter().find(|(of, _)| of == name).unwrap().1.contains("\"accepted\"");
    assert!(outcome("right") && outcome("echo-plain-nothing") && !outcome("echo-plain-auth"));
}
