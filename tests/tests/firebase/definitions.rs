//! What `gatepost check` says of definitions, in the words that privacyIDEA's users know.

use super::{account, gateway, service, with_account};
use gatepost_tests::{
    Ended, Site,
    command::{self, gatepost},
    tree,
};
use serde_json::json;
use std::{fs, path::Path};

fn check(site: &Site, more: &[&str]) -> Ended {
    let mut command = command::clean(&tree::binary());
    command::run(command.arg("check").args(more).arg("--config").arg(site.config()), "")
}

#[test]
fn each_mistake_with_the_config_file_is_said_in_the_words_that_users_know() {
    let service = service();
    let file = |name: &str, text: &str| {
        let path = service.folder().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let broken = file("broken.json", "{\"type\": \"service_account\", \"private_key\": canary}");
    let other = account(&service, "other", |account| account["type"] = json!("authorized_user"));
    let list = file("list.json", "[\"canary\"]");
    let bare = file("bare.json", "{\"type\": \"service_account\", \"project_id\": \"demo-project\"}");
    let keyless =
        account(&service, "keyless", |account| account["private_key"] = json!("-----BEGIN canary-----"));
    let uri = account(&service, "uri", |account| account["token_uri"] = json!("canary"));
    const NOT_VALID: &str = "The JSON file is not a valid firebase credentials file.";
    let there = |path: &Path| format!("\"JSON config file\" = \"{}\"", path.display());
    for (parameter, says, more) in [
        (String::new(), "No JSON config file provided.", "add it"),
        ("\"JSON config file\" = \"\"".to_owned(), "No JSON config file provided.", "write a path"),
        (
            there(Path::new("/nonexistent.json")),
            "The JSON config file could not be found.",
            "/nonexistent.json: No such file",
        ),
        (
            there(Path::new("missing.json")),
            "The JSON config file could not be found.",
            "missing.json: No such file",
        ),
        (there(service.folder()), "The JSON config file could not be found.", "no regular file"),
        (there(&broken), "The config file has an invalid JSON format.", "line 1, column 44"),
        (there(&other), NOT_VALID, "\"type\" is not \"service_account\""),
        (there(&list), NOT_VALID, "\"type\" is not \"service_account\""),
        (there(&bare), NOT_VALID, "there is no client_email, no private_key, no token_uri"),
        (there(&keyless), NOT_VALID, "private_key is no RSA key"),
        (there(&uri), NOT_VALID, "token_uri is no URL"),
    ] {
        let site = Site::new(&format!(
            "[gateways.push]\nprovider = \"firebase\"\n[gateways.push.parameters]\n{parameter}\n"
        ));
        let ended = check(&site, &[]);
        assert_eq!(ended.code, Some(2), "{parameter}: {ended:?}");
        let lines =
            ended.stderr.lines().filter(|line| line.contains("JSON config file: ")).collect::<Vec<_>>();
        assert_eq!(lines.len(), 1, "{parameter}: {ended:?}");
        assert!(lines[0].contains("gateways.push.parameters.JSON config file: "), "{lines:?}");
        assert!(lines[0].contains(says) && lines[0].contains(more), "{parameter}: {lines:?}");
        assert!(!ended.output().contains("canary"), "{ended:?}");
    }
}

#[test]
fn the_parameters_of_the_app_are_taken_under_their_own_names() {
    let service = service();
    let all = "projectid = \"demo-project\"\nprojectnumber = 123456\napikey = \"key\"\napiios = \"ios\"\nappid = \"1:2:android:3\"\n\
               appidios = \"1:2:ios:3\"\n\"registration URL\" = \"https://pi.example/ttype/push\"\n\"time to live\" = 10\n\
               httpsproxy = \"proxy.example:3128\"";
    let ended = check(&Site::new(&gateway("push", &service, all)), &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for (parameter, says) in [
        (
            "projectid = \"another\"",
            "projectid: is \"another\", but the config file is of the project \"demo-project\"",
        ),
        ("\"registration url\" = \"x\"", "did you mean registration URL?"),
        ("\"time to life\" = 5", "did you mean time to live?"),
        ("\"time to live\" = \"soon\"", "must be a whole number"),
        (
            "httpsproxy = \"ftp://user:canary@x\"",
            "httpsproxy: is of a scheme that is none of http, https, socks5",
        ),
        (
            "COLLAPSE_ID = \"0123456789012345678901234567890123456789012345678901234567890123x\"",
            "longer than 64 bytes",
        ),
    ] {
        let ended = check(&Site::new(&gateway("push", &service, parameter)), &[]);
        assert_eq!(ended.code, Some(2), "{parameter}: {ended:?}");
        assert!(ended.stderr.contains(says) && !ended.output().contains("canary"), "{parameter}: {ended:?}");
    }
    let ended = check(
        &Site::new(&with_account("push", &service.folder().join("account.json"), "fcm.example", "")),
        &[],
    );
    assert!(ended.stderr.contains("ENDPOINT: is no URL"), "{ended:?}");
    let site = Site::new("");
    let shown = gatepost(&["providers", "firebase", "--config", site.config().to_str().unwrap()]);
    for name in [
        "JSON config file",
        "projectid",
        "projectnumber",
        "apikey",
        "apiios",
        "appid",
        "appidios",
        "registration URL",
        "time to live",
        "httpsproxy",
        "COLLAPSE_ID",
        "ENDPOINT",
    ] {
        assert!(shown.stdout.contains(name), "{name}: {shown:?}");
    }
}

#[test]
fn a_probe_asks_for_a_token_and_sends_nothing() {
    let service = service();
    let ended = check(&Site::new(&gateway("push", &service, "")), &["--probe"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.output().contains("an access token for the project demo-project was given"), "{ended:?}");
    let stranger = with_account("push", &service.folder().join("stranger.json"), &service.origin(), "");
    let ended = check(&Site::new(&stranger), &["--probe"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.output().contains("invalid_grant"), "{ended:?}");
    let kinds = service
        .arrived()
        .iter()
        .map(|request| request["kind"].as_str().unwrap().to_owned())
        .collect::<Vec<_>>();
    assert_eq!(kinds, ["token", "token"]);
}
