//! Whoever has a key for everything still gets no stored secret, no file and no variable out of the host.

use super::{TO, file, start, to};
use gatepost_tests::{Answer, Host, Site, peers::nginx::Nginx, tree};
use serde_json::{Map, Value, json};
use std::{cell::RefCell, fs};

const CANARIES: [&str; 8] = [
    "canary-password",
    "canary-option-token",
    "canary-env",
    "canary-file",
    "canary-header",
    "canary-parameter",
    "canary-proxy",
    "canary-query",
];

const ENVIRONMENT: [(&str, &str); 1] = [("VAULT_KEY", "canary-env")];

/// A site with a definition that somebody wrote by hand, full of secrets.
fn site(peer: &Nginx) -> Site {
    let site = super::site("");
    fs::write(site.path().join("secret"), "canary-file\n").unwrap();
    fs::write(site.path().join("outside.pem"), "canary-outside").unwrap();
    site.add_gateways(
        "vault.toml",
        &format!(
            r#"# By hand.
[gateways.vault]
provider = "http"
[gateways.vault.parameters]
URL = "{origin}/in?token=canary-query"
HTTP_METHOD = "POST"
HTTP_PROXY = "http://proxy-user:canary-proxy@127.0.0.1:1"
USERNAME = "me"
PASSWORD = "canary-password"
PARAMETER = {{ kind = "x", inner_secret = "canary-parameter" }}
[gateways.vault.options]
to = "{{phone}}"
text = "{{otp}}"
my_token = "canary-option-token"
key = {{ env = "VAULT_KEY" }}
other = {{ file = "../secret" }}
[gateways.vault.headers]
X-Test = "a"
X-Secret = "canary-header"
"#,
            // The proxy is for plain http, and nobody is there: taken out where messages are to arrive.
            origin = peer.origin()
        ),
    );
    site
}

/// The same without the proxy, so that messages arrive.
fn direct(site: &Site) {
    let text = fs::read_to_string(file(site, "vault")).unwrap();
    let without = text.lines().filter(|line| !line.starts_with("HTTP_PROXY")).collect::<Vec<_>>().join("\n");
    fs::write(file(site, "vault"), without).unwrap();
}

fn started(site: &Site) -> Host {
    Host::spawn(site, &tree::binary(), &["--log", "trace"], &ENVIRONMENT).with_key("admin")
}

/// Keeps all that is answered, to look for canaries in it.
struct Listening<'h> {
    host: &'h Host,
    heard: RefCell<String>,
}

impl<'h> Listening<'h> {
    fn to(host: &'h Host) -> Self {
        Self { host, heard: RefCell::default() }
    }

    fn hear(&self, answer: Answer) -> Answer {
        self.heard.borrow_mut().push_str(&format!("{answer:?}\n"));
        answer
    }

    fn shown(&self, name: &str) -> Map<String, Value> {
        let answer = self.hear(self.host.get(&format!("/v1/gateways/{name}")));
        answer.body.as_object().cloned().unwrap_or_else(|| panic!("{answer:?}"))
    }

    fn put(&self, name: &str, body: &Value) -> Answer {
        self.hear(self.host.put(&format!("/v1/gateways/{name}"), body))
    }

    /// What is shown, with this in place of the value at the pointer, or without it.
    fn put_with(&self, pointer: &str, value: Option<Value>) -> Answer {
        let mut body = Value::Object(self.shown("vault"));
        let (table, name) = pointer.rsplit_once('/').unwrap();
        let table = body.pointer_mut(table).unwrap().as_object_mut().unwrap();
        match value {
            Some(value) => drop(table.insert(name.to_owned(), value)),
            None => drop(table.shift_remove(name)),
        }
        self.put("vault", &body)
    }

    fn heard_no_canary(self) {
        let (heard, log) = (self.heard.into_inner(), self.host.log());
        for canary in CANARIES {
            assert!(!heard.contains(canary), "{canary} was answered: {heard}");
            let line = log.lines().find(|line| line.contains(canary));
            assert!(line.is_none(), "{canary} stands in the log: {line:?}");
        }
    }
}

