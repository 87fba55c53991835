//! From a message to a request: address, headers, body.

use crate::{
    config::{Config, Fields},
    json::{JsonTemplate, push_string},
    outcome::Echoes,
    target::encode,
};
use gatepost_provider_api::{
    Message, SubmitError,
    http::reqwest::{
        self, Body, Method, Url,
        header::{self, HeaderMap, HeaderValue},
    },
    template::Template,
};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// A request about to be sent. No `Debug`: it holds number, text and secrets.
pub(crate) struct Request {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<String>,
}

impl Request {
    /// # Errors
    /// `rejected`: this message can't be put into such a request.
    pub(crate) fn new(config: &Config, message: Message) -> Result<(Self, Echoes), SubmitError> {
        let phone = match &config.regexp {
            Some(regexp) => regexp.apply(&message.to)?,
            None => message.to,
        };
        if phone.is_empty() {
            return Err(SubmitError::rejected("the phone number is empty"));
        }
        let otp = message.text;
        let mut headers = headers(config, &phone, &otp)?;
        let (query, body, content_type) = match &config.fields {
            Fields::Query(fields) => (encoded(fields, &phone, &otp), None, None),
            Fields::Form(fields) => (String::new(), Some(encoded(fields, &phone, &otp)), Some(FORM)),
            Fields::Json(fields) => (String::new(), Some(json(fields, &phone, &otp)), Some(JSON)),
        };
        let url = config.target.expand(&phone, &otp, &query)?;
        if let Some(content_type) = content_type {
            headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static(content_type));
        }
        let echoes = Echoes { phone, otp, authorization: config.authorization.clone() };
        Ok((Self { method: config.method.clone(), url, headers, body }, echoes))
    }

    pub(crate) fn into_reqwest(self) -> reqwest::Request {
        let mut request = reqwest::Request::new(self.method, self.url);
        *request.headers_mut() = self.headers;
        *request.body_mut() = self.body.map(Body::from);
        request
    }
}

fn headers(config: &Config, phone: &str, otp: &str) -> Result<HeaderMap, SubmitError> {
    let mut headers = HeaderMap::with_capacity(config.headers.len() + 2);
    for (name, template) in &config.headers {
        let value = template.expand(phone, otp);
        let value =
            if value.chars().any(char::is_control) { None } else { HeaderValue::try_from(value).ok() };
        let mut value = value.ok_or_else(|| {
            SubmitError::rejected(format!("the header {name} would have a control character in it"))
        })?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    if let Some(authorization) = &config.authorization {
        headers.insert(header::AUTHORIZATION, authorization.clone());
    }
    Ok(headers)
}

/// `name=value&…`, as queries and forms have it.
fn encoded(fields: &[(String, Template)], phone: &str, otp: &str) -> String {
    let mut encoded = String::new();
    for (name, template) in fields {
        if !encoded.is_empty() {
            encoded.push('&');
        }
        encoded.push_str(&encode(name));
        encoded.push('=');
        encoded.push_str(&encode(&template.expand(phone, otp)));
    }
    encoded
}

fn json(fields: &[(String, JsonTemplate)], phone: &str, otp: &str) -> String {
    let mut body = String::from("{");
    for (number, (name, value)) in fields.iter().enumerate() {
        if number > 0 {
            body.push_str(", ");
        }
        push_string(name, &mut body);
        body.push_str(": ");
        value.expand(phone, otp, &mut body);
    }
    body.push('}');
    body
}
