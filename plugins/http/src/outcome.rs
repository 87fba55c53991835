//! How a service's answer becomes an outcome.
//!
//! | answer | outcome |
//! |---|---|
//! | 200, 201, 202, and the RETURN_ rule holds | accepted; ID_REGEXP finds the id |
//! | the same, but the rule does not hold | rejected |
//! | 401, 403, 407 (of a proxy too) | misconfigured |
//! | 408, 5xx | unavailable |
//! | 429 | throttled, for as long as Retry-After says |
//! | any other, redirects that are not followed among them | rejected |
//! | no connection: DNS, TCP, TLS, proxy | unavailable |
//! | time is up, or the connection ends, after the request was sent | uncertain |
//!
//! An error status counts even if its body does not come to its end: it has been said.

use crate::{
    client::{Answer, Broken, chain, header},
    json::push_string,
};
use encoding_rs::{Encoding, UTF_8};
use gatepost_provider_api::{Accepted, SubmitError, regexp::Finder};
use reqwest::{
    StatusCode,
    header::{CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER},
};
use std::{
    borrow::Cow,
    error::Error,
    time::{Duration, SystemTime},
};

/// How much of an answer is shown, and the longest id, in characters.
const SHOWN: usize = 300;
const LONGEST_ID: usize = 256;

/// The beginning of a text by which an echo of it is known that the end of what was read cuts off, in characters.
const BEGINNING: usize = 32;

/// What makes an answer a success, beside its status.
#[derive(Debug, Default)]
pub(crate) struct Success {
    pub(crate) contains: Option<String>,
    pub(crate) lacks: Option<String>,
    pub(crate) id: Option<Finder>,
}

/// What an answer may repeat, and must not be shown. No `Debug`: it is number, text and password.
pub(crate) struct Echoes {
    pub(crate) phone: String,
    pub(crate) otp: String,
    /// As the header has it: the host knows the password, but not its Base64.
    pub(crate) authorization: Option<HeaderValue>,
}

pub(crate) fn of(answer: &Answer, success: &Success, echoes: &Echoes) -> Result<Accepted, SubmitError> {
    let body = decoded(answer);
    let status = answer.status;
    let words = || {
        let words = echoes.hidden_in(&body);
        if words.is_empty() { status.to_string() } else { words }
    };
    let refused = match status.as_u16() {
        200..=202 => {
            return if let Some(broken) = &answer.broken {
                Err(of_broken(broken).code(status.as_u16()))
            } else {
                taken(answer, &body, words(), success, echoes)
            };
        }
        401 | 403 => SubmitError::misconfigured(words()),
        407 => SubmitError::misconfigured(format!("the proxy wants other credentials: {}", words())),
        408 | 500..=599 => SubmitError::unavailable(words()),
        429 => SubmitError::throttled(words()),
        300..=399 => SubmitError::rejected(redirect(&answer.headers, &words())),
        _ => SubmitError::rejected(words()),
    };
    let refused = refused.code(status.as_u16());
    Err(match retry_after(&answer.headers, SystemTime::now()) {
        Some(after) if matches!(status.as_u16(), 408 | 429 | 500..=599) => refused.after(after),
        _ => refused,
    })
}

fn taken(
    answer: &Answer,
    body: &str,
    words: String,
    success: &Success,
    echoes: &Echoes,
) -> Result<Accepted, SubmitError> {
    let code = answer.status.as_u16();
    let missing = match (&success.contains, &success.lacks) {
        (Some(wanted), _) if !body.contains(wanted.as_str()) => "without the text of RETURN_SUCCESS",
        (None, Some(unwanted)) if body.contains(unwanted.as_str()) => "with the text of RETURN_FAIL",
        _ => {
            let accepted = Accepted::new().code(code).detail(words);
            let id = success.id.as_ref().and_then(|id| id.first(body)).map(str::trim).unwrap_or_default();
            // An answer that repeats the message has its text where an id may be looked for.
            let is_echo =
                id.len() >= 4 && echoes.otp.contains(id) || echoes.otp.len() >= 4 && id.contains(&echoes.otp);
            return Ok(if id.is_empty() || is_echo {
                accepted
            } else {
                accepted.id(id.chars().take(LONGEST_ID).collect::<String>())
            });
        }
    };
    Err(SubmitError::rejected(format!("an answer {missing}: {words}")).code(code))
}