#[test]
fn secrets_are_shown_nowhere_and_kept_by_what_is_shown() {
    let peer = Nginx::start();
    let site = site(&peer);
    direct(&site);
    let host = started(&site);
    let listening = Listening::to(&host);
    let shown = listening.shown("vault");
    assert_eq!(shown["parameters"]["PASSWORD"], "__CENSORED__");
    assert_eq!(shown["parameters"]["URL"], format!("{}/in?token=__CENSORED__", peer.origin()));
    assert_eq!(shown["options"]["key"], json!({ "env": "VAULT_KEY" }));
    assert_eq!(shown["options"]["other"], json!({ "file": "../secret" }));
    listening.hear(host.get("/v1/gateways"));
    let checked = listening.hear(host.post("/v1/gateways/vault/check?probe=1", &json!({})));
    assert_eq!((checked.status, &checked.body["probe"]["outcome"]), (200, &json!("ok")), "{checked:?}");
    listening.hear(host.get("/v1/providers/http"));

    for (pointer, value) in [
        ("/description", Some(json!("changed over the API"))),
        ("/rate", Some(json!("100/s"))),
        ("/parameters/TIMEOUT", Some(json!(4))),
        ("/parameters/PARAMETER/kind", Some(json!("y"))),
        ("/options/text", Some(json!("Your code is {otp}"))),
        ("/options/key", Some(json!("__CENSORED__"))),
        ("/headers/X-Test", Some(json!("b"))),
    ] {
        let answer = listening.put_with(pointer, value);
        assert_eq!(answer.status, 200, "{pointer}: {answer:?}");
    }
    let text = fs::read_to_string(file(&site, "vault")).unwrap();
    assert!(text.contains("key = { env = \"VAULT_KEY\" }\nother = { file = \"../secret\" }\n"), "{text}");
    assert!(
        !text.contains("canary-env") && !text.contains("canary-file") && !text.contains("__CENSORED__"),
        "{text}"
    );

    let sent = listening.hear(host.send_and_wait("vault", TO, "654321"));
    assert_eq!(sent.status, 200, "{sent:?}");
    // The first was the probe.
    let arrived = peer.until_arrived(2).remove(1);
    assert_eq!(arrived.line(), "POST /in?token=canary-query HTTP/1.1");
    assert_eq!(
        arrived.body(),
        "to=%2B491701234567&text=Your%20code%20is%20654321&my_token=canary-option-token&key=canary-env&other=canary-file&kind=y&inner_secret=canary-parameter"
    );
    assert_eq!(arrived.text("authorization"), "Basic bWU6Y2FuYXJ5LXBhc3N3b3Jk", "me:canary-password");
    assert_eq!(arrived.text("x_test"), "b");

    // One of them alone is changed.
    assert_eq!(listening.put_with("/parameters/PASSWORD", Some(json!("another"))).status, 200);
    assert_eq!(host.send_and_wait("vault", TO, "654321").status, 200);
    assert_eq!(peer.until_arrived(3)[2].text("authorization"), "Basic bWU6YW5vdGhlcg==");
    listening.heard_no_canary();
}

