//! How the answers of the service and of its token endpoint become an outcome.
//!
//! | the service's answer | outcome |
//! |---|---|
//! | 200 with a name | accepted; the name is the id |
//! | 200 with anything else in it, any other 2xx | uncertain |
//! | 400 INVALID_ARGUMENT, 404 UNREGISTERED, any other status that is not below | rejected |
//! | 401 (once another access token was tried), 403 SENDER_ID_MISMATCH, 407 | misconfigured |
//! | 429 QUOTA_EXCEEDED | throttled, for as long as Retry-After says, or a minute |
//! | 408, 5xx | unavailable, for as long as Retry-After says |
//! | no connection: DNS, TCP, TLS, proxy | unavailable |
//! | time is up, or the connection ends, after the push was sent | uncertain |
//!
//! | the token endpoint's answer | outcome |
//! |---|---|
//! | 200 with an access token | the push goes out |
//! | 408, 5xx; 200 with anything else in it; any other 2xx; none, for whatever reason | unavailable: no push was sent |
//! | 429 | throttled |
//! | any other status (`invalid_grant` and the like) | misconfigured |
//!
//! The code is the service's own word, such as UNREGISTERED, where it says one, else the status. An error status counts even if its
//! body does not come to its end: it has been said.

use crate::token::Grant;
use gatepost_provider_api::{
    Accepted, SubmitError, Verdict,
    http::{Answer, Broken, hide_echoes},
};
use serde_json::Value;
use std::time::Duration;

/// How long to wait after 429 without Retry-After, as the service's documentation asks.
const QUOTA_PAUSE: Duration = Duration::from_secs(60);

/// How long an access token holds whose answer does not say so.
const USUAL_LIFE: Duration = Duration::from_secs(3600);

/// No access token is taken to hold longer.
const LONGEST_LIFE: u64 = 86_400;

/// The longest id, in characters.
const LONGEST_ID: usize = 256;

/// The longest code, in bytes: what is longer is no word, and may be a token.
const LONGEST_CODE: usize = 64;

pub(crate) fn of<'e>(
    answer: &Answer,
    echoes: impl IntoIterator<Item = &'e str>,
) -> Result<Accepted, SubmitError> {
    let status = answer.status.as_u16();
    let body = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    if (200..=299).contains(&status)
        && let Some(broken) = &answer.broken
    {
        return Err(broken.within_answer().code(status));
    }
    if status == 200 {
        return match body.get("name").and_then(Value::as_str).filter(|name| !name.is_empty()) {
            Some(name) => {
                Ok(Accepted::new().code(status).id(name.chars().take(LONGEST_ID).collect::<String>()))
            }
            None => Err(SubmitError::uncertain("an answer without the name of a message").code(status)),
        };
    }
    let code = code(&body);
    let words = match body.pointer("/error/message").and_then(Value::as_str) {
        Some(message) => hide_echoes(&format!("{status} {}: {message}", code.unwrap_or_default()), echoes),
        None => answer.words(echoes),
    };
    if (200..=299).contains(&status) {
        // Whatever it is called: the push may be on its way.
        return Err(SubmitError::uncertain(words).code(status));
    }
    let refused = answer.refusal(words);
    let refused = match (refused.verdict, refused.after) {
        (Verdict::Throttled, None) => refused.after(QUOTA_PAUSE),
        _ => refused,
    };
    Err(match code {
        Some(code) => refused.code(code),
        None => refused,
    })
}

/// Whether the access token is what is wrong. A 401 may also be about the credentials that the project has with Apple.
pub(crate) fn wants_another_token(answer: &Answer) -> bool {
    let body = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    answer.status.as_u16() == 401 && code(&body) != Some("THIRD_PARTY_AUTH_ERROR")
}

/// The service's word for what is wrong: FCM's own, else that of all of Google's services.
fn code(body: &Value) -> Option<&str> {
    let error = body.get("error")?;
    let details = error.get("details").and_then(Value::as_array);
    let own = details.into_iter().flatten().find_map(|detail| detail.get("errorCode")?.as_str());
    own.or_else(|| error.get("status")?.as_str()).filter(|code| is_word(code))
}

fn is_word(code: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=LONGEST_CODE).contains(&code.len()) && code.bytes().all(fits)
}

pub(crate) fn of_token(answer: Result<Answer, Broken>, assertion: &str) -> Result<Grant, SubmitError> {
    let answer = answer.map_err(|broken| not_sent(broken.before_answer()))?;
    let status = answer.status.as_u16();
    // Nothing of a 2xx may be shown: where it can't be read, there may be a token in it all the same.
    let unreadable = |what: &str| SubmitError::unavailable(format!("no access token: {what}")).code(status);
    let body = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    if (200..=299).contains(&status) {
        if let Some(broken) = &answer.broken {
            return Err(not_sent(broken.within_answer().code(status)));
        }
        if status != 200 {
            return Err(unreadable(&format!("the token endpoint says {}", answer.status)));
        }
        let access_token = body.get("access_token").and_then(Value::as_str).filter(|token| !token.is_empty());
        let access_token = access_token.ok_or_else(|| unreadable("there is none in the answer"))?;
        let life = body.get("expires_in").map_or(Some(USUAL_LIFE.as_secs()), Value::as_u64);
        let life = life.ok_or_else(|| unreadable("the answer does not say how long it holds"))?;
        let expires_in = Duration::from_secs(life.min(LONGEST_LIFE));
        return Ok(Grant { access_token: access_token.into(), expires_in });
    }
    let code = body.get("error").and_then(Value::as_str).filter(|code| is_word(code));
    let words = match code {
        Some(code) => {
            let description = body.get("error_description").and_then(Value::as_str).unwrap_or_default();
            hide_echoes(&format!("{status} {code}: {description}"), [assertion])
        }
        None => answer.words([assertion]),
    };
    let mut refused = answer.refusal(format!("the token endpoint gives no access token: {words}"));
    if refused.verdict == Verdict::Rejected {
        refused.verdict = Verdict::Misconfigured;
    }
    Err(match code {
        Some(code) => refused.code(code),
        None => refused,
    })
}

