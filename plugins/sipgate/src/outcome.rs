//! How sipgate's answer becomes an outcome.
//!
//! | answer | outcome |
//! |---|---|
//! | XML-RPC: 200 with StatusCode 200 | accepted; SessionID is the id |
//! | REST: 204 | accepted |
//! | StatusCode or faultCode 402 (internal error), -32300, -32400, -32603 | unavailable |
//! | StatusCode or faultCode 404 (resources exceeded), 412 (too many requests) | throttled |
//! | StatusCode or faultCode 400 (method not supported), 503 (payment method failed), 525 (no SMS), -32601 | misconfigured |
//! | any other StatusCode or faultCode | rejected |
//! | 200 with anything else in it, any other 2xx | uncertain |
//! | 401, 403, 407 (of a proxy too) | misconfigured |
//! | 408, 5xx | unavailable |
//! | 429 | throttled, for as long as Retry-After says |
//! | any other status | rejected |
//! | no connection: DNS, TCP, TLS, proxy | unavailable |
//! | time is up, or the connection ends, after the request was sent | uncertain |
//!
//! An error status counts even if its body does not come to its end: it has been said.
//!
//! The StatusCodes are sipgate's own, not those of HTTP; 401, "request denied (no reason specified)", is about one message. The
//! negative codes are those that servers share (<https://xmlrpc-epi.sourceforge.net/specs/rfc.fault_codes.php>).

use crate::{
    config::Config,
    request::Echoes,
    xml_rpc::{self, Response, Value},
};
use gatepost_provider_api::{
    Accepted, SubmitError,
    http::{Answer, hide_echoes},
};

/// The longest id, in characters.
const LONGEST_ID: usize = 256;

pub(crate) fn of_xml_rpc(answer: &Answer, echoes: &Echoes) -> Result<Accepted, SubmitError> {
    let value = result(answer, echoes)?;
    let code = value.member("StatusCode");
    let words = hide_echoes(value.member("StatusString").unwrap_or_default(), echoes.all());
    match code {
        Some("200") => {
            let accepted = Accepted::new().code(200).detail(words);
            let id = value.member("SessionID").unwrap_or_default();
            let is_shown = !id.is_empty() && hide_echoes(id, echoes.all()) == id;
            Ok(if is_shown { accepted.id(id.chars().take(LONGEST_ID).collect::<String>()) } else { accepted })
        }
        Some(code) => Err(refusal("StatusCode", code, &words, echoes)),
        None => Err(SubmitError::uncertain("an answer without a StatusCode").code(200)),
    }
}

pub(crate) fn of_rest(answer: &Answer, echoes: &Echoes) -> Result<Accepted, SubmitError> {
    match (answer.status.as_u16(), &answer.broken) {
        (204, _) => Ok(Accepted::new().code(204)),
        _ => Err(no_success(answer, echoes)),
    }
}

/// What an answer means that is not the success that is documented. Another 2xx may be one all the same.
fn no_success(answer: &Answer, echoes: &Echoes) -> SubmitError {
    let words = || answer.words(echoes.all());
    match (answer.status.as_u16(), &answer.broken) {
        (status @ 200..=299, Some(broken)) => broken.within_answer().code(status),
        (status @ 200..=299, None) => SubmitError::uncertain(words()).code(status),
        _ => answer.refusal(words()),
    }
}

/// Whether the service is there and takes the credentials.
pub(crate) fn of_probe(answer: &Answer, config: &Config) -> Result<String, SubmitError> {
    let echoes = Echoes::new(config, String::new(), String::new());
    result(answer, &echoes)?;
    Ok("the service answers and takes the credentials".into())
}

/// What the method that was called returned.
fn result(answer: &Answer, echoes: &Echoes) -> Result<Value, SubmitError> {
    if answer.status.as_u16() != 200 {
        return Err(no_success(answer, echoes));
    }
    if let Some(broken) = &answer.broken {
        return Err(broken.within_answer().code(200));
    }
    match xml_rpc::read(&answer.text()) {
        Ok(Response::Value(value)) => Ok(value),
        Ok(Response::Fault(fault)) => {
            let words = hide_echoes(fault.member("faultString").unwrap_or_default(), echoes.all());
            Err(refusal("fault", fault.member("faultCode").unwrap_or_default(), &words, echoes))
        }
        Err(unreadable) => Err(SubmitError::uncertain(unreadable.to_string()).code(200)),
    }
}

fn refusal(kind: &str, code: &str, words: &str, echoes: &Echoes) -> SubmitError {
    // A number, if it is what it should be.
    let code = hide_echoes(code, echoes.all());
    let detail = format!("{kind} {code}: {words}");
    let refused = match code.as_str() {
        "402" | "-32300" | "-32400" | "-32603" => SubmitError::unavailable(detail),
        "404" | "412" => SubmitError::throttled(detail),
        "400" | "503" | "525" | "-32601" => SubmitError::misconfigured(detail),
        _ => SubmitError::rejected(detail),
    };
    if code.is_empty() { refused } else { refused.code(code) }
}
