//! What a running host really says, held against the document by validators that nobody here wrote.

use crate::{Described, ROOT};
use gatepost_tests::{Answer, Host, Site, client, events::Events, fixtures, peers::python::python, tree};
use reqwest::blocking::RequestBuilder;
use serde_json::{Value, json};
use std::fs;

/// What was said so far.
#[derive(Default)]
struct Said(Vec<Value>);

impl Said {
    /// Sends a request of this operation and keeps the answer.
    fn ask(&mut self, operation: &str, status: u16, request: RequestBuilder) -> Answer {
        let answer = client::send(request).unwrap();
        assert_eq!(answer.status, status, "{operation}: {answer:?}");
        let headers = answer.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        self.0.push(json!({
            "operation": operation,
            "status": status,
            "content_type": answer.content_type,
            "headers": headers.collect::<std::collections::BTreeMap<_, _>>(),
            "body": answer.body,
        }));
        answer
    }

    /// Has the document judged, and all of it by the document.
    fn must_fit(&self, document: &str) {
        let folder = tempfile::tempdir().unwrap();
        let (file, said) = (folder.path().join("openapi.json"), folder.path().join("said.jsonl"));
        fs::write(&file, document).unwrap();
        fs::write(&said, self.0.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
        let script = tree::workspace().join("tests/peers/openapi_check.py");
        let output = python().arg(script).arg(file).arg(said).output().unwrap();
        let words = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{words}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn get(host: &Host, path: &str) -> RequestBuilder {
    host.client().get(host.url(path))
}

fn post(host: &Host, path: &str, body: &Value) -> RequestBuilder {
    host.client().post(host.url(path)).json(body)
}

#[test]
fn the_document_and_every_example_in_it_are_right_and_every_answer_fits() {
    let described = Described::new();
    let host = Host::start(&described.site).with_key(ROOT);
    let mut said = Said::default();
    let document = said.ask("GET /openapi.json", 200, client::new().get(host.url("/openapi.json")));
    for path in ["/healthz", "/readyz", "/metrics", "/docs"] {
        said.ask(&format!("GET {path}"), 200, client::new().get(host.url(path)));
    }
    said.ask("GET /docs/{file}", 200, client::new().get(host.url("/docs/swagger-ui.css")));
    said.ask("GET /docs/{file}", 404, client::new().get(host.url("/docs/nothing")));
    let etag = document.headers["etag"].to_str().unwrap();
    said.ask("GET /openapi.json", 304, get(&host, "/openapi.json").header("if-none-match", etag));

    // Each example is taken.
    for (path, operation) in [("/v1/messages", "sendMessage"), ("/v1/messages/batch", "sendMessages")] {
        let operation = document.body["paths"][path]["post"]
            .as_object()
            .filter(|found| found["operationId"] == operation);
        let media = &operation.unwrap()["requestBody"]["content"]["application/json"];
        let named = media["examples"].as_object().into_iter().flatten().map(|(_, example)| &example["value"]);
        let examples = named.chain(media.get("example")).collect::<Vec<_>>();
        assert!(!examples.is_empty(), "{path}");
        for example in examples {
            said.ask(&format!("POST {path}"), 202, post(&host, path, example));
        }
    }

    let hook = described.receiver.url("/hook");
    let message =
        |gateway| json!({ "to": "+491701234567", "text": "hello", "gateway": gateway, "callback_url": hook });
    let waiting = post(&host, "/v1/messages", &message("clickatell")).header("prefer", "wait=30");
    let sent = said.ask("POST /v1/messages", 200, waiting);
    said.ask("POST /v1/messages", 502, post(&host, "/v1/messages?wait=30", &message("strict")));
    let receipt =
        format!("MessageSid={}&MessageStatus=delivered", sent.body["provider_ids"][0].as_str().unwrap());
    let receipts = |gateway: &str, body: &str| {
        host.client().post(host.url(&format!("/v1/receipts/{gateway}"))).body(body.to_owned())
    };
    said.ask("POST /v1/receipts/{gateway}", 200, receipts("clickatell", &receipt));
    said.ask(
        "POST /v1/receipts/{gateway}",
        200,
        receipts("clickatell", "MessageSid=nobodys&MessageStatus=failed"),
    );
    said.ask("POST /v1/receipts/{gateway}", 422, receipts("clickatell", "hello"));
    said.ask("POST /v1/receipts/{gateway}", 404, receipts("outbox", "hello"));
    said.ask("POST /v1/receipts/{gateway}", 404, receipts("nowhere", "hello"));
    let unmatched = said.ask("GET /v1/receipts", 200, get(&host, "/v1/receipts"));
    assert_eq!(unmatched.body["receipts"].as_array().unwrap().len(), 1);
    said.ask("GET /v1/receipts", 422, get(&host, "/v1/receipts?cursor=x"));
    host.until_state(&sent.id(), "delivered");
    let shown = said.ask("GET /v1/messages/{id}", 200, get(&host, &format!("/v1/messages/{}", sent.id())));
    assert_eq!(shown.body["receipts"].as_array().unwrap().len(), 1);
    said.ask("GET /v1/messages/{id}", 404, get(&host, "/v1/messages/1"));
    said.ask("GET /v1/messages", 200, get(&host, "/v1/messages?limit=3"));
    said.ask("GET /v1/messages", 422, get(&host, "/v1/messages?limit=0"));

    let mut later = message("clickatell");
    later["send_at"] = gatepost_tests::in_seconds(600).into();
    let later = said.ask(
        "POST /v1/messages",
        202,
        post(&host, "/v1/messages", &later).header("idempotency-key", "later"),
    );
    let reused = post(&host, "/v1/messages", &message("clickatell")).header("idempotency-key", "later");
    said.ask("POST /v1/messages", 409, reused);
    let cancel = || host.client().delete(host.url(&format!("/v1/messages/{}", later.id())));
    said.ask("DELETE /v1/messages/{id}", 200, cancel());
    said.ask("DELETE /v1/messages/{id}", 409, cancel());

    said.ask("GET /v1/routes", 200, get(&host, "/v1/routes"));
    said.ask("GET /v1/routes/explain", 200, get(&host, "/v1/routes/explain?to=%2B49170"));
    said.ask("GET /v1/routes/explain", 422, get(&host, "/v1/routes/explain"));
    said.ask("GET /v1/events", 422, get(&host, "/v1/events?last_event_id=x"));

    let reload = || host.client().post(host.url("/v1/reload"));
    let delete = |name: &str| host.client().delete(host.url(&format!("/v1/gateways/{name}")));
    let put = |name: &str, definition: &Value| {
        host.client().put(host.url(&format!("/v1/gateways/{name}"))).json(definition)
    };
    let mut spare = described.definition();
    said.ask("PUT /v1/gateways/{name}", 201, put("spare", &spare));
    spare["description"] = "Our account".into();
    spare["rate"] = "50/s".into();
    spare["retry"] = json!({ "attempts": 2, "first": "1s", "max": "1m" });
    spare["parameters"]["PASSWORD"] = "secret".into();
    let defined = said.ask("PUT /v1/gateways/{name}", 200, put("spare", &spare));
    // What is shown is a definition too.
    said.ask("PUT /v1/gateways/{name}", 200, put("spare", &defined.body));
    said.ask(
        "PUT /v1/gateways/{name}",
        422,
        put("spare", &json!({ "provider": "nobodys", "colour": "red" })),
    );
    said.ask("PUT /v1/gateways/{name}", 409, put("clickatell", &spare));
    let example =
        &document.body["paths"]["/v1/gateways/{name}"]["put"]["requestBody"]["content"]["application/json"];
    said.ask("PUT /v1/gateways/{name}", 201, put("backup", &example["example"]));
    said.ask("DELETE /v1/gateways/{name}", 204, delete("backup"));
    said.ask("GET /v1/gateways", 200, get(&host, "/v1/gateways"));
    said.ask("GET /v1/gateways", 422, get(&host, "/v1/gateways?x=1"));
    said.ask("GET /v1/gateways/{name}", 200, get(&host, "/v1/gateways/spare"));
    said.ask("GET /v1/gateways/{name}", 404, get(&host, "/v1/gateways/nobodys"));
    let check = |rest: &str| host.client().post(host.url(&format!("/v1/gateways/{rest}")));
    said.ask("POST /v1/gateways/{name}/check", 200, check("spare/check"));
    said.ask("POST /v1/gateways/{name}/check", 200, check("spare/check?probe=1"));
    said.ask("POST /v1/gateways/{name}/check", 404, check("nobodys/check"));
    said.ask("POST /v1/gateways/{name}/check", 422, check("spare/check?probe=2"));
    said.ask("DELETE /v1/gateways/{name}", 204, delete("spare"));
    said.ask("DELETE /v1/gateways/{name}", 404, delete("spare"));
    said.ask("DELETE /v1/gateways/{name}", 409, delete("clickatell"));
    said.ask("GET /v1/providers", 200, get(&host, "/v1/providers"));
    said.ask("GET /v1/providers/{name}", 200, get(&host, "/v1/providers/http"));
    said.ask("GET /v1/providers/{name}", 404, get(&host, "/v1/providers/nobodys"));
    said.ask("POST /v1/reload", 200, reload());
    described.site.add_gateways("wrong.toml", "[gateways.wrong]\nprovider = \"nobodys\"\n");
    said.ask("POST /v1/reload", 422, reload());
    said.ask("PUT /v1/gateways/{name}", 409, put("spare", &spare));

    let limited = client::with_key("limited");
    let ask = |address: String| limited.get(host.url(&address));
    said.ask("GET /v1/routes", 200, ask("/v1/routes".into()));
    said.ask("GET /v1/routes", 429, ask("/v1/routes".into()));
    said.ask("GET /v1/routes", 414, ask(format!("/v1/routes?{}", "x".repeat(9000))));

    let raw = |body: &'static str| host.client().post(host.url("/v1/messages")).body(body);
    said.ask("POST /v1/messages", 400, raw("{").header("content-type", "application/json"));
    said.ask("POST /v1/messages", 415, raw("{}"));
    said.ask("POST /v1/messages", 422, post(&host, "/v1/messages", &json!({ "to": 1, "colour": "red" })));
    said.ask(
        "POST /v1/messages/batch",
        422,
        post(&host, "/v1/messages/batch", &json!({ "messages": [1, {}] })),
    );
    let long = json!({ "to": "1", "text": "x".repeat(1 << 20) });
    said.ask("POST /v1/messages", 413, post(&host, "/v1/messages", &long));
    said.ask("POST /v1/messages", 401, client::new().post(host.url("/v1/messages")));
    let app = client::with_key("app");
    said.ask("POST /v1/messages", 403, app.post(host.url("/v1/messages")).json(&message("clickatell")));
    said.ask("GET /v1/events", 403, app.get(host.url("/v1/events")));

    for told in described.receiver.until_asked(3) {
        said.0.push(json!({ "webhook": told.body["type"], "body": told.body }));
    }
    said.must_fit(&document.text);
}

#[test]
fn what_a_host_without_keys_says_fits_as_well() {
    let receiver = gatepost_tests::peers::webhook_receiver::WebhookReceiver::start();
    let secret = gatepost_tests::peers::webhook_receiver::SECRET;
    let inbound = receiver.url("/inbound");
    let site = Site::new(&format!(
        "[webhooks]\nsecret = \"{secret}\"\n[inbound]\nurl = \"{inbound}\"\n[gateways.talking]\nprovider = \"courier\"\n\
         parameters = {{ FILE = \"courier.txt\", MODE = \"inbound\" }}\n"
    ));
    site.add_library(fixtures::courier(), "courier.so");
    let host = Host::start(&site);
    let mut said = Said::default();
    let document = said.ask("GET /openapi.json", 200, get(&host, "/openapi.json"));
    for path in ["/healthz", "/docs", "/openapi.json", "/v1/messages"] {
        said.ask(&format!("GET {path}"), 421, get(&host, path).header("host", "evil.example"));
    }
    said.ask("GET /v1/routes/explain", 404, get(&host, "/v1/routes/explain?to=%2B49170"));
    said.ask("POST /v1/receipts/{gateway}", 403, host.client().post(host.url("/v1/receipts/outbox")));

    let mut events = Events::open(host.address, "", None).unwrap();
    assert_eq!(host.send_and_wait("talking", "+491701234567", "STOP").status, 200);
    for _ in ["queued", "sending", "sent"] {
        said.0.push(json!({ "schema": "Message", "body": events.next_event().unwrap().message }));
    }
    let told = receiver.until_asked(1).remove(0);
    assert_eq!(told.body["type"], "message.inbound");
    said.0.push(json!({ "webhook": told.body["type"], "body": told.body }));
    said.must_fit(&document.text);
}
