//! What the running host answers, taken apart for people.

use serde_json::Value;

/// The member as people read it; `-` where there is none.
pub(super) fn text(value: &Value, name: &str) -> String {
    match value.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => "-".to_owned(),
        Some(other) => other.to_string(),
    }
}

/// The list that the member is.
pub(super) fn members<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A time without its milliseconds, which are of no use to people.
pub(super) fn time(value: &Value, name: &str) -> String {
    let time = text(value, name);
    match time.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => time,
    }
}
