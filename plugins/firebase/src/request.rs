//! From a message to a request: what Android, Apple's devices and the app get of it.

use crate::{config::Config, token::Token};
use gatepost_provider_api::{
    Message, SubmitError,
    http::reqwest::{
        self, Body, Method,
        header::{self, HeaderValue},
    },
};
use serde_json::{Map, Value, json, value::RawValue};
use std::{
    collections::BTreeMap,
    time::{Duration, UNIX_EPOCH},
};

/// The most that the keys and values of data and notification may have together, in bytes.
const LARGEST: usize = 4096;

/// The longest that the service keeps a push for a device that can't be reached.
const LONGEST_LIFE: Duration = Duration::from_secs(28 * 86_400);

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A request about to be sent. No `Debug`: it holds the message.
pub(crate) struct Request {
    body: String,
    echoes: Vec<String>,
}

impl Request {
    /// # Errors
    /// `rejected`: this message can't be put into such a request.
    pub(crate) fn new(config: &Config, message: &Message) -> Result<Self, SubmitError> {
        let device = message.to.trim();
        if device.is_empty() {
            return Err(SubmitError::rejected("the registration token is empty"));
        }
        let data = data(message.data.as_deref())?;
        let shown = Shown::new(message, &data);
        let size = data.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() + shown.size();
        if size > LARGEST {
            let detail =
                format!("data and notification have {size} bytes; the service takes {LARGEST} at most");
            return Err(SubmitError::rejected(detail));
        }
        let (notification, alive) = (shown.notification(), message.remaining().min(LONGEST_LIFE));
        let expires = message.expires_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut aps = json!({ "sound": "default", "category": "PUSH_AUTHENTICATION" });
        let mut push = json!({
            "token": device,
            "data": data,
            "android": {
                "priority": "HIGH",
                "ttl": format!("{}s", alive.as_secs()),
                "fcm_options": { "analytics_label": "AndroidPushToken" },
            },
        });
        if !notification.is_empty() {
            set(&mut aps, "alert", notification.clone().into());
            set(&mut push, "notification", notification.into());
        }
        let apns = json!({
            "headers": {
                "apns-priority": "10",
                "apns-push-type": "alert",
                "apns-collapse-id": config.collapse_id,
                "apns-expiration": expires.as_secs().to_string(),
            },
            "payload": { "aps": aps },
            "fcm_options": { "analytics_label": "iOSPushToken" },
        });
        set(&mut push, "apns", apns);
        let mut echoes = vec![device.to_owned()];
        echoes.extend(shown.title.into_iter().chain(shown.body));
        echoes.extend(data.into_values());
        Ok(Self { body: json!({ "message": push }).to_string(), echoes })
    }

    /// What an answer may repeat, and must not be shown.
    pub(crate) fn echoes(&self) -> impl Iterator<Item = &str> {
        self.echoes.iter().map(String::as_str)
    }

    pub(crate) fn to_reqwest(&self, config: &Config, token: &Token) -> reqwest::Request {
        let mut request = reqwest::Request::new(Method::POST, config.address.clone());
        request.headers_mut().insert(header::CONTENT_TYPE, JSON);
        request.headers_mut().insert(header::AUTHORIZATION, token.authorization());
        *request.body_mut() = Some(Body::from(self.body.clone()));
        request
    }
}

/// What the device shows.
struct Shown {
    title: Option<String>,
    body: Option<String>,
}

impl Shown {
    /// The data of a push token has title and question in it. Any other push shows the message's own title and text, and of its data
    /// what these leave open.
    fn new(message: &Message, data: &BTreeMap<String, String>) -> Self {
        let own = |text: &str| Some(text).filter(|text| !text.is_empty()).map(str::to_owned);
        let (title, body) = (own(message.title.as_deref().unwrap_or_default()), own(&message.text));
        match (data.get("title").cloned(), data.get("question").cloned()) {
            (Some(title), Some(question)) => Self { title: Some(title), body: Some(question) },
            (in_data, question) => Self { title: title.or(in_data), body: body.or(question) },
        }
    }

    fn notification(&self) -> Map<String, Value> {
        let members = [("title", &self.title), ("body", &self.body)];
        let there = |(name, text): (&str, &Option<String>)| Some((name.to_owned(), text.clone()?.into()));
        members.into_iter().filter_map(there).collect()
    }

    fn size(&self) -> usize {
        let there = [("title", &self.title), ("body", &self.body)];
        there.iter().filter_map(|(name, text)| Some(name.len() + text.as_ref()?.len())).sum()
    }
}

/// The data as the service takes it: strings alone. One that is none goes as its JSON text; not a byte of a string changes, since it
/// may be signed.
fn data(json: Option<&str>) -> Result<BTreeMap<String, String>, SubmitError> {
    let Some(json) = json else { return Ok(BTreeMap::new()) };
    let members: BTreeMap<String, Box<RawValue>> =
        serde_json::from_str(json).map_err(|_| SubmitError::rejected("the data is no JSON object"))?;
    Ok(members
        .into_iter()
        .map(|(key, value)| {
            let text = serde_json::from_str::<String>(value.get()).unwrap_or_else(|_| value.get().to_owned());
            (key, text)
        })
        .collect())
}

fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.into(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatepost_provider_api::http::endpoint;
    use std::time::SystemTime;

    fn config() -> Config {
        let address = endpoint("http://x/").unwrap();
        Config { project: "p".into(), address, collapse_id: "privacyidea.pushtoken".into() }
    }

    fn message(text: &str, title: Option<&str>, data: Option<&str>) -> Message {
        let mut message = Message::new("m", "device-token", text);
        (message.title, message.data) = (title.map(Into::into), data.map(Into::into));
        message
    }

    fn push(message: &Message) -> Value {
        let body = Request::new(&config(), message).ok().unwrap().body;
        serde_json::from_str::<Value>(&body).unwrap()["message"].clone()
    }

    #[test]
    fn a_push_tokens_data_makes_the_whole_push() {
        let mut message = message("", None, Some(r#"{"nonce":"N","title":"Login","question":"Is it you?"}"#));
        message.expires_at = SystemTime::now() + Duration::from_millis(119_900);
        let expires = message.expires_at.duration_since(UNIX_EPOCH).unwrap().as_secs().to_string();
        let shown = json!({ "title": "Login", "body": "Is it you?" });
        assert_eq!(
            push(&message),
            json!({
                "token": "device-token",
                "data": { "nonce": "N", "title": "Login", "question": "Is it you?" },
                "notification": shown,
                "android": {
                    "priority": "HIGH",
                    "ttl": "119s",
                    "fcm_options": { "analytics_label": "AndroidPushToken" },
                },
                "apns": {
                    "headers": {
                        "apns-priority": "10",
                        "apns-push-type": "alert",
                        "apns-collapse-id": "privacyidea.pushtoken",
                        "apns-expiration": expires,
                    },
                    "payload": { "aps": { "alert": shown, "sound": "default", "category": "PUSH_AUTHENTICATION" } },
                    "fcm_options": { "analytics_label": "iOSPushToken" },
                },
            })
        );
    }

    #[test]
    fn title_and_text_are_shown_and_data_fills_what_they_leave_open() {
        let both = Some(r#"{"title":"T","question":"Q"}"#);
        let title = Some(r#"{"title":"T"}"#);
        for (text, own_title, data, expected) in [
            ("hello", None, None, json!({ "body": "hello" })),
            ("hello", Some("Title"), None, json!({ "title": "Title", "body": "hello" })),
            ("hello", Some("Title"), both, json!({ "title": "T", "body": "Q" })),
            ("hello", Some("Title"), title, json!({ "title": "Title", "body": "hello" })),
            ("hello", None, title, json!({ "title": "T", "body": "hello" })),
            ("", None, Some(r#"{"question":"Q"}"#), json!({ "body": "Q" })),
        ] {
            let push = push(&message(text, own_title, data));
            assert_eq!(push["notification"], expected, "{text} {own_title:?} {data:?}");
            assert_eq!(push["apns"]["payload"]["aps"]["alert"], expected);
            assert_eq!(push["data"].as_object().unwrap().is_empty(), data.is_none());
        }
        let silent = push(&message("", None, Some(r#"{"a":"b"}"#)));
        assert_eq!(
            (&silent["notification"], &silent["apns"]["payload"]["aps"]["alert"]),
            (&Value::Null, &Value::Null)
        );
    }

    #[test]
    fn data_that_is_no_string_goes_as_it_is_written() {
        let written = r#"{"number":1.50,"big":12345678901234567890123,"yes":true,"nothing":null,"list":[1, 2],"object":{"b": 1,"a":"x"},"text":"1.50"}"#;
        let expected = json!({
            "number": "1.50", "big": "12345678901234567890123", "yes": "true", "nothing": "null", "list": "[1, 2]",
            "object": r#"{"b": 1,"a":"x"}"#, "text": "1.50",
        });
        assert_eq!(push(&message("", None, Some(written)))["data"], expected);
        for wrong in ["[]", "5", "{", "\"x\""] {
            assert!(Request::new(&config(), &message("x", None, Some(wrong))).is_err(), "{wrong}");
        }
    }

    #[test]
    fn four_kibibytes_of_data_and_notification_are_taken_and_not_a_byte_more() {
        // data: `k` and its value; notification: `body` and `hi`.
        let with =
            |length: usize| message("hi", None, Some(&json!({ "k": "ä".repeat(length / 2) }).to_string()));
        let room = LARGEST - "k".len() - "body".len() - "hi".len();
        assert_eq!(room % 2, 1);
        assert!(Request::new(&config(), &with(room - 1)).is_ok());
        let error = Request::new(&config(), &with(room + 1)).err().unwrap();
        assert!(error.detail.contains("4097 bytes"), "{error}");
        assert!(Request::new(&config(), &message(&"x".repeat(LARGEST - 4), None, None)).is_ok());
        assert!(Request::new(&config(), &message(&"x".repeat(LARGEST - 3), None, None)).is_err());
    }

    #[test]
    fn a_life_longer_than_the_service_allows_is_shortened() {
        let mut message = message("x", None, None);
        message.expires_at = SystemTime::now() + Duration::from_secs(60 * 86_400);
        assert_eq!(push(&message)["android"]["ttl"], "2419200s");
        message.expires_at = SystemTime::now() - Duration::from_secs(1);
        assert_eq!(push(&message)["android"]["ttl"], "0s");
    }
}