#[test]
fn a_secret_is_not_sent_elsewhere() {
    let (peer, evil) = (Nginx::start(), Nginx::start());
    let site = site(&peer);
    let host = started(&site);
    let listening = Listening::to(&host);
    let before = fs::read_to_string(file(&site, "vault")).unwrap();
    let (there, elsewhere) = (peer.origin(), evil.origin());
    for (pointer, value, name) in [
        ("/parameters/URL", Some(json!(format!("{elsewhere}/in?token=__CENSORED__"))), "token"),
        ("/parameters/URL", Some(json!(elsewhere)), "URL"),
        ("/parameters/URL", Some(json!(format!("{there}/other?token=new"))), "URL"),
        ("/parameters/URL", Some(json!(there.replace("http", "HTTP"))), "URL"),
        ("/parameters/HTTP_PROXY", Some(json!(elsewhere)), "HTTP_PROXY"),
        ("/parameters/HTTP_PROXY", None, "HTTP_PROXY"),
        ("/parameters/PROXY", Some(json!(elsewhere)), "PROXY"),
        ("/parameters/PROXY", Some(json!("env")), "PROXY"),
        ("/parameters/HTTPS_PROXY", Some(json!(elsewhere)), "HTTPS_PROXY"),
        ("/parameters/CHECK_SSL", Some(json!("no")), "CHECK_SSL"),
        ("/parameters/REDIRECTS", Some(json!("yes")), "REDIRECTS"),
        ("/parameters/ID_REGEXP", Some(json!("(.*)")), "ID_REGEXP"),
        ("/parameters/RETURN_SUCCESS", Some(json!("key=a")), "RETURN_SUCCESS"),
        ("/parameters/RETURN_FAIL", Some(json!("key=a")), "RETURN_FAIL"),
        ("/headers/Host", Some(json!("evil.example")), "Host"),
        ("/options/callback", Some(json!(elsewhere)), "callback"),
        ("/provider", Some(json!("sipgate")), "provider"),
    ] {
        let answer = listening.put_with(pointer, value);
        let pointers = answer.problem(422);
        for kept in ["/parameters/PASSWORD", "/options/key", "/headers/X-Secret"] {
            assert!(pointers.contains(&kept) || name == "token", "{pointer}: {answer:?}");
        }
        assert!(answer.text.contains(name), "{pointer}: {answer:?}");
        assert_eq!(fs::read_to_string(file(&site, "vault")).unwrap(), before, "{pointer}");
    }
    // Deleted and made anew: nothing is left to keep.
    let shown = Value::Object(listening.shown("vault"));
    let mut moved = shown.clone();
    moved["parameters"]["URL"] = json!(elsewhere);
    listening.put("vault2", &shown).problem(422);
    assert_eq!(host.delete("/v1/gateways/vault").status, 204);
    listening.put("vault", &shown).problem(422);
    listening.put("vault", &moved).problem(422);
    assert!(!file(&site, "vault").exists() && !file(&site, "vault2").exists());
    assert_eq!(evil.arrived().len(), 0);
    listening.heard_no_canary();
}

/// With each guess the other secrets are handed back as they are shown: whether they may stay must not hang on the guess.
#[test]
fn a_guess_at_a_secret_is_answered_the_same_whether_it_is_right() {
    let peer = Nginx::start();
    let site = site(&peer);
    let host = started(&site);
    let listening = Listening::to(&host);
    let before = fs::read_to_string(file(&site, "vault")).unwrap();
    let url = |token: &str| json!(format!("{}/in?token={token}", peer.origin()));
    let proxy = |password: &str| json!(format!("http://proxy-user:{password}@127.0.0.1:1"));
    for (pointer, right, wrong) in [
        ("/parameters/URL", url("canary-query"), url("another")),
        ("/parameters/HTTP_PROXY", proxy("canary-proxy"), proxy("another")),
    ] {
        let answers = [right, wrong].map(|guess| {
            let answer = host.put("/v1/gateways/vault", &{
                let mut body = Value::Object(listening.shown("vault"));
                *body.pointer_mut(pointer).unwrap() = guess;
                body
            });
            answer.problem(422);
            answer.body
        });
        assert_eq!(answers[0], answers[1], "{pointer}");
        let name = pointer.rsplit('/').next().unwrap();
        assert!(answers[0].to_string().contains(name), "{pointer}: {}", answers[0]);
    }
    assert_eq!(fs::read_to_string(file(&site, "vault")).unwrap(), before);
    // Whoever knows all of them need not hand any back.
    let mut whole = to(&format!("{}/in?token=canary-query", peer.origin()));
    whole["parameters"]["PASSWORD"] = json!("canary-password");
    whole["parameters"]["USERNAME"] = json!("me");
    assert_eq!(host.put("/v1/gateways/vault", &whole).status, 200);
}

