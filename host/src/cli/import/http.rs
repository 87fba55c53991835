//! What is particular to `HttpSMSProvider`.

use super::{gateway::Draft, proxies, report::Kind};
use crate::config::writing::{Given, Keys};
use serde_json::Value;

const TAGS: [&str; 2] = ["{phone}", "{otp}"];

/// Stand in for a number and a text, both of digits alone.
const DIGITS: [&str; 2] = ["491701234567", "123456"];

pub(super) fn adapt(draft: &mut Draft) -> Result<(), String> {
    parameter(draft)?;
    blanks(draft);
    method(draft);
    yes_no(draft);
    let is_post = draft.parameter("HTTP_METHOD") == Some("POST");
    let as_json = is_post && draft.parameter("SEND_DATA_AS_JSON") == Some("yes");
    options(draft, as_json);
    literal_tags(draft);
    let url = draft.parameter("URL").unwrap_or_default();
    if let Some((scheme, _)) = url.split_once("://") {
        let scheme = scheme.to_ascii_lowercase();
        proxies::adapt(draft, &scheme);
    }
    Ok(())
}

/// The documented PARAMETER is a table. privacyIDEA keeps texts alone, so that it stands there as JSON.
fn parameter(draft: &mut Draft) -> Result<(), String> {
    let Some(at) = draft.options.iter().position(|(key, _)| key == "PARAMETER") else { return Ok(()) };
    let Some((_, Given::Text(text))) = draft.options.get(at) else { return Ok(()) };
    // Any other text is an option of that name, as it is there.
    let Ok(Value::Object(table)) = serde_json::from_str::<Value>(text) else { return Ok(()) };
    draft.options.remove(at);
    let mut keys = Keys::new();
    for (key, value) in table {
        if draft.options.iter().any(|(option, _)| *option == key) {
            return Err(format!("{key} is both an option and in PARAMETER; remove one of the two"));
        }
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        keys.push((key, Given::Text(text)));
    }
    draft.note(Kind::Differs, "PARAMETER", "its keys are sent as fields of their own, after the options");
    match keys.as_slice() {
        [] => {}
        // As a table on its own this would be a reference.
        [(key, _)] if matches!(key.as_str(), "env" | "file") => draft.options.extend(keys),
        _ => draft.parameters.push(("PARAMETER".into(), Given::Table(keys))),
    }
    Ok(())
}

/// Blanks that Python does not see.
fn blanks(draft: &mut Draft) {
    let trimmed = [
        ("URL", draft.parameter("URL").map(str::trim_start)),
        ("TIMEOUT", draft.parameter("TIMEOUT").map(str::trim)),
    ];
    for (key, text) in trimmed.map(|(key, text)| (key, text.map(str::to_owned))) {
        if let Some(text) = text {
            draft.set(key, text);
        }
    }
}

fn method(draft: &mut Draft) {
    if let Some(method) = draft.parameter("HTTP_METHOD")
        && !matches!(method, "GET" | "POST")
    {
        let text = "was neither GET nor POST, which counted as GET; written as GET";
        draft.note(Kind::NotCopied, "HTTP_METHOD", text);
        draft.set("HTTP_METHOD", "GET".into());
    }
}

/// There everything but `yes` is no, `True` too.
fn yes_no(draft: &mut Draft) {
    for key in ["CHECK_SSL", "SEND_DATA_AS_JSON"] {
        let Some(given) = draft.parameter(key).filter(|given| !matches!(*given, "yes" | "no")) else {
            continue;
        };
        match given.trim().to_ascii_lowercase().as_str() {
            "no" | "false" | "0" | "off" => draft.set(key, "no".into()),
            "yes" | "true" | "1" | "on" if key == "CHECK_SSL" => {
                let text = "was not exactly `yes`, which turned the check off there; written as yes: certificates are verified";
                draft.note(Kind::NotCopied, key, text);
                draft.set(key, "yes".into());
            }
            "yes" | "true" | "1" | "on" => {
                let text = "was not exactly `yes`, so that no JSON was sent there; written as no: write yes if JSON is meant";
                draft.note(Kind::NotCopied, key, text);
                draft.set(key, "no".into());
            }
            // Nobody knows what was meant: the provider refuses it.
            _ => {}
        }
    }
}

fn options(draft: &mut Draft, as_json: bool) {
    let mut notes = Vec::new();
    for (key, given) in &mut draft.options {
        let Given::Text(text) = given else { continue };
        let said = if as_json { in_json(text) } else { in_fields(text) };
        if let Some((text, what)) = said {
            notes.push((key.clone(), what));
            *given = Given::Text(text);
        }
    }
    for (key, what) in notes {
        draft.note(Kind::NotCopied, &key, what);
    }
}