/// Whether the server is there.
pub(crate) fn of_probe(answer: &Answer) -> Result<String, SubmitError> {
    match answer.status {
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            Err(SubmitError::misconfigured("the proxy wants other credentials").code(407))
        }
        status => Ok(format!("the server answers ({status}); credentials were not tried")),
    }
}

/// There was no answer.
pub(crate) fn of_failure(broken: &Broken) -> SubmitError {
    let Broken::Failed(error) = broken else { return of_broken(broken) };
    let words = chain(error);
    // These errors have no public types. The tests ask a proxy and a SOCKS server for them.
    if ["proxy authorization required", "credentials not accepted"]
        .iter()
        .any(|refusal| words.contains(refusal))
    {
        return SubmitError::misconfigured(format!("the proxy wants other credentials: {words}"));
    }
    if error.is_connect() {
        return SubmitError::unavailable(format!("no connection: {words}"));
    }
    if handshake_refused(error) {
        return SubmitError::unavailable(format!("the server ended the TLS handshake: {words}"));
    }
    of_broken(broken)
}

fn of_broken(broken: &Broken) -> SubmitError {
    match broken {
        Broken::TimedOut(limit) => {
            SubmitError::uncertain(format!("no whole answer within {} s", limit.as_secs_f64()))
        }
        Broken::Failed(error) => SubmitError::uncertain(format!("no whole answer: {}", chain(error))),
    }
}

/// A server that refuses the client's certificate says so after the client, in TLS 1.3, has begun to send: it has read nothing of it.
fn handshake_refused(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let tls = error
            .downcast_ref::<rustls::Error>()
            .or_else(|| error.downcast_ref::<std::io::Error>()?.get_ref()?.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::AlertReceived(_)) = tls {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The body as text: by the charset that the answer names, else UTF-8.
fn decoded(answer: &Answer) -> Cow<'_, str> {
    let charset = header(&answer.headers, &CONTENT_TYPE).and_then(|value| {
        value.split(';').skip(1).find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
        })
    });
    let encoding = charset.and_then(|label| Encoding::for_label(label.as_bytes())).unwrap_or(UTF_8);
    encoding.decode(&answer.body).0
}

fn redirect(headers: &HeaderMap, words: &str) -> String {
    match header(headers, &LOCATION) {
        // Its query may repeat the message.
        Some(location) => {
            let location = location.split(['?', '#']).next().unwrap_or_default();
            format!("a redirect to {location} that is not followed; correct URL, or set REDIRECTS")
        }
        None => words.to_owned(),
    }
}

/// Seconds, or a date (RFC 9110 section 10.2.3).
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = header(headers, &RETRY_AFTER)?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

impl Echoes {
    /// The beginning of `words` in one line, without number and text.
    fn hidden_in(&self, words: &str) -> String {
        let mut words = Cow::Borrowed(words);
        let authorization =
            self.authorization.as_ref().and_then(|value| value.to_str().ok()?.split(' ').next_back());
        for echo in [&self.otp, &self.phone].map(String::as_str).into_iter().chain(authorization) {
            for spelling in spellings(echo.trim()) {
                words = hide(words, &spelling);
            }
        }
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        words.chars().take(SHOWN).collect()
    }
}

/// As it is, and as JSON writes it. The host looks for more; this is what is cut off before it can.
fn spellings(echo: &str) -> impl Iterator<Item = String> {
    let mut json = String::new();
    push_string(echo, &mut json);
    let json = json.trim_matches('"').to_owned();
    let differs = json != echo;
    std::iter::once(echo.to_owned())
        .chain(differs.then_some(json))
        .filter(|spelling| spelling.chars().count() >= 4)
}

