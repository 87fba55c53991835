//! What is written, and what is left alone.

use super::{check, definition, export, gateway, import, report, site, written};
use gatepost_tests::{command, tree};
use serde_json::{Value, json};
use std::fs;

fn one(url: &str) -> Value {
    json!({ "smsgateway": { "one": gateway("HttpSMSProvider", json!({ "URL": url, "HTTP_METHOD": "GET", "PASSWORD": "pass-6644" })) } })
}

#[test]
fn a_whole_export_ends_well_and_is_used_as_it_is() {
    let site = site();
    let ended = import(&site, &export(&site, "json", &one("http://127.0.0.1:9/")), &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("  one: http, "), "{}", ended.stdout);
    assert!(
        ended.stdout.contains("1 of 1 gateway taken over, 0 of 0 SMTP servers taken over; "),
        "{}",
        ended.stdout
    );
    assert!(!ended.output().contains("pass-6644"), "{ended:?}");
    assert!(
        ended.stdout.contains("warning: PASSWORD: without USERNAME no credentials are sent"),
        "{}",
        ended.stdout
    );
    assert_eq!(written(&site), ["one.toml"]);
    assert_eq!(check(&site, &[]).code, Some(0));
}

#[test]
fn a_dry_run_says_the_same_and_writes_nothing() {
    let site = site();
    let file = export(&site, "yaml", &one("http://127.0.0.1:9/"));
    let dry = import(&site, &file, &["--dry-run", "--json"]);
    assert_eq!(dry.code, Some(0), "{dry:?}");
    assert!(!site.path().join("gateways.d").exists());
    let wet = import(&site, &file, &["--json"]);
    let (mut dry, wet) = (report(&dry), report(&wet));
    assert_eq!((&dry["dry_run"], &wet["dry_run"]), (&json!(true), &json!(false)));
    dry["dry_run"] = json!(false);
    assert_eq!(dry, wet);
    let again = import(&site, &file, &["--dry-run"]);
    assert_eq!(again.code, Some(1), "what is there already would be left out: {again:?}");
}

#[test]
fn a_file_that_is_there_stays_without_force() {
    let site = site();
    let import_of = |url: &str, more: &[&str]| import(&site, &export(&site, "json", &one(url)), more);
    assert_eq!(import_of("http://127.0.0.1:1/", &[]).code, Some(0));
    let first = definition(&site, "one");
    let refused = import_of("http://127.0.0.1:2/", &[]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stdout.contains("one: LEFT OUT: ") && refused.stdout.contains("--force"), "{refused:?}");
    assert_eq!(definition(&site, "one"), first);
    assert_eq!(import_of("http://127.0.0.1:2/", &["--force"]).code, Some(0));
    assert!(definition(&site, "one").contains("127.0.0.1:2"));
}

#[test]
fn it_can_be_repeated_before_the_variables_are_set() {
    let site = site();
    let mut configuration = one("http://127.0.0.1:9/");
    configuration["smsgateway"]["one"]["options"]["key"] = "__CENSORED__".into();
    let file = export(&site, "json", &configuration);
    for more in [&[][..], &["--force"]] {
        let ended = import(&site, &file, more);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stdout.contains("  ONE_KEY: key of the gateway one\n"), "{}", ended.stdout);
    }
    assert!(definition(&site, "one").contains("key = { env = \"ONE_KEY\" }"));
    assert_eq!(check(&site, &[]).code, Some(2));
    assert_eq!(check(&site, &[("ONE_KEY", "x")]).code, Some(0));
}

