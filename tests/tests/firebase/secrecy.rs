//! Canaries: a value of its own in every secret, text and number, and none of them in anything that is said.

use super::{account, gateway, read_account, service, with_account};
use gatepost_tests::{
    Host, Site, eventually,
    peers::{
        free_port,
        misbehaving::Misbehaving,
        proxy::{PASSWORD as PROXY_PASSWORD, Proxy},
    },
    tree,
};
use serde_json::json;

#[test]
fn nothing_secret_is_said() {
    let service = service();
    let (proxy, cutting) = (Proxy::tinyproxy(), Misbehaving::start(|_| {}));
    let file = service.folder().join("account.json");
    let repeating = account(&service, "repeating", |account| {
        account["token_uri"] = json!(format!("{}/token/echo", service.origin()));
    });
    let proxied = format!("httpsproxy = \"{}\"", proxy.url("http", PROXY_PASSWORD));
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let keys = "apikey = \"canary-apikey\"\napiios = \"canary-apiios\"";
    let places = [
        ("fine", gateway("fine", &service, keys)),
        ("echo:200", gateway("echo-200", &service, keys)),
        ("echo:400", gateway("echo-400", &service, keys)),
        ("echo:401", gateway("echo-401", &service, keys)),
        ("echo:404", gateway("echo-404", &service, keys)),
        ("echo:429", gateway("echo-429", &service, keys)),
        ("echo:503", gateway("echo-503", &service, keys)),
        ("token", with_account("token", &repeating, &service.origin(), keys)),
        ("refused", with_account("refused", &file, &nowhere, keys)),
        ("cut", with_account("cut", &file, &format!("http://{}", cutting.address), keys)),
        ("proxied", gateway("proxied", &service, &format!("{proxied}\n{keys}"))),
    ];
    let site = Site::new(&places.iter().map(|(_, text)| text.as_str()).collect::<String>());
    let mut host = Host::start_with(&site, &tree::binary(), &["--log", "trace"]);
    let mut said = Vec::new();
    for (place, _) in &places {
        let device = format!("{place}:canary-device-token");
        let message = json!({
            "to": device, "text": "canary-text 48151623", "title": "canary-title",
            "data": { "nonce": "canary-nonce", "question": "canary-question", "list": ["canary-list"] },
            "gateway": place.replace(':', "-"),
        });
        let answer = host.post("/v1/messages", &message);
        assert_eq!(answer.status, 202, "{answer:?}");
        let mut message = eventually("it is tried", || {
            Some(host.message(&answer.id()))
                .filter(|message| message["attempts"].as_array().is_some_and(|all| !all.is_empty()))
        });
        // The one place where the recipient may stand.
        assert_eq!(message["to"], device);
        message["to"] = json!(null);
        said.push((*place, message.to_string()));
    }
    host.ask_to_end();
    eventually("it ends", || (!host.is_running()).then_some(()));
    let log = host.log();
    assert!(log.contains("the service answered") && log.contains("an access token was given"), "{log}");
    said.extend(log.lines().map(|line| ("log", line.to_owned())));

    let account = read_account(&service);
    let key = account["private_key"].as_str().unwrap();
    let mut canaries: Vec<&str> = key.lines().filter(|line| !line.starts_with("-----")).collect();
    assert!(canaries.len() > 10);
    canaries.extend([
        // The beginning of every assertion, and of every access token.
        "eyJhbGciOi",
        "ya29.access",
        PROXY_PASSWORD,
        "canary",
        "48151623",
    ]);
    for canary in canaries {
        let leak = said.iter().find(|(_, words)| words.contains(canary));
        assert!(leak.is_none(), "a canary, {canary}, sings: {leak:?}");
    }
    // The service did get them.
    let arrived = format!("{:?}", service.arrived());
    for canary in [
        "ya29.access",
        "canary-text 48151623",
        "canary-title",
        "canary-nonce",
        "canary-list",
        "canary-device-token",
    ] {
        assert!(arrived.contains(canary), "{canary}");
    }
}
