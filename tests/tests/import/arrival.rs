//! A whole export, with all that stands in such files: what is taken over is used as it is, and every gateway of it delivers.

use super::{TEXT, TO, check, definition, export, gateway, import, report, site, written};
use gatepost_tests::{
    Ended, Host, Site, eventually,
    peers::{
        certificates::Authority,
        nginx::Nginx,
        proxy::{self, Proxy},
        service::Service,
        smsc::Smsc,
        smtp::{PASSWORD, SmtpServer, Speaking, USER},
    },
};
use serde_json::{Value, json};
use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};
use tempfile::TempDir;

const SIPGATE: (&str, &str) = ("sip-user@example.com", "sip-pass-9914");

/// Everything that the export's gateways speak to.
struct Peers {
    nginx: Nginx,
    proxy: Proxy,
    plain: SmtpServer,
    secure: SmtpServer,
    ca: PathBuf,
    _folder: TempDir,
    sipgate: Service,
    firebase: Service,
    smsc: Smsc,
}

impl Peers {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let authority = Authority::new(folder.path());
        let certificate = Some(authority.server("127.0.0.1"));
        let secure = Speaking { certificate, implicit: true, auth: &["PLAIN"] };
        Self {
            nginx: Nginx::answering("location / { return 200 'ID: 4711'; }"),
            proxy: Proxy::microsocks(),
            plain: SmtpServer::start(),
            secure: SmtpServer::speaking(&secure),
            ca: authority.certificate(),
            _folder: folder,
            sipgate: Service::start("xmlrpc_server.py", &[SIPGATE.0, SIPGATE.1]),
            firebase: Service::start("fcm_server.py", &["3600"]),
            smsc: Smsc::start(),
        }
    }

    fn configuration(&self) -> Value {
        let url = |path: &str| format!("{}/{path}", self.nginx.origin());
        let mut json_sms = gateway(
            "HttpSMSProvider",
            json!({
                "URL": url("json"), "HTTP_METHOD": "POST", "CHECK_SSL": "True", "SEND_DATA_AS_JSON": "yes", "REGEXP": "/[+-/. ]//",
                "message": "[{\"to\": \"{phone}\", \"text\": \"{otp}\", \"code\": {otp}}]", "otp": "{otp}", "flag": "true",
                "REDIRECTS": "yes",
            }),
        );
        json_sms["headers"] = json!({ "X-Test": "from privacyIDEA" });
        json_sms["description"] = "Büro \"1\"".into();
        json!({
            "policy": { "p": { "action": "x" } },
            "smsgateway": {
                "clickatell": gateway("HttpSMSProvider", json!({
                    "URL": url("get?fixed=1"), "HTTP_METHOD": "GET", "CHECK_SSL": "yes", "SEND_DATA_AS_JSON": "no", "PROXY": "",
                    "RETURN_SUCCESS": "ID", "TIMEOUT": "5", "USERNAME": "", "PASSWORD": "",
                    "api_id": "1.50", "password": "__CENSORED__", "text": "Code: {otp}", "to": "{phone}",
                })),
                "Büro SMS": json_sms,
                // The same name here, and later in every order.
                "Bÿro SMS": gateway("HttpSMSProvider", json!({ "URL": url("never"), "HTTP_METHOD": "GET" })),
                "form": gateway("HttpSMSProvider", json!({
                    "URL": url("form"), "HTTP_METHOD": "POST", "CHECK_SSL": "no", "SEND_DATA_AS_JSON": "no",
                    "PARAMETER": "{\"sender\": \"ACME\", \"n\": 1}", "text": "{otp}",
                })),
                "proxied": gateway("HttpSMSProvider", json!({
                    "URL": url("proxied"), "HTTP_METHOD": "GET", "CHECK_SSL": "yes",
                    "PROXY": self.proxy.url("socks5", proxy::PASSWORD), "text": "{otp}",
                })),
                "broken": gateway("HttpSMSProvider", json!({ "URL": url("never"), "HTTP_METHOD": "GET", "REGEXP": "/+/00/" })),
                "mail": gateway("SmtpSMSProvider", json!({
                    "MAILTO": "{phone}@sms.test", "SMTPIDENTIFIER": "Relay ü", "SUBJECT": "", "BODY": "{{{otp}}}\nfor {phone}",
                    "REGEXP": r"/\+//",
                })),
                "secure mail": gateway("SmtpSMSProvider", json!({ "MAILTO": "fixed@sms.test", "SMTPIDENTIFIER": "secure" })),
                "lost mail": gateway("SmtpSMSProvider", json!({ "MAILTO": "a@sms.test", "SMTPIDENTIFIER": "nowhere" })),
                "script": gateway("ScriptSMSProvider", json!({ "script": "sendsms", "background": "wait", "REGEXP": "/^00/+/" })),
                "outside": gateway("ScriptSMSProvider", json!({ "script": "../sendsms", "background": "wait" })),
                "voip": gateway("SipgateSMSProvider", json!({
                    "USERNAME": SIPGATE.0, "PASSWORD": "__CENSORED__", "REGEXP": "/^[+]49/0/", "PROXY": "",
                })),
                "push": gateway("FirebaseProvider", json!({
                    "JSON config file": self.firebase.folder().join("account.json"), "registration URL": "https://pi.test/ttype/push",
                    "time to live": "10", "apikeyios": "ios-key", "httpsproxy": "",
                })),
                "short": gateway("SmppSMSProvider", json!({
                    "SMSC_HOST": "127.0.0.1", "SMSC_PORT": self.smsc.port.to_string(), "SYSTEM_ID": "me", "PASSWORD": "pw-smpp1",
                })),
                "own": json!({ "providermodule": "acme.sms.PigeonProvider", "description": null, "options": {}, "headers": {} }),
                "outbox": gateway("HttpSMSProvider", json!({ "URL": url("never"), "HTTP_METHOD": "GET" })),
                "taken": gateway("HttpSMSProvider", json!({ "URL": url("never"), "HTTP_METHOD": "GET" })),
            },
            "smtpserver": {
                "Relay ü": {
                    "server": "127.0.0.1", "port": self.plain.port, "tls": false, "username": "", "password": "",
                    "sender": "pi@sender.test", "description": "The old relay", "timeout": 10, "enqueue_job": true, "smime": false,
                    "dont_send_on_error": false, "private_key": "", "private_key_password": "", "certificate": "", "news": "x",
                },
                "secure": {
                    "server": format!("smtps://127.0.0.1:{}", self.secure.port), "port": 25, "tls": false, "username": USER,
                    "password": "__CENSORED__", "sender": "pi@sender.test", "description": null, "timeout": 10,
                    "enqueue_job": false, "smime": true, "dont_send_on_error": true, "private_key": "/etc/key.pem",
                    "private_key_password": "key-pass-8812", "certificate": "/etc/cert.pem",
                },
            },
            "privacyIDEA_version": "3.12.1",
        })
    }
}

