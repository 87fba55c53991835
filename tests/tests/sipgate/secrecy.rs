//! Canaries: a value of its own in every secret, text and number, and none of them in anything that is said.

use gatepost_tests::{
    Host, Site, eventually,
    peers::{
        misbehaving::Misbehaving,
        proxy::{PASSWORD as PROXY_PASSWORD, Proxy},
        service::Service,
    },
    tree,
};
use serde_json::json;

const USER: &str = "canary-user";
const PASSWORD: &str = "canary-password";
const TEXT: &str = "canary-text says <\"48151623\"> & 'more'";
const PHONE: &str = "+491709998877";

const CANARIES: [(&str, &str); 7] = [
    ("PASSWORD", PASSWORD),
    ("the proxy's password", PROXY_PASSWORD),
    ("text", "canary-text"),
    ("code", "48151623"),
    ("number", PHONE),
    ("number without plus", "491709998877"),
    ("credentials in base64", "Y2FuYXJ5LXVzZXI6Y2FuYXJ5LXBhc3N3b3Jk"),
];

#[test]
fn nothing_secret_is_said() {
    // Servers that repeat all that they got, well and badly.
    let service = Service::start("xmlrpc_server.py", &[USER, PASSWORD]);
    let (proxy, cutting) = (Proxy::tinyproxy(), Misbehaving::start(|_| {}));
    let origin = service.origin();
    let nowhere = format!("http://127.0.0.1:{}/", gatepost_tests::peers::free_port());
    let proxied = format!("PROXY = \"{}\"", proxy.url("http", PROXY_PASSWORD));
    let mut places = vec![
        ("rpc".to_owned(), format!("{origin}/RPC2"), String::new()),
        ("proxied".to_owned(), format!("{origin}/RPC2"), proxied.clone()),
        ("tunnelled".to_owned(), nowhere.replace("http", "https"), proxied),
        ("refused".to_owned(), nowhere, String::new()),
        ("cut".to_owned(), format!("http://{}/", cutting.address), String::new()),
        ("page".to_owned(), format!("{origin}/page"), String::new()),
    ];
    for kind in ["code", "success", "fault", "200", "400", "401", "503"] {
        places.push((format!("echo-{kind}"), format!("{origin}/echo/{kind}"), String::new()));
    }
    for kind in ["200", "400", "401", "503"] {
        places.push((format!("rest-{kind}"), format!("{origin}/echo/{kind}"), "API = \"rest\"".to_owned()));
    }
    let gateways = places.iter().map(|(name, endpoint, more)| {
        format!(
            "[gateways.{name}]\nprovider = \"sipgate\"\nretry = {{ attempts = 1 }}\n[gateways.{name}.parameters]\n\
             USERNAME = \"{USER}\"\nPASSWORD = \"{PASSWORD}\"\nENDPOINT = \"{endpoint}\"\nTIMEOUT = 2\n{more}\n"
        )
    });
    let site = Site::new(&gateways.collect::<String>());
    let mut host = Host::start_with(&site, &tree::binary(), &["--log", "trace"]);
    let mut said = Vec::new();
    for (name, ..) in &places {
        let mut message = host.send_and_see(name, PHONE, TEXT);
        // The one place where the number may stand.
        assert_eq!(message["to"], PHONE, "{name}");
        message["to"] = json!(null);
        said.push((name.as_str(), message.to_string()));
    }
    host.ask_to_end();
    eventually("it ends", || (!host.is_running()).then_some(()));
    let log = host.log();
    assert!(log.contains("the service answered"), "the provider's own events are there: {log}");
    said.extend(log.lines().map(|line| ("log", line.to_owned())));
    for (what, canary) in CANARIES {
        let leak = said.iter().find(|(_, words)| words.contains(canary));
        assert!(leak.is_none(), "a canary, {what}, sings: {leak:?}");
    }
    // The service did get them.
    let arrived = format!("{:?}", service.arrived());
    for canary in ["48151623", "491709998877", "Y2FuYXJ5LXVzZXI6Y2FuYXJ5LXBhc3N3b3Jk"] {
        assert!(arrived.contains(canary), "{canary}");
    }
}
