//! JSON documents with tags inside their strings.

use gatepost_provider_api::{
    serde_json::{self, Value},
    template::Template,
};

/// A value of a JSON body: read once, so that no number and no text can make other JSON of it.
#[derive(Debug)]
pub(crate) struct JsonTemplate {
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    /// As the definition writes it: numbers keep their form, objects their order.
    Written(String),
    Text(Template),
}

impl JsonTemplate {
    /// A value that is itself JSON is that JSON; any other is a string.
    pub(crate) fn parse(value: &str) -> Self {
        if serde_json::from_str::<Value>(value).is_ok() {
            Self { pieces: pieces(value) }
        } else {
            Self { pieces: vec![Piece::Text(Template::parse(value))] }
        }
    }

    /// Appends the document for one message.
    pub(crate) fn expand(&self, phone: &str, otp: &str, body: &mut String) {
        for piece in &self.pieces {
            match piece {
                Piece::Written(words) => body.push_str(words),
                Piece::Text(template) => push_string(&template.expand(phone, otp), body),
            }
        }
    }
}

/// Appends a JSON string.
pub(crate) fn push_string(text: &str, body: &mut String) {
    // Any text can be written as JSON.
    body.push_str(&serde_json::to_string(text).unwrap_or_default());
}

/// Cuts valid JSON into its strings and what stands between them.
fn pieces(json: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = json.trim();
    while let Some(start) = rest.find('"') {
        let (written, string) = rest.split_at(start);
        let (string, after) = string.split_at(string_length(string));
        if !written.is_empty() {
            pieces.push(Piece::Written(written.into()));
        }
        match serde_json::from_str::<String>(string) {
            Ok(text) => pieces.push(Piece::Text(Template::parse(&text))),
            // Not in JSON that was parsed before.
            Err(_) => pieces.push(Piece::Written(string.into())),
        }
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Written(rest.into()));
    }
    pieces
}

/// Length of the string that begins here, with both quotes.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().enumerate().skip(1).find(|(_, byte)| match byte {
        _ if escaped => {
            escaped = false;
            false
        }
        b'\\' => {
            escaped = true;
            false
        }
        byte => *byte == b'"',
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(value: &str, phone: &str, otp: &str) -> String {
        let mut body = String::new();
        JsonTemplate::parse(value).expand(phone, otp, &mut body);
        body
    }

    #[test]
    fn what_is_json_stays_that_json() {
        for value in [
            "5",
            "true",
            "null",
            "1.50",
            "1e5",
            "-0",
            "12345678901234567890123",
            "[]",
            r#"{"b":1,"a":[2, 3]}"#,
        ] {
            assert_eq!(expanded(value, "", ""), value);
        }
        assert_eq!(expanded(" 5 ", "", ""), "5");
    }

    #[test]
    fn what_is_not_is_a_string() {
        for value in ["", "012345", "NaN", "{phone", "[1,", "yes", "'a'", "{\"a\":1} x"] {
            assert_eq!(expanded(value, "1", "2"), serde_json::to_string(value).unwrap());
        }
        assert_eq!(expanded("{otp}", "", "123456"), r#""123456""#);
        assert_eq!(expanded(&"[".repeat(500), "", ""), format!("\"{}\"", "[".repeat(500)));
    }

    #[test]
    fn tags_are_replaced_inside_strings_and_stay_there() {
        let value = r#"[{"phone": "{phone}", "{otp}\"\\": "a \u007botp}", "n": 5}]"#;
        let otp = "\"}], \\ \n {phone} 😀";
        let body = expanded(value, "+49", otp);
        let parsed: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(parsed[0]["phone"], "+49");
        assert_eq!(parsed[0][format!("{otp}\"\\")], format!("a {otp}"));
        assert_eq!((&parsed[0]["n"], parsed[0].as_object().unwrap().len()), (&5.into(), 3));
    }
}