const VARIABLES: [(&str, &str); 3] = [
    ("CLICKATELL_PASSWORD", "click-pass-1177"),
    ("SMTP_SECURE_PASSWORD", PASSWORD),
    ("VOIP_PASSWORD", SIPGATE.1),
];

/// What an operator does who has read the report: nothing that is not in it, but for the addresses of services on this machine.
fn provide(site: &Site, peers: &Peers) {
    site.add_script("sendsms", "#!/bin/sh\ncat > \"got-$1\"\n");
    let edit = |name: &str, change: &dyn Fn(String) -> String| {
        let file = site.path().join(format!("gateways.d/{name}.toml"));
        fs::write(&file, change(fs::read_to_string(&file).unwrap())).unwrap();
    };
    edit("voip", &|text| text + &format!("ENDPOINT = \"{}/RPC2\"\n", peers.sipgate.origin()));
    edit("push", &|text| text + &format!("ENDPOINT = \"{}\"\n", peers.firebase.origin()));
    let ca = peers.ca.display().to_string();
    edit("smtp-servers", &|text| {
        text.replace("tls = \"tls\"\n", &format!("tls = \"tls\"\nca_file = \"{ca}\"\n"))
    });
}

/// The reason why the gateway was left out.
fn left_out<'r>(report: &'r Value, name: &str) -> &'r str {
    entry(report, "gateways", name)["left_out"]
        .as_str()
        .unwrap_or_else(|| panic!("{name} was not left out: {report:#}"))
}

