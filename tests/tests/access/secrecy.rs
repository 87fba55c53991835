//! Keys stand in no log, wherever they came.

use gatepost_tests::{Host, Site, client, eventually, raw, site::api_key, tree};
use serde_json::json;

const KEY: &str = "gp_canary-of-the-keys-7391";
const TEXT: &str = "the code is 918273";

#[test]
fn keys_and_texts_are_not_logged_even_at_trace() {
    let folder = tempfile::tempdir().unwrap();
    let authority = gatepost_tests::peers::certificates::Authority::new(folder.path());
    let pair = authority.server("127.0.0.1");
    let tls = super::tls::table(&pair);
    let key = api_key(KEY, &["send"], "").replace(&format!("name = {KEY:?}"), "name = \"app\"");
    let site = Site::new(&key);
    site.configure(&site.configuration().replace("[store]", &format!("{tls}[store]")));
    for secure in [true, false] {
        if !secure {
            site.configure(&site.configuration().replace(&tls, ""));
        }
        let mut host = if secure {
            Host::start_secure(&site, &authority.certificate(), &["--log", "trace"])
        } else {
            Host::start_with(&site, &tree::binary(), &["--log", "trace"])
        };
        let body = json!({ "to": "+491701234567", "text": TEXT, "gateway": "outbox" });
        for path in ["/v1/messages?wait=30", &format!("/v1/messages?api_key={KEY}"), &format!("/{KEY}")] {
            for authorized in [true, false] {
                let mut request = host.client().post(host.url(path)).json(&body);
                if authorized {
                    request = request.bearer_auth(KEY);
                }
                let answer = client::send(request).unwrap();
                let expected = if path.starts_with("/gp_") {
                    404
                } else if !authorized {
                    401
                } else if path.contains(KEY) {
                    422
                } else {
                    200
                };
                assert_eq!(answer.status, expected, "{path}: {answer:?}");
                assert!(!answer.text.contains(KEY) && !answer.text.contains("918273"), "{answer:?}");
            }
        }
        let broken = [
            format!("GET /v1/messages HTTP/1.1\nAuthorization: Bearer {KEY}\n\n"),
            format!("GET /v1/messages?api_key={KEY} HTTP/1.1\r\nHost : x\r\n\r\n"),
            format!("{KEY} {KEY} {KEY}\r\n\r\n"),
        ];
        for request in broken {
            raw::exchange(host.address, request.as_bytes());
        }
        host.ask_to_end();
        eventually("it ends", || (!host.is_running()).then_some(()));
        let log = host.log();
        assert!(log.contains("\"request\""), "requests are logged at this level: {log}");
        for secret in [KEY, "918273"] {
            let leak = log.lines().find(|line| line.contains(secret));
            assert!(leak.is_none(), "{secret}: {}", leak.unwrap_or_default());
        }
    }
}
