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

use gatepost_provider_api::{
    Accepted, SubmitError,
    http::{
        Answer,
        reqwest::header::{HeaderValue, LOCATION},
    },
    regexp::Finder,
};

/// The longest id, in characters.
const LONGEST_ID: usize = 256;

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
    let words = answer.words(echoes.all());
    match (answer.status.as_u16(), &answer.broken) {
        (200..=202, None) => taken(answer, words, success, echoes),
        (status @ 200..=202, Some(broken)) => Err(broken.within_answer().code(status)),
        (300..=399, _) => Err(answer.refusal(redirect(answer, words))),
        _ => Err(answer.refusal(words)),
    }
}

fn taken(
    answer: &Answer,
    words: String,
    success: &Success,
    echoes: &Echoes,
) -> Result<Accepted, SubmitError> {
    let code = answer.status.as_u16();
    let body = answer.text();
    let missing = match (&success.contains, &success.lacks) {
        (Some(wanted), _) if !body.contains(wanted.as_str()) => "without the text of RETURN_SUCCESS",
        (None, Some(unwanted)) if body.contains(unwanted.as_str()) => "with the text of RETURN_FAIL",
        _ => {
            let accepted = Accepted::new().code(code).detail(words);
            let id = success.id.as_ref().and_then(|id| id.first(&body)).map(str::trim).unwrap_or_default();
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

fn redirect(answer: &Answer, words: String) -> String {
    match answer.header(LOCATION) {
        // Its query may repeat the message.
        Some(location) => {
            let location = location.split(['?', '#']).next().unwrap_or_default();
            format!("a redirect to {location} that is not followed; correct URL, or set REDIRECTS")
        }
        None => words,
    }
}

impl Echoes {
    fn all(&self) -> impl Iterator<Item = &str> {
        let authorization =
            self.authorization.as_ref().and_then(|value| value.to_str().ok()?.split(' ').next_back());
        [&self.otp, &self.phone].map(String::as_str).into_iter().chain(authorization)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatepost_provider_api::{Verdict, http::reqwest::StatusCode};

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &[u8]) -> Answer {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Answer::new(StatusCode::from_u16(status).unwrap(), headers.collect(), body)
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