fn entry<'r>(report: &'r Value, section: &str, name: &str) -> &'r Value {
    let entries = report[section].as_array().unwrap();
    entries.iter().find(|entry| entry["name"] == name).unwrap_or_else(|| panic!("no {name} in {report:#}"))
}

/// The remarks on it: kind and key.
fn notes<'r>(report: &'r Value, section: &str, name: &str) -> Vec<(&'r str, &'r str)> {
    let notes = entry(report, section, name)["notes"].as_array().unwrap();
    notes.iter().map(|note| (note["kind"].as_str().unwrap(), note["key"].as_str().unwrap())).collect()
}

fn names(report: &Value, section: &str) -> Vec<String> {
    let needs = report[section].as_array().unwrap();
    needs.iter().map(|need| need["name"].as_str().unwrap().to_owned()).collect()
}

fn assert_reported(site: &Site, peers: &Peers, ended: &Ended) {
    assert_eq!(ended.code, Some(1), "some are left out: {ended:?}");
    let report = report(ended);
    for (name, fragment) in [
        ("broken", "nothing for `+` to repeat"),
        ("broken", "silently ignored there"),
        ("lost mail", "no SMTP server nowhere"),
        ("outside", "no file name"),
        ("own", "acme.sms.PigeonProvider"),
        ("outbox", "gatepost.toml already"),
        ("taken", "--force"),
        ("Bÿro SMS", "it becomes B-ro-SMS here, as Büro SMS does"),
    ] {
        assert!(left_out(&report, name).contains(fragment), "{name}: {}", left_out(&report, name));
    }
    for (section, name, expected) in [
        ("gateways", "clickatell", vec![("not_copied", "api_id")]),
        (
            "gateways",
            "Büro SMS",
            vec![
                ("renamed", ""),
                ("not_copied", "CHECK_SSL"),
                ("not_copied", "message"),
                ("not_copied", "otp"),
            ],
        ),
        ("gateways", "form", vec![("differs", "PARAMETER")]),
        ("gateways", "proxied", vec![("not_copied", "PROXY")]),
        ("gateways", "voip", vec![("not_copied", ""), ("not_copied", "REGEXP")]),
        ("gateways", "push", vec![("renamed", "apikeyios"), ("warning", "JSON config file")]),
        ("gateways", "script", vec![("differs", "TIMEOUT")]),
        ("gateways", "mail", vec![]),
        ("smtp_servers", "Relay ü", vec![("no_counterpart", "enqueue_job"), ("no_counterpart", "news")]),
        (
            "smtp_servers",
            "secure",
            vec![
                ("not_copied", "tls"),
                ("no_counterpart", "smime"),
                ("no_counterpart", "dont_send_on_error"),
                ("no_counterpart", "private_key"),
                ("no_counterpart", "private_key_password"),
                ("no_counterpart", "certificate"),
            ],
        ),
    ] {
        let mut found = notes(&report, section, name);
        let mut expected = expected;
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{name}");
    }
    let mut variables = names(&report, "environment");
    variables.sort();
    assert_eq!(variables, VARIABLES.map(|(name, _)| name));
    let account = peers.firebase.folder().join("account.json").display().to_string();
    let mut files = [account, site.path().join("scripts/sendsms").display().to_string()];
    files.sort();
    assert_eq!(names(&report, "files"), files);
    assert_eq!(report["ignored_sections"], json!(["policy"]));
    for secret in ["pw-smpp1", "key-pass-8812", proxy::PASSWORD] {
        assert!(!ended.output().contains(secret), "{ended:?}");
    }
}

fn sent(host: &Host, gateway: &str, to: &str) -> Value {
    let answer = host.send_and_wait(gateway, to, TEXT);
    assert_eq!(answer.status, 200, "{gateway}: {answer:?}\n{}", host.log());
    answer.body
}