#[test]
fn servers_that_are_there_already_can_be_named() {
    let site = site();
    site.add_gateways(
        "smtp-servers.toml",
        "[smtp_servers.relay]\nhost = \"127.0.0.1\"\ntls = \"none\"\nsender = \"a@sms.test\"\n",
    );
    let before = fs::read_to_string(site.path().join("gateways.d/smtp-servers.toml")).unwrap();
    let mail = |server: &str| {
        gateway("SmtpSMSProvider", json!({ "MAILTO": "{phone}@sms.test", "SMTPIDENTIFIER": server }))
    };
    let server = json!({ "server": "mail.test", "port": 25, "tls": false, "sender": "a@sms.test" });
    let configuration = json!({
        "smsgateway": { "old": mail("relay"), "new": mail("other") },
        "smtpserver": { "relay": server, "other": server },
    });
    let ended = import(&site, &export(&site, "json", &configuration), &["--json"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(written(&site), ["old.toml", "smtp-servers.toml"]);
    assert_eq!(before, fs::read_to_string(site.path().join("gateways.d/smtp-servers.toml")).unwrap());
    let said = report(&ended)["gateways"][1]["left_out"].clone();
    assert_eq!(said, "its SMTP server other is left out");
    assert_eq!(check(&site, &[]).code, Some(0));
}

/// A server of the site's own.
const RELAY: &str = "[smtp_servers.relay]\nhost = \"127.0.0.1\"\ntls = \"none\"\nsender = \"a@sms.test\"\n";

/// A gateway that names that server, with servers of these names.
fn mail_and_servers(servers: &[&str]) -> Value {
    let options = json!({ "MAILTO": "{phone}@sms.test", "SMTPIDENTIFIER": "relay" });
    let server = json!({ "server": "mail.test", "port": 25, "tls": false, "sender": "a@sms.test" });
    let servers = servers.iter().map(|name| ((*name).to_owned(), server.clone()));
    json!({
        "smsgateway": { "mail": gateway("SmtpSMSProvider", options) },
        "smtpserver": Value::Object(servers.collect()),
    })
}

#[test]
fn the_servers_file_is_not_replaced_where_one_would_be_lost() {
    let site = site();
    site.add_gateways("smtp-servers.toml", RELAY);
    let user = "[gateways.user]\nprovider = \"smtp\"\n[gateways.user.parameters]\nMAILTO = \"a@sms.test\"\nSMTPIDENTIFIER = \"relay\"\n";
    site.add_gateways("user.toml", user);
    let ended = import(&site, &export(&site, "json", &mail_and_servers(&["other"])), &["--force"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let line = ended.stdout.lines().find(|line| line.contains("other: LEFT OUT: ")).unwrap();
    assert!(line.contains("holds the SMTP server relay too") && line.contains("move that"), "{line}");
    assert_eq!(definition(&site, "smtp-servers"), RELAY);
    assert!(definition(&site, "mail").contains("SMTPIDENTIFIER = \"relay\""));
    assert_eq!(check(&site, &[]).code, Some(0));

    let both = mail_and_servers(&["other", "relay"]);
    assert_eq!(import(&site, &export(&site, "json", &both), &["--force"]).code, Some(0));
    assert!(definition(&site, "smtp-servers").contains("mail.test"), "with both of them it is replaced");
    assert_eq!(check(&site, &[]).code, Some(0));
}

#[test]
fn a_file_that_holds_more_than_its_gateway_is_not_replaced() {
    let site = site();
    let mail = format!(
        "{RELAY}[gateways.mail]\nprovider = \"smtp\"\n[gateways.mail.parameters]\nMAILTO = \"a@sms.test\"\nSMTPIDENTIFIER = \"relay\"\n"
    );
    site.add_gateways("mail.toml", &mail);
    let file = export(&site, "json", &mail_and_servers(&["relay"]));
    for more in [&["--force"][..], &[]] {
        let ended = import(&site, &file, more);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let line = ended.stdout.lines().find(|line| line.contains("  mail: LEFT OUT: ")).unwrap();
        assert!(line.contains("holds [smtp_servers.relay] too") && line.contains("move that"), "{line}");
        assert_eq!((written(&site), definition(&site, "mail")), (vec!["mail.toml".to_owned()], mail.clone()));
        assert_eq!(check(&site, &[]).code, Some(0));
    }
}

#[test]
fn a_server_that_can_not_be_used_takes_its_gateways_with_it() {
    let site = site();
    let mail = |server: &str| {
        gateway("SmtpSMSProvider", json!({ "MAILTO": "{phone}@sms.test", "SMTPIDENTIFIER": server }))
    };
    let server = |port: u32, sender: &str| json!({ "server": "mail.test", "port": port, "tls": false, "sender": sender });
    let configuration = json!({
        "smsgateway": { "a": mail("beyond"), "b": mail("nameless"), "c": mail("sound") },
        "smtpserver": { "beyond": server(70_000, "a@sms.test"), "nameless": server(25, ""), "sound": server(25, "a@sms.test") },
    });
    let ended = import(&site, &export(&site, "yaml", &configuration), &["--json"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let report = report(&ended);
    let reasons = report["gateways"].as_array().unwrap().iter().map(|gateway| gateway["left_out"].as_str());
    let reasons = reasons.collect::<Vec<_>>();
    assert_eq!(reasons[0], Some("its SMTP server beyond is left out"));
    assert!(reasons[1].unwrap().contains("`sender` of [smtp_servers.nameless] is missing"), "{reasons:?}");
    assert_eq!(reasons[2], None);
    let beyond = &report["smtp_servers"][0];
    assert!(beyond["left_out"].as_str().unwrap().starts_with("port: must be a whole number"), "{beyond}");
    assert_eq!(check(&site, &[]).code, Some(0));
}

#[test]
fn without_a_provider_s_library_its_gateways_are_left_out() {
    let site = site();
    let empty = site.path().join("plugins");
    site.configure(&format!("[plugins]\ndirs = [\"{}\"]\n", empty.display()));
    let ended = import(&site, &export(&site, "json", &one("http://127.0.0.1:9/")), &[]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stdout.contains("one: LEFT OUT: there is no provider \"http\"; put its library"),
        "{}",
        ended.stdout
    );
    assert_eq!(written(&site), [""; 0]);
}

#[test]
fn a_folder_that_can_not_be_written_is_said() {
    let site = site();
    let file = export(&site, "json", &one("http://127.0.0.1:9/"));
    let out = site.path().join("file");
    fs::write(&out, "").unwrap();
    let mut command = command::clean(&tree::binary());
    command
        .args(["import", "privacyidea"])
        .arg(&file)
        .arg("--out")
        .arg(&out)
        .arg("--config")
        .arg(site.config());
    let ended = command::run(&mut command, "");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stdout.contains("one: LEFT OUT: ") && ended.stdout.contains("can't be written"),
        "{ended:?}"
    );
}

#[test]
fn an_export_may_come_through_a_pipe() {
    let site = site();
    let text = fs::read_to_string(export(&site, "yaml", &one("http://127.0.0.1:9/"))).unwrap();
    let mut command = command::clean(&tree::binary());
    command.args(["import", "privacyidea", "-", "--config"]).arg(site.config()).current_dir(site.path());
    let ended = command::run(&mut command, &text);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(written(&site), ["one.toml"], "in the current folder");
}

#[test]
fn what_is_censored_is_judged_when_it_is_there() {
    let site = site();
    let options = json!({
        "URL": "__CENSORED__", "HTTP_METHOD": "GET", "HTTP_PROXY": "__CENSORED__", "text": "{otp}", "CHECK_SSL": "__CENSORED__",
    });
    let mut configuration = json!({ "smsgateway": { "sms": gateway("HttpSMSProvider", options) } });
    configuration["smsgateway"]["sms"]["headers"] = json!({ "X-Key": "__CENSORED__" });
    let ended = import(&site, &export(&site, "yaml", &configuration), &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let variables =
        [("SMS_URL", "http://127.0.0.1:9/"), ("SMS_HTTP_PROXY", "http://127.0.0.1:9"), ("SMS_X_KEY", "k")];
    let with = |check_ssl| [&variables[..], &[("SMS_CHECK_SSL", check_ssl)]].concat();
    assert_eq!(check(&site, &with("yes")).code, Some(0));
    let wrong = check(&site, &with("maybe"));
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
}
