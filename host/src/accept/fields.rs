//! The members of a request, checked one by one, with every error collected. No error quotes a text.

use super::Snapshot;
use crate::{
    config::{Endpoint, Reach, duration},
    message::{Content, Priority, Recipient, Text, Timestamp},
    route::Route,
};
use gatepost_provider_api::declaration::nearest;
use serde_json::{Map, Value};
use std::{borrow::Cow, collections::BTreeSet, time::Duration};

/// Longest recipient: registration tokens of devices have a few hundred characters and no stated bound.
const LONGEST_TO: usize = 4096;

/// Longest `from`, `tag` and `title`.
const LONGEST_SHORT: usize = 256;

/// The least and the most that a message's own `valid_for` may be.
const VALID_FOR: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(7 * 86_400));

/// Errors that are named in one answer: who sends more of them learns nothing from the rest.
pub(super) const MOST_ERRORS: usize = 100;

/// Longest name that an answer repeats, in characters.
const LONGEST_SHOWN: usize = 64;

/// All members that a message may have.
const MEMBERS: [&str; 12] = [
    "to",
    "text",
    "gateway",
    "route",
    "from",
    "tag",
    "priority",
    "valid_for",
    "send_at",
    "data",
    "title",
    "callback_url",
];

/// How far ahead a message may be sent.
const LATEST: Duration = Duration::from_secs(30 * 86_400);

/// Which way a message goes.
pub(super) enum Way<'r> {
    /// Through the gateway that it names.
    Through(String),
    /// Along a route.
    Along(&'r Route),
}

impl Way<'_> {
    /// Its gateways in order of preference, at least one, and the name of its route. Takes the route's turn: for a message that
    /// is refused nobody's turn is over.
    pub(super) fn take(self) -> (Vec<String>, Option<String>) {
        match self {
            Self::Through(gateway) => (vec![gateway], None),
            Self::Along(route) => (route.order(), Some(route.name().to_owned())),
        }
    }
}

/// One field of a request that can't be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// JSON pointer to the field: `/to`. Empty for the whole.
    pub pointer: String,
    /// What is wrong and how to mend it. Never the text's own words.
    pub detail: String,
}