/// Sends a message through each gateway that was imported, and looks at what its peer got.
fn assert_delivers(site: &Site, peers: &Peers, host: &Host) {
    for gateway in ["clickatell", "B-ro-SMS", "form", "proxied"] {
        sent(host, gateway, "+49 170/1234567");
    }
    let arrived = peers.nginx.until_arrived(4);
    let arrived_at = |path: &str| {
        arrived
            .iter()
            .find(|request| request.line().contains(path))
            .unwrap_or_else(|| panic!("{path}: {arrived:?}"))
    };
    let get = arrived_at("/get").line();
    let pairs = [
        "api_id=1.50",
        "password=click-pass-1177",
        "text=Code%3A%20Your%20code%20is%20123456",
        "to=%2B49%20170%2F1234567",
    ];
    for pair in pairs {
        assert!(get.contains(pair), "{get}");
    }
    let json = arrived_at("/json");
    let body: Value = serde_json::from_str(json.body()).unwrap();
    let message = json!([{ "to": "491701234567", "text": TEXT, "code": TEXT }]);
    assert_eq!(body, json!({ "message": message, "otp": TEXT, "flag": true, "REDIRECTS": "yes" }));
    assert_eq!(json.text("x_test"), "from privacyIDEA");
    let form = arrived_at("/form").body();
    assert_eq!(form, "text=Your%20code%20is%20123456&sender=ACME&n=1");
    assert!(arrived_at("/proxied").line().contains("text=Your"));
    assert!(peers.proxy.log().contains("127.0.0.1"), "it went through the proxy: {}", peers.proxy.log());

    sent(host, "mail", TO);
    sent(host, "secure-mail", TO);
    let plain = peers.plain.only();
    assert_eq!(plain["recipients"], json!(["491701234567@sms.test"]), "{plain}");
    assert_eq!(plain["mail"]["subject"], "", "{plain}");
    assert_eq!(plain["mail"]["body"], format!("{{{TEXT}}}\r\nfor 491701234567\r\n"), "{plain}");
    assert_eq!(peers.secure.only()["tls"], true);

    sent(host, "script", "00491701234567");
    assert_eq!(fs::read_to_string(site.path().join("scripts/got-+491701234567")).unwrap(), TEXT);

    sent(host, "voip", TO);
    let call = peers.sipgate.only();
    assert_eq!(call["params"][0]["RemoteUri"], "sip:01701234567@sipgate.de", "{call}");
    assert_eq!(call["params"][0]["Content"], TEXT);

    sent(host, "short", TO);
    let submits = peers.smsc.submits();
    assert_eq!(submits.len(), 1, "{submits:?}");
    assert_eq!(submits[0]["destination_addr"], TO, "{submits:?}");

    sent(host, "push", "device-token");
    let push = eventually("the push arrives", || {
        peers.firebase.arrived().into_iter().find(|request| request["kind"] == "push")
    });
    assert_eq!(push["message"]["token"], "device-token");
}

fn everything_arrives(format: &str) {
    let (peers, site) = (Peers::start(), site());
    site.add_gateways("taken.toml", "# mine\n");
    let ended = import(&site, &export(&site, format, &peers.configuration()), &["--json"]);
    assert_reported(&site, &peers, &ended);
    let files = [
        "B-ro-SMS.toml",
        "clickatell.toml",
        "form.toml",
        "mail.toml",
        "proxied.toml",
        "push.toml",
        "script.toml",
        "secure-mail.toml",
        "short.toml",
        "smtp-servers.toml",
        "taken.toml",
        "voip.toml",
    ];
    assert_eq!(written(&site), files);
    for name in files.iter().filter(|name| **name != "taken.toml") {
        let mode = fs::metadata(site.path().join("gateways.d").join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert_eq!(definition(&site, "taken"), "# mine\n");

    let missing = check(&site, &[]);
    assert_eq!(missing.code, Some(2), "{missing:?}");
    for (variable, _) in VARIABLES {
        assert!(
            missing.stderr.contains(&format!("the environment variable {variable} is not set")),
            "{missing:?}"
        );
    }
    provide(&site, &peers);
    let checked = check(&site, &VARIABLES);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    let host = Host::start_in(&site, &VARIABLES);
    assert_delivers(&site, &peers, &host);
}

#[test]
fn everything_of_a_json_export_arrives() {
    everything_arrives("json");
}

#[test]
fn everything_of_a_yaml_export_arrives() {
    everything_arrives("yaml");
}