/// Whatever became of the request for a token: no push has gone out.
fn not_sent(mut error: SubmitError) -> SubmitError {
    if error.verdict == Verdict::Uncertain {
        error.verdict = Verdict::Unavailable;
    }
    error.detail = format!("no access token: {}", error.detail);
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatepost_provider_api::http::reqwest::{StatusCode, header::HeaderMap};
    use serde_json::json;

    fn answer(status: u16, retry_after: Option<u64>, body: &Value) -> Answer {
        let mut headers = HeaderMap::new();
        if let Some(seconds) = retry_after {
            headers.insert("retry-after", seconds.into());
        }
        Answer::new(StatusCode::from_u16(status).unwrap(), headers, body.to_string())
    }

    fn error(code: &str, message: &str) -> Value {
        json!({ "error": { "status": "STATUS", "message": message, "details": [{ "errorCode": code }] } })
    }

    #[test]
    fn retry_after_counts_where_a_later_try_may_work() {
        for (status, said, verdict, after) in [
            (429, None, Verdict::Throttled, Some(60)),
            (429, Some(90), Verdict::Throttled, Some(90)),
            (429, Some(5), Verdict::Throttled, Some(5)),
            (503, None, Verdict::Unavailable, None),
            (503, Some(30), Verdict::Unavailable, Some(30)),
            (500, Some(31), Verdict::Unavailable, Some(31)),
            (404, Some(30), Verdict::Rejected, None),
        ] {
            let refused = of(&answer(status, said, &error("CODE", "words")), []).unwrap_err();
            assert_eq!(
                (refused.verdict, refused.after),
                (verdict, after.map(Duration::from_secs)),
                "{status} {said:?}"
            );
        }
    }

    #[test]
    fn the_code_is_the_services_own_word() {
        let code = |body: &Value| of(&answer(400, None, body), []).unwrap_err().code.unwrap();
        assert_eq!(code(&error("UNREGISTERED", "words")), "UNREGISTERED");
        assert_eq!(code(&json!({ "error": { "status": "NOT_FOUND", "message": "words" } })), "NOT_FOUND");
        for no_word in ["", "a token.of-some kind", &"A".repeat(65)] {
            assert_eq!(code(&error(no_word, "words")), "400", "{no_word}");
        }
        assert_eq!(code(&json!("no object")), "400");
    }

    #[test]
    fn words_repeat_neither_message_nor_token() {
        let refused = of(
            &answer(400, None, &error("CODE", "no 'secret text' with ya29.token")),
            ["secret text", "ya29.token"],
        );
        assert_eq!(refused.unwrap_err().detail, "400 CODE: no '***' with ***");
        let refused =
            answer(400, None, &json!({ "error": "invalid_grant", "error_description": "not eyJ.assertion" }));
        let refused = of_token(Ok(refused), "eyJ.assertion").err().unwrap();
        assert!(refused.detail.ends_with("400 invalid_grant: not ***"), "{refused}");
        assert_eq!(refused.code.as_deref(), Some("invalid_grant"));
        // A token in an answer that can't be read.
        let half = Answer::new(StatusCode::OK, HeaderMap::new(), "{\"access_token\": \"ya29.secret");
        let refused = of_token(Ok(half), "eyJ").err().unwrap();
        assert!(refused.verdict == Verdict::Unavailable && !refused.detail.contains("ya29"), "{refused}");
        // A token where none should be.
        for status in [201, 202, 203, 206] {
            let odd = answer(status, None, &json!({ "access_token": "ya29.secret", "error": "ya29" }));
            let refused = of_token(Ok(odd), "eyJ").err().unwrap();
            assert!(refused.verdict == Verdict::Unavailable && !refused.detail.contains("ya29"), "{refused}");
            assert_eq!(refused.code, Some(status.to_string()));
        }
    }

    #[test]
    fn a_token_that_does_not_say_how_long_it_holds_is_taken_for_an_hour() {
        let life = |body: Value| {
            of_token(Ok(answer(200, None, &body)), "eyJ").ok().map(|grant| grant.expires_in.as_secs())
        };
        assert_eq!(life(json!({ "access_token": "t", "expires_in": 3599 })), Some(3599));
        assert_eq!(life(json!({ "access_token": "t" })), Some(3600));
        assert_eq!(life(json!({ "access_token": "t", "expires_in": u64::MAX })), Some(86_400));
        for wrong in
            [json!({ "access_token": "" }), json!({ "access_token": "t", "expires_in": -1 }), json!([])]
        {
            assert_eq!(life(wrong), None);
        }
    }
}