#[test]
fn neither_files_nor_the_environment_are_read_for_a_definition_from_outside() {
    let evil = Nginx::start();
    let site = super::site("");
    fs::write(site.path().join("secret"), "canary-file\n").unwrap();
    let secret = site.path().join("secret").display().to_string();
    let host = started(&site);
    let listening = Listening::to(&host);
    for (pointer, value) in [
        ("/parameters/PASSWORD", json!({ "env": "VAULT_KEY" })),
        ("/parameters/URL", json!({ "file": secret })),
        ("/parameters/PARAMETER", json!({ "file": secret })),
        ("/parameters/PARAMETER", json!({ "x": { "env": "VAULT_KEY" } })),
        ("/parameters/CA_FILE", json!(secret)),
        ("/parameters/CLIENT_CERT", json!(secret)),
        ("/parameters/CLIENT_KEY", json!("../secret")),
        ("/options/x", json!({ "env": "VAULT_KEY" })),
        ("/options/x", json!({ "file": "../secret" })),
        ("/headers", json!({ "X-Test": { "env": "VAULT_KEY" } })),
        ("/description", json!({ "env": "VAULT_KEY" })),
        ("/valid_for", json!({ "file": secret })),
        ("/retry", json!({ "first": { "env": "VAULT_KEY" } })),
        ("/provider", json!({ "env": "VAULT_KEY" })),
        ("/rate", json!({ "file": "/dev/zero" })),
    ] {
        let mut body = to(&evil.origin());
        let (table, name) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(table).unwrap()[name] = value;
        let answer = listening.put("new", &body);
        let pointers = answer.problem(422);
        assert!(pointers.iter().any(|found| found.starts_with(pointer)), "{pointer}: {answer:?}");
        assert!(!file(&site, "new").exists());
    }
    let firebase = json!({ "provider": "firebase", "parameters": { "JSON config file": secret } });
    assert_eq!(listening.put("new", &firebase).problem(422), ["/parameters/JSON config file"]);
    // What only looks like a reference in a text is one to nobody.
    let mut literal = to(&evil.origin());
    literal["options"]["x"] = json!("{ env = \"VAULT_KEY\" }");
    literal["options"]["y\" = { env = \"VAULT_KEY\" }\nz"] =
        json!("'''\n[gateways.injected]\nprovider = \"http\"\n");
    assert_eq!(listening.put("new", &literal).status, 201);
    assert_eq!(host.get("/v1/gateways/injected").status, 404);
    assert_eq!(host.send_and_wait("new", TO, "x").status, 200);
    assert!(!evil.only().body().contains("canary"));
    listening.heard_no_canary();
}

#[test]
fn a_secret_that_was_put_is_never_shown_again() {
    let peer = Nginx::start();
    let site = super::site("");
    let host = start(&site);
    let listening = Listening::to(&host);
    let mut body = to(&format!("{}/?password=canary-query", peer.origin()));
    body["parameters"]["USERNAME"] = json!("me");
    body["parameters"]["PASSWORD"] = json!("canary-password");
    body["parameters"]["PARAMETER"] = json!({ "Secret-1": "canary-parameter" });
    body["options"]["my_token"] = json!("canary-option-token");
    body["headers"] = json!({ "Authorization-2": "canary-header" });
    assert_eq!(listening.put("mine", &body).status, 201);
    // With a mistake beside it, too.
    body["parameters"]["TIMEOUT"] = json!("canary-password");
    body["parameters"]["HTTP_METHOD"] = json!("canary-header");
    let refused = host.put("/v1/gateways/mine", &body);
    assert_eq!(refused.problem(422).len(), 2);
    listening.hear(host.get("/v1/gateways/mine"));
    assert_eq!(listening.hear(host.post("/v1/gateways/mine/check?probe=1", &json!({}))).status, 200);
    listening.hear(host.get("/metrics"));
    assert_eq!(listening.hear(host.send_and_wait("mine", TO, "x")).status, 200);
    assert!(peer.until_arrived(2)[1].line().contains("canary-query"));
    listening.heard_no_canary();
}