/// In a query or a form, what looks like JSON stays as it is written.
fn in_fields(text: &str) -> Option<(String, &'static str)> {
    let sample = with_digits(text);
    let what = match serde_json::from_str::<Value>(&sample).ok()? {
        Value::Number(_) if is_written_so_by_python(&sample) => return None,
        Value::Number(_) => "there the number went out in Python's own form; here as it is written",
        Value::Bool(_) => "there it went out as True or False; here as it is written",
        Value::Null => "there it was not sent at all; here it is sent as it is written",
        Value::String(_) => "there its quotes were taken off; here it goes out as it is written",
        Value::Array(_) | Value::Object(_) => {
            "there it was taken apart as JSON, one field for each of its members; here it is one field, as it is written"
        }
    };
    Some((text.to_owned(), what))
}

/// In a body of JSON, a value is read once, before tags are replaced.
fn in_json(text: &str) -> Option<(String, &'static str)> {
    if serde_json::from_str::<Value>(text).is_ok() {
        return None;
    }
    let sample = with_digits(text);
    match serde_json::from_str::<Value>(&sample).ok()? {
        Value::Array(_) | Value::Object(_) => {
            let quoted = with_quotes(text);
            serde_json::from_str::<Value>(&quoted).ok()?;
            let what = "tags stood outside of quotes, so that digits went out as a number there, and another text broke the JSON; \
                        written with quotes: they are strings";
            Some((quoted, what))
        }
        _ => {
            let what = "there a text or number of digits alone went out as a JSON number, without them if it began with 0; here it is \
                        always a string";
            Some((text.to_owned(), what))
        }
    }
}

fn with_digits(text: &str) -> String {
    TAGS.iter().zip(DIGITS).fold(text.to_owned(), |text, (tag, digits)| text.replace(tag, digits))
}

/// Puts tags that stand outside of JSON's strings into quotes.
fn with_quotes(text: &str) -> String {
    let (mut quoted, mut rest, mut inside) = (String::new(), text, false);
    while let Some(character) = rest.chars().next() {
        let tag = TAGS.iter().find(|tag| !inside && rest.starts_with(**tag));
        let length = match (tag, character) {
            (Some(tag), _) => {
                quoted.push_str(&format!("\"{tag}\""));
                tag.len()
            }
            // With what it escapes.
            (None, '\\') => rest.chars().take(2).map(char::len_utf8).sum(),
            (None, _) => character.len_utf8(),
        };
        let (piece, after) = rest.split_at(length);
        if tag.is_none() {
            inside ^= piece == "\"";
            quoted.push_str(piece);
        }
        rest = after;
    }
    quoted
}

/// Whether `str` of the number that Python reads is what was read: of whole numbers and of plain fractions.
fn is_written_so_by_python(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return text != "-0";
    }
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    plain && text.len() <= 16 && text.parse::<f64>().is_ok_and(|number| format!("{number:?}") == text)
}

