//! Canaries: a value of its own in every secret, text and number, and none of them in anything that is said.

use gatepost_tests::{
    Host, Site, client,
    peers::{misbehaving::Misbehaving, nginx::Nginx, proxy::Proxy},
    tree,
};
use serde_json::json;

const TEXT: &str = "canary-text says 48151623";
const PHONE: &str = "+491709998877";

const CANARIES: [(&str, &str); 15] = [
    ("password in the URL", "canary-url-password"),
    ("PASSWORD", "canary-password"),
    ("an option named so", "canary-option-token"),
    ("an option by reference", "canary-env-option"),
    ("a header named so", "canary-header"),
    ("Authorization", "canary-authorization"),
    ("PARAMETER's password", "canary-parameter"),
    ("a file's secret", "canary-file"),
    ("a proxy's password", "canary-proxy"),
    ("text", "canary-text"),
    ("code", "48151623"),
    ("number", PHONE),
    ("number without plus", "491709998877"),
    ("number as REGEXP writes it", "00491709998877"),
    ("credentials in base64", "Y2FuYXJ5LXVzZXI6Y2FuYXJ5LXBhc3N3b3Jk"),
];

#[test]
fn nothing_secret_is_said() {
    // Servers that repeat all that they got, well and badly.
    let echo = "'$request_uri $request_body $http_authorization $http_x_secret $http_x_token'";
    let peer = Nginx::answering(&format!(
        "location /ok {{ return 200 {echo}; }} location /bad {{ return 400 {echo}; }}\n\
         location /down {{ return 503 {echo}; }} location /denied {{ return 401 {echo}; }}\n\
         location /moved {{ return 302 /ok?$args; }}"
    ));
    let proxy = Proxy::tinyproxy();
    let cutting = Misbehaving::start(|_| {});
    let origin = peer.origin();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "canary-file\n").unwrap();
    let sections = |name: &str| {
        format!(
            r#"
REGEXP = '/^\+/00/'
PARAMETER = {{ kind = "x", inner_password = "canary-parameter" }}
[gateways.{name}.options]
to = "{{phone}}"
text = "{{otp}}"
my_token = "canary-option-token"
key = {{ env = "CANARY_OPTION" }}
other = {{ file = "{file}" }}
[gateways.{name}.headers]
X-Secret = "canary-header"
X-Token = "canary-authorization"
"#,
            file = file.display()
        )
    };
    let gateway = |name: &str, url: &str, more: &str| {
        format!(
            "[gateways.{name}]\nprovider = \"http\"\nretry = {{ attempts = 1 }}\n[gateways.{name}.parameters]\nURL = \"{url}\"\n{more}{}",
            sections(name)
        )
    };
    let credentials = "USERNAME = \"canary-user\"\nPASSWORD = \"canary-password\"\n";
    let with = origin.replace("://", "://user:canary-url-password@");
    let mut gateways = vec![
        gateway(
            "refused",
            &format!("http://u:canary-url-password@127.0.0.1:{}/", gatepost_tests::peers::free_port()),
            "",
        ),
        gateway("cut", &format!("http://u:canary-url-password@{}/{{otp}}", cutting.address), ""),
        gateway(
            "proxied",
            &format!("{origin}/ok"),
            &format!("PROXY = \"{}\"\n{credentials}", proxy.url("http", "canary-proxy")),
        ),
        gateway(
            "tunnelled",
            &format!("https://127.0.0.1:{}/", peer.port()),
            &format!("PROXY = \"{}\"\n{credentials}", proxy.url("http", "canary-proxy")),
        ),
    ];
    for place in ["ok", "bad", "down", "denied", "moved"] {
        gateways.push(gateway(&format!("get-{place}"), &format!("{with}/{place}"), ""));
        let more = format!("HTTP_METHOD = \"POST\"\n{credentials}");
        gateways.push(gateway(&format!("form-{place}"), &format!("{origin}/{place}?t={{otp}}"), &more));
        gateways.push(gateway(
            &format!("json-{place}"),
            &format!("{origin}/{place}/{{phone}}"),
            &format!("{more}SEND_DATA_AS_JSON = \"yes\"\nRETURN_SUCCESS = \"nowhere\"\nID_REGEXP = '(.*)'\n"),
        ));
    }
    let site = Site::new(&gateways.concat());
    let mut host =
        Host::spawn(&site, &tree::binary(), &["--log", "trace"], &[("CANARY_OPTION", "canary-env-option")]);
    let mut said = Vec::new();
    let names = gateways.iter().map(|text| text.split(['[', ']', '.']).nth(2).unwrap());
    for name in names {
        let mut message = host.send_and_see(name, PHONE, TEXT);
        // The one place where the number may stand.
        assert_eq!(message["to"], PHONE, "{name}");
        message["to"] = json!(null);
        said.push((name, message.to_string()));
    }
    said.push(("readyz", host.get("/readyz").text));
    let unknown = json!({ "to": PHONE, "text": TEXT, "gateway": "canary-nowhere" });
    said.push((
        "unknown gateway",
        client::send(host.client().post(host.url("/v1/messages")).json(&unknown)).unwrap().text,
    ));
    host.ask_to_end();
    gatepost_tests::eventually("it ends", || (!host.is_running()).then_some(()));
    let log = host.log();
    assert!(log.contains("the service answered"), "the provider's own events are there: {log}");
    said.extend(log.lines().map(|line| ("log", line.to_owned())));
    for (what, canary) in CANARIES {
        let leak = said.iter().find(|(_, words)| words.contains(canary));
        assert!(leak.is_none(), "a canary, {what}, sings: {leak:?}");
    }
    // The peers did get them.
    let arrived = peer.arrived();
    for canary in ["canary-option-token", "canary-env-option", "canary-file", "48151623", "00491709998877"] {
        assert!(arrived.iter().any(|request| format!("{request:?}").contains(canary)), "{canary}");
    }
}
