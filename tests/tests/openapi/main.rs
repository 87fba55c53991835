//! The OpenAPI document: what it says is so, and what is so it says.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod answers;
mod fuzz;

use gatepost_tests::{
    Site,
    peers::{
        nginx::Nginx,
        webhook_receiver::{SECRET, WebhookReceiver},
    },
    site::api_key,
};
use serde_json::{Value, json};

/// The key that may do everything.
const ROOT: &str = "root";

/// A host whose gateway, route and origin are those that the document's examples name. `strict` refuses everything.
struct Described {
    site: Site,
    receiver: WebhookReceiver,
    service: Nginx,
}

impl Described {
    fn new() -> Self {
        let service = Nginx::answering(
            "location / { return 200 'ID: $request_id'; } location /no { return 400 'barred recipient'; }",
        );
        let receiver = WebhookReceiver::start();
        let origins = format!("[\"https://app.example\", {:?}]", receiver.origin());
        let webhooks = format!("[webhooks]\nallow = {origins}\nsecret = \"{SECRET}\"\n");
        let route = "[routes.default]\ngateways = [\"clickatell\"]\n";
        let gateways = gateway("clickatell", &service, "/yes") + &gateway("strict", &service, "/no");
        let keys = api_key(ROOT, &["admin"], "")
            + &api_key("app", &["send"], "routes = [\"default\"]")
            + &api_key("limited", &["read"], "rate = \"1/min\"");
        let site = Site::new(&[webhooks, route.into(), gateways, keys].concat());
        Self { site, receiver, service }
    }

    /// A definition such as that of `clickatell`.
    fn definition(&self) -> Value {
        json!({
            "provider": "http",
            "parameters": { "URL": format!("{}/yes", self.service.origin()), "HTTP_METHOD": "GET" },
            "options": { "to": "{phone}", "text": "{otp}" },
        })
    }
}

fn gateway(name: &str, service: &Nginx, path: &str) -> String {
    format!(
        "[gateways.{name}]
provider = \"http\"
[gateways.{name}.parameters]
URL = \"{}{path}\"
HTTP_METHOD = \"GET\"
RETURN_SUCCESS = \"ID\"
ID_REGEXP = 'ID: (\\w+)'
RECEIPT_ID = \"MessageSid\"
RECEIPT_STATUS = \"MessageStatus\"
RECEIPT_DELIVERED = \"delivered\"
RECEIPT_FAILED = \"undelivered, failed\"
[gateways.{name}.options]
to = \"{{phone}}\"
text = \"{{otp}}\"
",
        service.origin()
    )
}
