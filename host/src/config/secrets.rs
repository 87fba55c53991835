//! Which values of a gateway definition must not be shown.

use super::Gateway;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use gatepost_provider_api::{Declaration, declaration::name_is_secret};
use percent_encoding::percent_decode_str;
use reqwest::Url;
use serde_json::Value;
use std::ops::Range;

impl Gateway {
    /// All values of this definition that must not be shown: by the provider's word, by their name, because a reference led to them, or
    /// because they are passwords in a URL.
    pub fn secrets(&self, declaration: Option<&Declaration>) -> Vec<String> {
        let mut secrets = self.referenced.clone();
        let definition = &self.definition;
        let declared = |parameters: &[gatepost_provider_api::Parameter], name: &str| {
            parameters.iter().any(|parameter| {
                parameter.is_secret()
                    && (parameter.name == name || parameter.aliases.iter().any(|alias| alias == name))
            })
        };
        let parameters = declaration.map_or(&[][..], |declaration| &declaration.parameters);
        let settings = declaration.map_or(&[][..], |declaration| &declaration.settings);
        let none: &[gatepost_provider_api::Parameter] = &[];
        for (section, declarations) in [
            (&definition.parameters, parameters),
            (&definition.options, none),
            (&definition.headers, none),
            (&definition.settings, settings),
            (&definition.smtp_servers, none),
        ] {
            for (name, value) in section {
                collect(name, value, declared(declarations, name), &mut secrets);
            }
        }
        secrets.sort();
        secrets.dedup();
        secrets
    }
}

fn collect(name: &str, value: &Value, secret: bool, secrets: &mut Vec<String>) {
    let secret = secret || name_is_secret(name);
    match value {
        Value::Object(table) => {
            for (name, value) in table {
                collect(name, value, secret, secrets);
            }
        }
        Value::String(text) if secret => secrets.push(text.clone()),
        Value::String(text) => {
            secrets.extend(basic(text));
            match inside(text) {
                Inside::Nothing => {}
                Inside::Parts(parts) => {
                    secrets.extend(parts.into_iter().filter_map(|part| text.get(part)).map(str::to_owned));
                }
                Inside::All => {
                    secrets.push(text.clone());
                    secrets.extend(password_of(text));
                    if let Some(json) = json(text) {
                        named_secrets(&json, false, secrets);
                    }
                }
            }
        }
        _ => {}
    }
}

/// What of a text must not be shown, although its name does not say so.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inside {
    /// Nothing.
    Nothing,
    /// These parts.
    Parts(Vec<Range<usize>>),
    /// All of it: which part is not told apart.
    All,
}

/// Passwords in a URL, before its host and in its query; JSON with a member whose name says that it is a secret.
pub(super) fn inside(text: &str) -> Inside {
    let mut parts = text
        .match_indices("://")
        .filter_map(|(at, mark)| password(text, at + mark.len()))
        .collect::<Vec<_>>();
    if parts.is_empty() && password_of(text).is_some() {
        // One that browsers understand too, such as `http:/user:password@host`.
        return Inside::All;
    }
    parts.extend(secret_fields(text));
    if !parts.is_empty() {
        return Inside::Parts(parts);
    }
    let mut found = Vec::new();
    if let Some(json) = json(text) {
        named_secrets(&json, false, &mut found);
    }
    if found.is_empty() { Inside::Nothing } else { Inside::All }
}

/// In their order, each place once.
pub(super) fn merged(mut parts: Vec<Range<usize>>) -> Vec<Range<usize>> {
    parts.sort_by_key(|part| (part.start, part.end));
    parts.into_iter().fold(Vec::new(), |mut merged: Vec<Range<usize>>, part| {
        match merged.last_mut() {
            Some(last) if part.start <= last.end => last.end = last.end.max(part.end),
            _ => merged.push(part),
        }
        merged
    })
}

/// `secret` of `https://user:secret@host/path`, whose authority begins at `start`.
fn password(text: &str, start: usize) -> Option<Range<usize>> {
    let authority = text.get(start..)?.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    let (name, password) = user.split_once(':')?;
    let start = start + name.len() + 1;
    (!password.is_empty()).then(|| start..start + password.len())
}