fn hide<'a>(words: Cow<'a, str>, echo: &str) -> Cow<'a, str> {
    let words = if words.contains(echo) { Cow::Owned(words.replace(echo, "***")) } else { words };
    let beginning: String = echo.chars().take(BEGINNING).collect();
    match words.find(&beginning) {
        Some(at) => Cow::Owned(words.split_at(at).0.to_owned() + "***"),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatepost_provider_api::Verdict;

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &[u8]) -> Answer {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: headers.collect(),
            body: body.to_vec(),
            broken: None,
        }
    }

    fn echoes() -> Echoes {
        Echoes {
            phone: "+491701234567".into(),
            otp: "Your \"code\" is 123456".into(),
            authorization: Some(HeaderValue::from_static("Basic dTpwYXNzd29yZA==")),
        }
    }

    #[test]
    fn each_status_has_its_outcome() {
        for (statuses, verdict) in [
            (&[401, 403, 407][..], Verdict::Misconfigured),
            (&[408, 500, 502, 503, 504, 599], Verdict::Unavailable),
            (&[429], Verdict::Throttled),
            (&[203, 204, 205, 206, 300, 301, 307, 400, 404, 410, 422, 451, 600], Verdict::Rejected),
        ] {
            for status in statuses {
                let error = of(&answer(*status, &[], b"no"), &Success::default(), &echoes()).unwrap_err();
                assert_eq!((error.verdict, error.code), (verdict, Some(status.to_string())), "{status}");
            }
        }
        for status in [200, 201, 202] {
            let accepted = of(&answer(status, &[], b"fine"), &Success::default(), &echoes()).unwrap();
            assert_eq!((accepted.code, accepted.detail), (Some(status.to_string()), Some("fine".into())));
        }
    }

    #[test]
    fn the_return_rule_decides_on_what_the_answer_says() {
        let rule = |contains: Option<&str>, lacks: Option<&str>| Success {
            contains: contains.map(Into::into),
            lacks: lacks.map(Into::into),
            id: None,
        };
        for (contains, lacks, body, accepted) in [
            (Some("ID"), None, "ID: 5", true),
            (Some("ID"), None, "id: 5", false),
            (Some("ID"), Some("ERR"), "ID ERR", true),
            (Some("ID"), Some("ERR"), "fine", false),
            (None, Some("ERR"), "fine", true),
            (None, Some("ERR"), "ERR: 114", false),
        ] {
            let outcome = of(&answer(200, &[], body.as_bytes()), &rule(contains, lacks), &echoes());
            assert_eq!(outcome.is_ok(), accepted, "{contains:?} {lacks:?} {body}");
        }
        let latin = answer(200, &[("content-type", "text/plain; charset=\"ISO-8859-1\"")], b"\xfcbermittelt");
        assert!(of(&latin, &rule(Some("übermittelt"), None), &echoes()).is_ok());
        let unknown = answer(200, &[("content-type", "text/plain; charset=klingon")], "ü".as_bytes());
        assert!(of(&unknown, &rule(Some("ü"), None), &echoes()).is_ok());
    }

    #[test]
    fn the_id_is_the_first_group() {
        let id = |pattern: &str, body: &str| {
            let success = Success { id: Some(Finder::parse(pattern).unwrap()), ..Success::default() };
            of(&answer(200, &[], body.as_bytes()), &success, &echoes()).unwrap().ids
        };
        assert_eq!(id(r"ID: (\w+)", "OK\nID: abc1\nID: abc2"), ["abc1"]);
        assert_eq!(id(r"ID: (\w+)", "OK"), [""; 0]);
        assert_eq!(id(r"text=(.*)", "text=Your \"code\" is 123456"), [""; 0]);
        assert_eq!(id(r"is (\d+)", "Your code is 123456"), [""; 0]);
    }

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
            let headers = [(RETRY_AFTER, value.parse().unwrap())].into_iter().collect();
            assert_eq!(retry_after(&headers, now).map(|after| after.as_secs()), seconds, "{value}");
        }
    }

    #[test]
    fn number_and_text_are_not_repeated() {
        for body in [
            "cannot send 'Your \"code\" is 123456' to +491701234567",
            r#"{"body": "Your \"code\" is 123456", "to": "+491701234567"}"#,
            "wrong Authorization: Basic dTpwYXNzd29yZA==",
        ] {
            let error = of(&answer(400, &[], body.as_bytes()), &Success::default(), &echoes()).unwrap_err();
            assert!(error.detail.contains("***"), "{error:?}");
            assert!(!error.detail.contains("1234") && !error.detail.contains("dTpw"), "{error:?}");
        }
        let long = Echoes { otp: "a long one without any digit".repeat(10_000), ..echoes() };
        let cut = format!("refused: {}", &long.otp[..60_000]);
        let error = of(&answer(400, &[], cut.as_bytes()), &Success::default(), &long).unwrap_err();
        assert_eq!(error.detail, "refused: ***");
    }

    #[test]
    fn a_redirect_says_where_to() {
        let moved = answer(302, &[("location", "https://x/login?text=123456")], b"moved");
        let error = of(&moved, &Success::default(), &echoes()).unwrap_err();
        assert!(error.detail.contains("https://x/login that"), "{error:?}");
    }
}