/// There tags are replaced in options alone.
fn literal_tags(draft: &mut Draft) {
    let has_tag =
        |given: &Given| matches!(given, Given::Text(text) if TAGS.iter().any(|tag| text.contains(tag)));
    let headers = draft.headers.iter().filter(|(_, given)| has_tag(given)).map(|(key, _)| key.clone());
    let url = draft.parameters.iter().filter(|(key, given)| key == "URL" && has_tag(given));
    let keys = headers.chain(url.map(|(key, _)| key.clone())).collect::<Vec<_>>();
    for key in keys {
        draft.note(Kind::Differs, &key, "there its tag went out as it stands; here it is replaced");
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::gateway::tests::{draft, noted},
        *,
    };
    use serde_json::json;

    fn http(options: Value) -> Draft {
        draft("HttpSMSProvider", options).unwrap()
    }

    fn option<'d>(draft: &'d Draft, name: &str) -> &'d Given {
        &draft.options.iter().find(|(key, _)| key == name).unwrap().1
    }

    #[test]
    fn what_looks_like_json_in_a_field_is_said() {
        for text in ["1.50", "1e5", "true", "null", "\"x\"", "[1]", "{\"a\": {otp}}", " 5", "-0", "\"{otp}\""]
        {
            let draft = http(json!({ "a": text }));
            assert_eq!(noted(&draft), [(Kind::NotCopied, "a")], "{text}");
            assert_eq!(*option(&draft, "a"), Given::Text(text.into()));
        }
        for text in ["5", "-5", "1.5", "x", "{otp}", "{phone}", "012", "Code {otp}", "True", ""] {
            assert_eq!(noted(&http(json!({ "a": text }))), [], "{text}");
        }
    }

    #[test]
    fn tags_in_json_are_strings() {
        let json = |text: &str| http(json!({ "HTTP_METHOD": "POST", "SEND_DATA_AS_JSON": "yes", "a": text }));
        for text in ["5", "true", "[{\"to\": \"{phone}\"}]", "x {otp}", "\"{otp}\"", "{x}"] {
            assert_eq!(noted(&json(text)), [], "{text}");
        }
        for (text, written) in [
            ("{otp}", "{otp}"),
            ("1{phone}", "1{phone}"),
            ("[{otp}, \"{otp}\"]", "[\"{otp}\", \"{otp}\"]"),
            (r#"{"a\"{otp}": {phone}, "é": 5}"#, r#"{"a\"{otp}": "{phone}", "é": 5}"#),
        ] {
            let draft = json(text);
            assert_eq!(noted(&draft), [(Kind::NotCopied, "a")], "{text}");
            assert_eq!(*option(&draft, "a"), Given::Text(written.into()));
        }
    }

    #[test]
    fn a_parameter_table_is_taken_apart() {
        let taken = http(json!({ "b": "1", "PARAMETER": "{\"x\": \"y\", \"n\": 5}" }));
        let table =
            vec![("x".to_owned(), Given::Text("y".into())), ("n".to_owned(), Given::Text("5".into()))];
        assert_eq!(taken.parameters, [("PARAMETER".to_owned(), Given::Table(table.clone()))]);
        let taken = http(json!({ "PARAMETER": { "x": "y", "n": 5 } }));
        assert_eq!(taken.parameters, [("PARAMETER".to_owned(), Given::Table(table))]);
        // Not as `{ env = "HOME" }`.
        let taken = http(json!({ "PARAMETER": { "env": "HOME" } }));
        assert_eq!(*option(&taken, "env"), Given::Text("HOME".into()));
        let taken = http(json!({ "PARAMETER": "x=y" }));
        assert_eq!(*option(&taken, "PARAMETER"), Given::Text("x=y".into()));
        let twice = draft("HttpSMSProvider", json!({ "x": "1", "PARAMETER": { "x": "y" } }));
        assert!(twice.unwrap_err().contains("both an option and in PARAMETER"));
    }

    #[test]
    fn values_are_what_they_came_to() {
        for (key, value, written, said) in [
            ("CHECK_SSL", "True", "yes", true),
            ("CHECK_SSL", "False", "no", false),
            ("SEND_DATA_AS_JSON", "true", "no", true),
            ("CHECK_SSL", "maybe", "maybe", false),
            ("HTTP_METHOD", "post", "GET", true),
            ("HTTP_METHOD", "PUT", "GET", true),
            ("HTTP_METHOD", "POST", "POST", false),
            ("TIMEOUT", " 5\n", "5", false),
            ("URL", " http://x", "http://x", false),
        ] {
            let draft = http(json!({ key: value }));
            assert_eq!(draft.parameter(key), Some(written), "{key}: {value}");
            assert_eq!(!draft.notes.is_empty(), said, "{key}: {value}");
        }
    }

    #[test]
    fn a_proxy_that_was_bypassed_is_said() {
        for (url, proxies, said) in [
            ("https://x", json!({ "PROXY": "http://p" }), true),
            ("http://x", json!({ "PROXY": "socks5://p" }), true),
            ("http://x", json!({ "PROXY": "p:3128" }), true),
            ("HTTP://x", json!({ "PROXY": "http://p" }), false),
            ("https://x", json!({ "PROXY": "http://p", "HTTPS_PROXY": "http://q" }), false),
            ("https://x", json!({ "PROXY": "https://p", "HTTP_PROXY": "http://q" }), true),
            ("https://x", json!({ "HTTP_PROXY": "http://q" }), false),
        ] {
            let mut options = proxies.clone();
            options["URL"] = url.into();
            assert_eq!(noted(&http(options)).contains(&(Kind::NotCopied, "PROXY")), said, "{url} {proxies}");
        }
    }

    #[test]
    fn a_tag_that_was_not_replaced_is_said() {
        assert_eq!(noted(&http(json!({ "URL": "http://x/{phone}" }))), [(Kind::Differs, "URL")]);
    }
}
