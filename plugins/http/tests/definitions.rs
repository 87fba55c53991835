//! Which definitions are taken, and what is said of the others.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

use gatepost_provider_api::{
    Context, Definition, Problem, Provider, Section,
    serde_json::{Value, json},
    tokio,
};
use gatepost_provider_http::Http;

fn create(change: &Value) -> Result<Http, Vec<Problem>> {
    let section = |name: &str| change[name].as_object().cloned().unwrap_or_default();
    let mut definition = Definition {
        gateway: "gw".into(),
        options: section("options"),
        headers: section("headers"),
        ..Definition::default()
    };
    definition.parameters.insert("URL".into(), json!("http://127.0.0.1:9/send"));
    definition.parameters.extend(section("parameters"));
    let definition = Http::declaration().check(&definition)?;
    Http::create(definition, Context::for_tests("gw").unwrap())
}

#[tokio::test]
async fn each_mistake_is_said_with_its_key_and_its_mend() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "no certificate").unwrap();
    let empty = empty.to_str().unwrap();
    for (change, key, says) in [
        (json!({ "parameters": { "URL": "sms.example/send" } }), "URL", "is no URL"),
        (json!({ "parameters": { "URL": "ftp://sms.example/" } }), "URL", "schemes http and https"),
        (json!({ "parameters": { "URL": "http://{phone}.example/" } }), "URL", "a tag stands outside"),
        (json!({ "parameters": { "HTTP_METHOD": "get" } }), "HTTP_METHOD", "did you mean \"GET\"?"),
        (json!({ "parameters": { "HTTP_METHOD": "DELETE" } }), "HTTP_METHOD", "\"GET\", \"POST\", \"PUT\""),
        (json!({ "parameters": { "CHECK_SSL": "True" } }), "CHECK_SSL", "yes or no"),
        (json!({ "parameters": { "CA_FILE": "/nonexistent.pem" } }), "CA_FILE", "No such file"),
        (json!({ "parameters": { "CA_FILE": "/" } }), "CA_FILE", "no regular file"),
        (json!({ "parameters": { "CA_FILE": empty } }), "CA_FILE", "no certificate in it"),
        (json!({ "parameters": { "CLIENT_KEY": empty } }), "CLIENT_KEY", "add CLIENT_CERT"),
        (json!({ "parameters": { "CLIENT_CERT": "/nonexistent.pem" } }), "CLIENT_CERT", "No such file"),
        (json!({ "parameters": { "CLIENT_CERT": empty } }), "CLIENT_CERT", "no certificate with its key"),
        (json!({ "parameters": { "REGEXP": "/+/00/" } }), "REGEXP", "nothing for `+` to repeat"),
        (json!({ "parameters": { "REGEXP": "0049" } }), "REGEXP", "/PATTERN/REPLACEMENT/"),
        (json!({ "parameters": { "ID_REGEXP": "ID" } }), "ID_REGEXP", "no group"),
        (json!({ "parameters": { "ID_REGEXP": "(" } }), "ID_REGEXP", "correct it"),
        (json!({ "parameters": { "PROXY": "proxy://x" } }), "PROXY", "none of http, https, socks5"),
        (json!({ "parameters": { "HTTPS_PROXY": "user:pass@proxy" } }), "HTTPS_PROXY", "write one such as"),
        (json!({ "parameters": { "PROXY": "env", "HTTP_PROXY": "http://x" } }), "PROXY", "remove one"),
        (json!({ "parameters": { "HTTP_PROXY": "env" } }), "HTTP_PROXY", "remove one"),
        (json!({ "parameters": { "TIMEOUT": "0" } }), "TIMEOUT", "more than 0"),
        (json!({ "parameters": { "PARAMETER": "a=b" } }), "PARAMETER", "must be a table"),
        (json!({ "parameters": { "PARAMETER": { "a": [1] } } }), "PARAMETER", "must be one value"),
        (
            json!({ "parameters": { "RECEIPT_ID": "x", "RECEIPT_STATUS": "y" } }),
            "RECEIPT_DELIVERED",
            "is missing",
        ),
        (json!({ "parameters": { "RETURN_SUCESS": "ID" } }), "RETURN_SUCESS", "did you mean RETURN_SUCCESS?"),
        (json!({ "options": { "URL": "x" } }), "URL", "both a parameter and an option"),
        (
            json!({ "parameters": { "PARAMETER": { "user": "a" } }, "options": { "user": "b" } }),
            "user",
            "both an option and in PARAMETER",
        ),
        (json!({ "headers": { "a b": "x" } }), "a b", "no name of a header"),
        (json!({ "headers": { "X-A": "a\nb" } }), "X-A", "control character"),
        (json!({ "headers": { "Content-Length": "5" } }), "Content-Length", "can't be set"),
        (json!({ "headers": { "transfer-encoding": "chunked" } }), "transfer-encoding", "can't be set"),
        (json!({ "headers": { "X-A": "1", "x-a": "2" } }), "x-a", "there twice"),
    ] {
        let problems = create(&change).unwrap_err();
        assert_eq!(problems.len(), 1, "{change}: {problems:?}");
        assert_eq!(problems[0].key, key, "{change}: {problems:?}");
        assert!(problems[0].to_string().contains(says), "{change}: {}", problems[0]);
        assert!(!problems[0].to_string().contains("pass@"), "{}", problems[0]);
    }
}

#[tokio::test]
async fn all_mistakes_are_said_at_once() {
    let change = json!({
        "parameters": { "URL": "x", "REGEXP": "y", "ID_REGEXP": "(", "PROXY": "ftp://x", "CA_FILE": "/nonexistent" },
        "headers": { "a b": "x" },
    });
    let problems = create(&change).unwrap_err();
    let keys = problems.iter().map(|problem| problem.key.as_str()).collect::<Vec<_>>();
    assert_eq!(keys, ["URL", "REGEXP", "ID_REGEXP", "a b", "CA_FILE", "PROXY"]);
    assert_eq!(problems[3].section, Section::Headers);
}

#[tokio::test]
async fn an_option_may_have_the_name_of_a_parameter_that_is_not_filled() {
    for change in [
        json!({ "options": { "USERNAME": "x", "TIMEOUT": "7" } }),
        json!({ "parameters": { "USERNAME": "" }, "options": { "USERNAME": "x" } }),
    ] {
        assert!(create(&change).is_ok(), "{change}");
    }
}

#[tokio::test]
async fn values_are_taken_as_toml_has_them() {
    let change = json!({
        "parameters": { "TIMEOUT": 5, "CHECK_SSL": true, "REDIRECTS": false, "PROXY": "proxy.example:3128" },
    });
    assert_eq!(create(&change).unwrap().total_timeout().unwrap().as_secs(), 5);
    assert_eq!(create(&json!({})).unwrap().total_timeout().unwrap().as_secs(), 3);
}