pub(super) struct Fields<'a> {
    members: &'a Map<String, Value>,
    errors: Vec<FieldError>,
    /// What whoever asks may not use.
    forbidden: Option<String>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(body: &'a Value) -> Result<Self, Vec<FieldError>> {
        let Value::Object(members) = body else {
            let detail = format!("must be a JSON object, not {}", kind(body));
            return Err(vec![FieldError { pointer: String::new(), detail }]);
        };
        let mut fields = Self { members, errors: Vec::new(), forbidden: None };
        let unknown = members.keys().filter(|name| !MEMBERS.contains(&name.as_str()));
        for name in unknown.take(MOST_ERRORS) {
            let mend = match nearest(name, MEMBERS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("a message has {}", MEMBERS.join(", ")),
            };
            fields.error(name, format!("unknown member; {mend}"));
        }
        Ok(fields)
    }

    pub(super) fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    pub(super) fn into_errors(self) -> Vec<FieldError> {
        self.errors
    }

    pub(super) fn forbidden(&mut self) -> Option<String> {
        self.forbidden.take()
    }

    fn error(&mut self, name: &str, detail: impl Into<String>) {
        self.errors.push(FieldError { pointer: pointer(name), detail: detail.into() });
    }

    /// A string; `null` counts as absent.
    fn string(&mut self, name: &str, number_hint: &str) -> Option<&'a str> {
        match self.members.get(name)? {
            Value::Null => None,
            Value::String(text) => Some(text),
            Value::Number(_) if !number_hint.is_empty() => {
                self.error(name, format!("must be a string, not a number: {number_hint}"));
                None
            }
            other => {
                self.error(name, format!("must be a string, not {}", kind(other)));
                None
            }
        }
    }

    fn given(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|value| !value.is_null())
    }

    pub(super) fn recipient(&mut self) -> Option<Recipient> {
        if !self.given("to") {
            self.error("to", "is missing: whom is the message for?");
            return None;
        }
        let to = self.string("to", "put it in quotes, else leading zeros and the + get lost")?;
        if to.trim().is_empty() {
            self.error("to", "must not be empty");
        } else if to.chars().count() > LONGEST_TO {
            self.error("to", format!("must not be longer than {LONGEST_TO} characters"));
        } else if to.chars().any(char::is_control) {
            self.error("to", "must not contain control characters");
        } else {
            return Some(Recipient::new(to));
        }
        None
    }

    pub(super) fn content(&mut self) -> Option<Content> {
        let before = self.errors.len();
        let text = self.string("text", "put it in quotes, else leading zeros get lost");
        let title = self.short_text("title").map(Text::new);
        let data = self.members.get("data").filter(|data| !data.is_null());
        if data.is_some_and(|data| !data.is_object()) {
            self.error("data", "must be a JSON object");
        }
        // NUL has no place in any of the networks, and not every store can hold it.
        if text.is_some_and(|text| text.contains('\0')) {
            self.error("text", "must not contain a NUL character");
        }
        if data.is_none() && !self.errors.iter().any(|error| error.pointer == "/text") {
            match text {
                None => self.error("text", "is missing: what does the message say?"),
                Some("") => self.error("text", "must not be empty"),
                Some(_) => {}
            }
        }
        let data = data.map(|data| Text::new(data.to_string()));
        (self.errors.len() == before).then(|| Content {
            text: Text::new(text.unwrap_or_default()),
            title,
            data,
        })
    }

    /// The way that the message names, or that fits it.
    pub(super) fn way<'s>(
        &mut self,
        snapshot: &'s Snapshot,
        to: Option<&Recipient>,
        tag: Option<&str>,
        reach: &Reach,
    ) -> Option<Way<'s>> {
        let Snapshot { routes, gateways, .. } = snapshot;
        match (self.given("gateway"), self.given("route")) {
            (true, true) => {
                self.error("route", "`gateway` and `route` exclude each other: name one of them");
                None
            }
            (false, true) => {
                let name = self.string("route", "")?;
                if !reach.route(name) {
                    self.forbidden = Some(format!("it may not use the route {:?}", shown(name)));
                    return None;
                }
                let found = routes.named(name).map(Way::Along);
                if found.is_none() {
                    let names = routes.all().map(Route::name);
                    self.error("route", format!("there is no such route; {}", meant(name, names)));
                }
                found
            }
            (false, false) => {
                // Without a recipient, or with a tag that can't be taken, no route can be told to fit; those are errors of their own.
                if self.errors.iter().any(|error| error.pointer == "/tag") {
                    return None;
                }
                let found = routes.fitting(to?.expose(), tag, reach).map(Way::Along);
                if found.is_none() && !reach.is_unlimited() {
                    self.forbidden = Some("none of the routes that it may use fits the message".into());
                } else if found.is_none() {
                    self.error("gateway", "is missing: no route fits the message, and there is no default route; name a gateway or a route");
                }
                found
            }
            (true, false) => {
                let name = self.string("gateway", "")?;
                if !reach.gateway(name) {
                    self.forbidden = Some(format!("it may not use the gateway {:?}", shown(name)));
                    return None;
                }
                if gateways.get(name).is_some() {
                    return Some(Way::Through(name.to_owned()));
                }
                self.error("gateway", format!("there is no such gateway; {}", meant(name, gateways.names())));
                None
            }
        }
    }

    pub(super) fn short_text(&mut self, name: &str) -> Option<String> {
        let text = self.string(name, "")?;
        if text.chars().count() > LONGEST_SHORT {
            self.error(name, format!("must not be longer than {LONGEST_SHORT} characters"));
        } else if text.chars().any(char::is_control) {
            self.error(name, "must not contain control characters");
        } else {
            return Some(text.to_owned());
        }
        None
    }

    pub(super) fn priority(&mut self) -> Option<Priority> {
        let word = self.string("priority", "")?;
        let priority = word.parse().ok();
        if priority.is_none() {
            self.error("priority", "must be \"high\", \"normal\" or \"low\"");
        }
        priority
    }

    pub(super) fn valid_for(&mut self) -> Option<Duration> {
        let text = self.string("valid_for", duration::EXAMPLES)?;
        match duration::parse(text) {
            None => self.error("valid_for", format!("is no duration; {}", duration::EXAMPLES)),
            Some(span) if span < VALID_FOR.0 || span > VALID_FOR.1 => {
                self.error("valid_for", "must be at least 1 second and at most 7 days");
            }
            Some(span) => return Some(span),
        }
        None
    }

    /// When the message is to be sent; `None`: now.
    pub(super) fn send_at(&mut self, now: Timestamp) -> Option<Timestamp> {
        let text = self.string("send_at", "write a time such as \"2026-01-01T12:00:00Z\"")?;
        let Some(time) = Timestamp::from_rfc_3339(text) else {
            self.error("send_at", "is no RFC 3339 time; write one such as \"2026-01-01T12:00:00Z\"");
            return None;
        };
        if time > now.plus(LATEST) {
            self.error("send_at", "must be at most 30 days ahead");
            return None;
        }
        (time > now).then_some(time)
    }

    /// Where the message's changes are told; `None`: where the key says, if it does.
    pub(super) fn callback(&mut self, allowed: &BTreeSet<String>) -> Option<Endpoint> {
        let text = self.string("callback_url", "write one such as \"https://app.example/hook\"")?;
        match Endpoint::parse(text) {
            Err(what) => {
                self.error("callback_url", format!("{what}; write one such as \"https://app.example/hook\""))
            }
            Ok(endpoint) if !allowed.contains(endpoint.origin()) => {
                let origin = endpoint.origin();
                let detail =
                    format!("its origin {origin} is not allowed: `allow` under [webhooks] does not list it");
                self.error("callback_url", detail);
            }
            Ok(endpoint) => return Some(endpoint),
        }
        None
    }
}

/// The JSON pointer to a member.
pub(super) fn pointer(name: &str) -> String {
    // RFC 6901: in a pointer `~` and `/` are written so.
    format!("/{}", shown(name).replace('~', "~0").replace('/', "~1"))
}

/// A name as an answer repeats it.
fn shown(name: &str) -> Cow<'_, str> {
    match name.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()).into(),
        None => name.into(),
    }
}

fn meant<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> String {
    match nearest(name, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "name one that the configuration defines".into(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
