//! From a message to a request: a call of XML-RPC, or JSON.

use crate::{
    config::{Api, Config},
    xml_rpc,
};
use gatepost_provider_api::{
    Message, SubmitError,
    http::reqwest::{
        self, Body, Method,
        header::{self, HeaderValue},
    },
    serde_json::json,
};

const XML: HeaderValue = HeaderValue::from_static("text/xml");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A request about to be sent. No `Debug`: it holds number and text.
pub(crate) struct Request {
    content_type: HeaderValue,
    body: String,
}

/// What an answer may repeat, and must not be shown. No `Debug`: it is number, text and password.
pub(crate) struct Echoes {
    phone: String,
    text: String,
    /// As the header has it: the host knows the password, but not its Base64.
    authorization: String,
}

impl Request {
    /// # Errors
    /// `rejected`: this message can't be put into such a request.
    pub(crate) fn new(config: &Config, message: &Message) -> Result<(Self, Echoes), SubmitError> {
        let phone = match &config.regexp {
            Some(regexp) => regexp.apply(&message.to)?,
            None => message.to.clone(),
        };
        let phone = match config.api {
            Api::XmlRpc => phone.trim().trim_matches('+').trim().to_owned(),
            Api::Rest => phone.trim().to_owned(),
        };
        if phone.is_empty() {
            return Err(SubmitError::rejected("the phone number is empty"));
        }
        if message.text.is_empty() {
            return Err(SubmitError::rejected("the message has no text"));
        }
        let request = match config.api {
            Api::XmlRpc => Self::xml_rpc(&phone, &message.text)?,
            Api::Rest => {
                let body = json!({ "smsId": config.sms_id, "recipient": phone, "message": message.text });
                Self { content_type: JSON, body: body.to_string() }
            }
        };
        let echoes = Echoes::new(config, phone, message.text.clone());
        Ok((request, echoes))
    }

    fn xml_rpc(phone: &str, text: &str) -> Result<Self, SubmitError> {
        // Behind an @ another domain would begin.
        if phone.contains('@') {
            return Err(SubmitError::rejected("the phone number has an @ in it"));
        }
        let remote_uri = format!("sip:{phone}@sipgate.de");
        let members = [("RemoteUri", remote_uri.as_str()), ("TOS", "text"), ("Content", text)];
        let body = xml_rpc::call("samurai.SessionInitiate", Some(&members));
        let body = body.map_err(|unwritable| SubmitError::rejected(unwritable.to_string()))?;
        Ok(Self { content_type: XML, body })
    }

    /// A call that tries the credentials and sends nothing.
    pub(crate) fn probe() -> Self {
        let body = xml_rpc::call("system.listMethods", None).unwrap_or_default();
        Self { content_type: XML, body }
    }

    pub(crate) fn into_reqwest(self, config: &Config) -> reqwest::Request {
        let mut request = reqwest::Request::new(Method::POST, config.endpoint.clone());
        request.headers_mut().insert(header::CONTENT_TYPE, self.content_type);
        request.headers_mut().insert(header::AUTHORIZATION, config.authorization.clone());
        *request.body_mut() = Some(Body::from(self.body));
        request
    }
}

impl Echoes {
    pub(crate) fn new(config: &Config, phone: String, text: String) -> Self {
        let authorization = config.authorization.to_str().unwrap_or_default();
        let authorization = authorization.split(' ').next_back().unwrap_or_default().to_owned();
        Self { phone, text, authorization }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        [&self.text, &self.phone, &self.authorization].map(String::as_str).into_iter()
    }
}