/// `secret` of `https://host/path?token=secret`.
fn secret_fields(text: &str) -> Vec<Range<usize>> {
    let Some(at) =
        text.split_once("://").and_then(|(before, rest)| Some(before.len() + 3 + rest.find('?')? + 1))
    else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut start = at;
    for field in text.get(at..).unwrap_or_default().split(['&', ';', '#']) {
        if let Some((name, value)) = field.split_once('=')
            && name_is_secret(name)
            && !value.is_empty()
        {
            let from = start + name.len() + 1;
            found.push(from..from + value.len());
        }
        start += field.len() + 1;
    }
    found
}

fn password_of(text: &str) -> Option<String> {
    text.trim().parse::<Url>().ok()?.password().filter(|password| !password.is_empty()).map(str::to_owned)
}

/// Name and password of a URL as basic authentication sends them, to a proxy or a server, in the clear for whoever reads Base64.
fn basic(text: &str) -> Option<String> {
    let url = text.trim().parse::<Url>().ok()?;
    let decoded = |part| percent_decode_str(part).collect::<Vec<_>>();
    let password = url.password().filter(|password| !password.is_empty())?;
    Some(STANDARD.encode([decoded(url.username()), b":".to_vec(), decoded(password)].concat()))
}

/// A JSON object or list.
fn json(text: &str) -> Option<Value> {
    let begins = text.trim_start().starts_with(['{', '[']);
    begins.then(|| serde_json::from_str(text).ok()).flatten()
}

fn named_secrets(json: &Value, secret: bool, found: &mut Vec<String>) {
    match json {
        Value::Object(members) => {
            for (name, value) in members {
                named_secrets(value, secret || name_is_secret(name), found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| named_secrets(item, secret, found)),
        Value::String(text) if secret && !text.is_empty() => found.push(text.clone()),
        Value::Number(number) if secret => found.push(number.to_string()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text with each secret in it as `*`.
    fn hidden(text: &str) -> String {
        match inside(text) {
            Inside::Nothing => text.into(),
            Inside::All => "*".into(),
            Inside::Parts(parts) => {
                let mut hidden = text.to_owned();
                merged(parts).into_iter().rev().for_each(|part| hidden.replace_range(part, "*"));
                hidden
            }
        }
    }

    #[test]
    fn passwords_in_urls_are_found_wherever_they_stand() {
        for (text, expected) in [
            ("https://user:pa55@host/p?a=b", "https://user:*@host/p?a=b"),
            ("socks5://u:p:a%2F@x@proxy:1080", "socks5://u:*@proxy:1080"),
            (
                "http://h/?token={otp}&to={phone}&my_password=x#y",
                "http://h/?token=*&to={phone}&my_password=*#y",
            ),
            ("http://h/?password=&a", "http://h/?password=&a"),
            ("http://u:one@h/?secret=http://v:two@i/", "http://u:*@h/?secret=*"),
            ("http://u:one@h, http://v:two@i", "http://u:*@h, http://v:*@i"),
            ("http:/user:pa55@host/", "*"),
            (" http:user:pa55@host", "*"),
            (r"http:\\user:pa55@host", "*"),
            ("ht\ttp:\n//user:pa55@host", "*"),
            ("http://user@host/a:b@c", "http://user@host/a:b@c"),
            ("mailto:a@b", "mailto:a@b"),
            ("at 12:30 @ the office", "at 12:30 @ the office"),
        ] {
            assert_eq!(hidden(text), expected, "{text}");
        }
    }

    #[test]
    fn json_with_a_secret_in_it_is_one() {
        for (text, expected) in [
            (r#"[{"phone": "{phone}", "api_token": "x"}]"#, "*"),
            (r#"{"secrets": {"a": ["x"]}}"#, "*"),
            (r#"{"password": 1234}"#, "*"),
            (r#"{"password": "", "to": "{phone}"}"#, r#"{"password": "", "to": "{phone}"}"#),
            (r#"{"password": "#, r#"{"password": "#),
        ] {
            assert_eq!(hidden(text), expected, "{text}");
        }
    }
}
