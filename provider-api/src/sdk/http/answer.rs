//! What a service answered, and what its status means where the service says nothing more of it.

use super::{echoes::hide_echoes, failure::Broken};
use crate::SubmitError;
use encoding_rs::{Encoding, UTF_8};
use reqwest::{
    StatusCode,
    header::{AsHeaderName, CONTENT_TYPE, HeaderMap, RETRY_AFTER},
};
use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

/// How much of an answer is read; what comes after it is not waited for.
pub(super) const KEPT: usize = 64 << 10;

/// What a service answered.
#[derive(Debug)]
#[non_exhaustive]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its first 64 KiB.
    pub body: Vec<u8>,
    /// Why the body ended too early, if it did.
    pub broken: Option<Broken>,
}

impl Answer {
    /// An answer as it would have come: for tests of a provider.
    pub fn new(status: StatusCode, headers: HeaderMap, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers, body: body.into(), broken: None }
    }

    /// The header's value as text, if it is there and text.
    pub fn header(&self, name: impl AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text: by the charset that the answer names, else UTF-8.
    pub fn text(&self) -> Cow<'_, str> {
        let charset = self.header(CONTENT_TYPE).and_then(|value| {
            value.split(';').skip(1).find_map(|parameter| {
                let (name, value) = parameter.split_once('=')?;
                name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
            })
        });
        let encoding = charset.and_then(|label| Encoding::for_label(label.as_bytes())).unwrap_or(UTF_8);
        encoding.decode(&self.body).0
    }

    /// The service's words for people, without `echoes` ([`hide_echoes`]): its body, else its status.
    pub fn words<'e>(&self, echoes: impl IntoIterator<Item = &'e str>) -> String {
        let words = hide_echoes(&self.text(), echoes);
        if words.is_empty() { self.status.to_string() } else { words }
    }

    /// How long the service asks to wait: Retry-After, seconds or a date.
    pub fn retry_after(&self) -> Option<Duration> {
        retry_after(self.header(RETRY_AFTER)?, SystemTime::now())
    }

    /// What a status that is no success means to most services, with the status as the code and `words` as the detail.
    ///
    /// | status | outcome |
    /// |---|---|
    /// | 401, 403, 407 (of a proxy too) | misconfigured |
    /// | 408, 5xx | unavailable |
    /// | 429 | throttled, for as long as Retry-After says |
    /// | any other | rejected |
    pub fn refusal(&self, words: impl Into<String>) -> SubmitError {
        let (status, words) = (self.status.as_u16(), words.into());
        let refused = match status {
            401 | 403 => SubmitError::misconfigured(words),
            407 => SubmitError::misconfigured(format!("the proxy wants other credentials: {words}")),
            408 | 500..=599 => SubmitError::unavailable(words),
            429 => SubmitError::throttled(words),
            _ => SubmitError::rejected(words),
        };
        let refused = refused.code(status);
        match self.retry_after() {
            Some(after) if matches!(status, 408 | 429 | 500..=599) => refused.after(after),
            _ => refused,
        }
    }

    /// Whether the server is there, after [`Client::knock`](super::Client::knock).
    ///
    /// # Errors
    /// A proxy stands before it.
    pub fn presence(&self) -> Result<String, SubmitError> {
        match self.status {
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                Err(SubmitError::misconfigured("the proxy wants other credentials").code(407))
            }
            status => Ok(format!("the server answers ({status}); credentials were not tried")),
        }
    }
}

/// Seconds, or a date (RFC 9110 section 10.2.3).
fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Wed, 21 Oct 2015 07:28:00 GMT").unwrap();
        for (value, seconds) in [
            ("120", Some(120)),
            ("Wed, 21 Oct 2015 07:29:30 GMT", Some(90)),
            ("Wed, 21 Oct 2015 07:00:00 GMT", Some(0)),
            ("99999999999999999999999", Some(u64::from(u32::MAX))),
            ("soon", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(retry_after(value, now).map(|after| after.as_secs()), seconds, "{value}");
        }
    }
}
