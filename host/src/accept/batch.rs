//! Many messages in one request.

use super::{FieldError, fields::pointer};
use serde_json::Value;

/// Messages in one request.
const MOST: usize = 1000;

/// The messages of a batch: `{"messages": […]}`.
pub(super) fn messages(body: &Value) -> Result<&[Value], Vec<FieldError>> {
    let error = |pointer: &str, detail: String| vec![FieldError { pointer: pointer.into(), detail }];
    let Value::Object(members) = body else {
        return Err(error("", "must be a JSON object with the member `messages`".into()));
    };
    if let Some(name) = members.keys().find(|name| *name != "messages") {
        return Err(error(&pointer(name), "unknown member; a batch has `messages` alone".into()));
    }
    match members.get("messages") {
        None => Err(error("/messages", "is missing: it is the list of messages".into())),
        Some(Value::Array(messages)) if messages.is_empty() => {
            Err(error("/messages", "must not be empty".into()))
        }
        Some(Value::Array(messages)) if messages.len() > MOST => {
            let detail = format!("must not hold more than {MOST} messages; there are {}", messages.len());
            Err(error("/messages", detail))
        }
        Some(Value::Array(messages)) => Ok(messages),
        Some(_) => Err(error("/messages", "must be a list of messages".into())),
    }
}

/// An error of the message at this place of the list.
pub(super) fn of_message(number: usize, error: FieldError) -> FieldError {
    FieldError { pointer: format!("/messages/{number}{}", error.pointer), ..error }
}
