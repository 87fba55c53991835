//! The application's side: HTTP requests and their answers.

use reqwest::{
    Certificate,
    blocking::{Client, ClientBuilder, RequestBuilder},
};
use serde_json::Value;
use std::{fs, path::Path, time::Duration};

/// Longer than the longest wait that a test asks for.
const TIMEOUT: Duration = Duration::from_secs(90);

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The header `content-type`, or nothing.
    pub content_type: String,
    /// All headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body, if it is JSON.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Answer {
    /// The id in the body.
    pub fn id(&self) -> String {
        self.body["id"].as_str().unwrap_or_else(|| panic!("no id in {self:?}")).to_owned()
    }

    /// Checks that it is a problem of this status, and returns the pointers of its fields.
    pub fn problem(&self, status: u16) -> Vec<&str> {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.content_type, "application/problem+json", "{self:?}");
        assert_eq!(self.body["status"], status, "{self:?}");
        for member in ["type", "title"] {
            assert!(self.body[member].is_string(), "no {member} in {self:?}");
        }
        let errors = self.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        for error in errors {
            assert!(error["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{self:?}");
        }
        errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect()
    }
}

/// A client that goes straight to the host: no proxy, and no need of the system's certificates.
pub fn new() -> Client {
    builder().build().unwrap()
}

/// One that trusts the certificates of this PEM file, and no others.
pub fn trusting(ca: &Path) -> Client {
    let authorities = Certificate::from_pem_bundle(&fs::read(ca).unwrap()).unwrap();
    builder().tls_certs_only(authorities).build().unwrap()
}

/// One that sends this API key with every request.
pub fn with_key(key: &str) -> Client {
    let authorization = format!("Bearer {key}").parse().unwrap();
    let headers = [(reqwest::header::AUTHORIZATION, authorization)].into_iter().collect();
    builder().default_headers(headers).build().unwrap()
}

fn builder() -> ClientBuilder {
    Client::builder().no_proxy().tls_certs_only([]).timeout(TIMEOUT)
}

/// Sends a request.
///
/// # Errors
/// Nobody answered, or not to the end.
pub fn send(request: RequestBuilder) -> Result<Answer, reqwest::Error> {
    let response = request.send()?;
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let content_type = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = content_type.to_owned();
    let text = response.text()?;
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Ok(Answer { status, content_type, headers, body, text })
}
