//! From a message to a mail: envelope, headers, body.

use crate::{config::Config, outcome::Echoes, server::Server};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use gatepost_provider_api::{Message, SubmitError};
use lettre::{
    Address,
    message::{
        Body, Mailbox,
        header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue, MIME_VERSION_1_0},
    },
};
use std::time::SystemTime;

/// The longest word of a subject that stands as it is, in bytes: with the header's name it fits into a line of 78.
const LONGEST_WORD: usize = 68;

/// How many bytes become one encoded word: with the header's name it fits into a line of 76, as RFC 2047 section 2 has it.
const ENCODED_AT_ONCE: usize = 39;

/// A mail about to be sent. No `Debug`: it holds number and text.
pub(crate) struct Mail {
    /// Envelope addresses.
    pub(crate) from: String,
    pub(crate) to: String,
    /// Whether the server must understand UTF-8 in addresses.
    pub(crate) utf8: bool,
    /// Headers and body as they are written to the server, with the line that ends them.
    pub(crate) content: Vec<u8>,
}

impl Mail {
    /// # Errors
    /// `rejected`: there is no address in this message.
    pub(crate) fn new(
        config: &Config,
        server: &Server,
        message: Message,
    ) -> Result<(Self, Echoes), SubmitError> {
        let phone = match &config.regexp {
            Some(regexp) => regexp.apply(&message.to)?,
            None => message.to,
        };
        if phone.is_empty() {
            return Err(SubmitError::rejected("the phone number is empty"));
        }
        let otp = message.text;
        let to = address(&config.mailto.expand(&phone, &otp))
            .ok_or_else(|| SubmitError::rejected("MAILTO makes no mail address out of this number"))?;
        let subject = one_line(&config.subject.expand(&phone, &otp));
        let body = body(&config.body.expand(&phone, &otp));
        let sender = &server.sender;
        let mut mail = lettre::Message::builder()
            .from(sender.clone())
            .to(Mailbox::new(None, to.clone()))
            .date(SystemTime::now())
            // The same at each try, so that a recipient can tell that a mail came twice.
            .message_id(Some(format!("<{}@{}>", token(&message.id), sender.email.domain())))
            .header(MIME_VERSION_1_0)
            .header(ContentType::TEXT_PLAIN)
            .body(body)
            .map_err(|error| SubmitError::rejected(format!("no mail can be made of it: {error}")))?;
        let headers = mail.headers_mut();
        headers.insert_raw(subject_header(subject));
        // No holiday notices (RFC 3834 section 5).
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        headers.insert_raw(HeaderValue::new(automatic, "auto-generated".into()));
        let to = to.to_string();
        if !to.is_ascii() {
            // Where such an address is understood, it stands as it is (RFC 6532).
            let name = HeaderName::new_from_ascii_str("To");
            headers.insert_raw(HeaderValue::dangerous_new_pre_encoded(name, to.clone(), to.clone()));
        }
        let formatted = mail.formatted();
        let echoes = Echoes::new(server.credentials.as_ref(), phone, otp, &formatted);
        let utf8 = !to.is_ascii();
        Ok((Self { from: sender.email.to_string(), to, utf8, content: transparent(&formatted) }, echoes))
    }
}

/// A mail address, with its domain as DNS has it. Stricter than RFC 5321: nothing that could end an address or begin another stands in
/// one.
pub(crate) fn address(text: &str) -> Option<Address> {
    let text = text.trim_matches(' ');
    let foreign = |character: char| {
        character.is_control()
            || character.is_whitespace()
            || matches!(character, '<' | '>' | '"' | '\\' | ',' | ';')
    };
    if text.contains(foreign) {
        return None;
    }
    let (user, domain) = text.rsplit_once('@')?;
    let domain = if domain.is_ascii() { domain.to_owned() } else { idna::domain_to_ascii(domain).ok()? };
    Address::new(user, domain).ok()
}

/// What may stand in a Message-ID.
fn token(id: &str) -> String {
    id.chars().filter(|character| character.is_ascii_alphanumeric() || *character == '-').collect()
}

/// A header has one line: breaks and control characters become a blank.
fn one_line(text: &str) -> String {
    text.replace("\r\n", " ").replace(|character: char| character.is_control() || is_break(character), " ")
}

/// What is plain and short stands as it is. All else goes as encoded words (RFC 2047): letters beyond ASCII, words that no line can hold,
/// what looks encoded and is not, and blanks that would begin or end a line where it is folded, or be a line of their own (RFC 5322
/// section 3.2.2).
fn subject_header(subject: String) -> HeaderValue {
    let name = HeaderName::new_from_ascii_str("Subject");
    let is_plain = subject.is_ascii()
        && !subject.contains("=?")
        && (subject.is_empty()
            || subject.split(' ').all(|word| !word.is_empty() && word.len() <= LONGEST_WORD));
    if is_plain {
        return HeaderValue::new(name, subject);
    }
    // A character is never divided.
    let mut pieces = vec![String::new()];
    for character in subject.chars() {
        match pieces.last_mut() {
            Some(piece) if piece.len() + character.len_utf8() <= ENCODED_AT_ONCE => piece.push(character),
            _ => pieces.push(character.into()),
        }
    }
    let words = pieces.iter().map(|piece| format!("=?utf-8?b?{}?=", BASE64_STANDARD.encode(piece)));
    let words = words.collect::<Vec<_>>().join("\r\n ");
    HeaderValue::dangerous_new_pre_encoded(name, subject, words)
}

/// Unicode's own line ends, which some programs take for one.
fn is_break(character: char) -> bool {
    matches!(character, '\u{2028}' | '\u{2029}')
}

/// Each kind of line end becomes the one of mails. What is no plain text goes as Base64.
fn body(text: &str) -> Body {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let plain = |character: char| !character.is_control() || matches!(character, '\n' | '\t');
    if text.chars().all(plain) {
        return Body::new(text);
    }
    let lines = text.replace('\n', "\r\n");
    Body::new_with_encoding(lines.into_bytes(), ContentTransferEncoding::Base64).unwrap_or_else(|bytes| {
        // It is never refused.
        Body::new(bytes)
    })
}

/// RFC 5321 section 4.5.2: a dot at the beginning of a line is doubled, and a line with one alone ends the mail.
fn transparent(mail: &[u8]) -> Vec<u8> {
    let mut content = Vec::with_capacity(mail.len() + mail.len() / 64 + 8);
    for line in mail.split_inclusive(|byte| *byte == b'\n') {
        if line.first() == Some(&b'.') {
            content.push(b'.');
        }
        content.extend_from_slice(line);
    }
    if !content.ends_with(b"\r\n") {
        content.extend_from_slice(b"\r\n");
    }
    content.extend_from_slice(b".\r\n");
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_what_would_be_more_than_one() {
        for (text, found) in [
            ("491701234567@sms.example.com", Some("491701234567@sms.example.com")),
            (" +49@sms.example ", Some("+49@sms.example")),
            ("49/170=x@sms.example", Some("49/170=x@sms.example")),
            ("a@münchen.example", Some("a@xn--mnchen-3ya.example")),
            ("jürgen@mail.example", Some("jürgen@mail.example")),
            ("a@[127.0.0.1]", Some("a@[127.0.0.1]")),
            ("49 170@sms.example", None),
            ("49\r\nBcc: x@evil.example\r\n@sms.example", None),
            ("49\n@sms.example", None),
            ("49\u{85}@sms.example", None),
            ("49\u{2028}@sms.example", None),
            ("a@evil.example@sms.example", None),
            ("a@evil.example,b@sms.example", None),
            ("a@evil.example> x@sms.example", None),
            ("<a@sms.example>", None),
            ("\"a b\"@sms.example", None),
            ("\"a\"@sms.example", None),
            ("Name <a@sms.example>", None),
            ("@sms.example", None),
            ("a@", None),
            ("a", None),
            ("", None),
            ("a@sms..example", None),
            ("a@-.example", None),
            (".a@sms.example", None),
        ] {
            assert_eq!(address(text).map(|address| address.to_string()).as_deref(), found, "{text:?}");
        }
        assert!(address(&format!("{}@sms.example", "1".repeat(65))).is_none());
    }

    #[test]
    fn dots_are_doubled_and_the_last_line_ends() {
        for (mail, written) in [
            ("", "\r\n.\r\n"),
            ("a", "a\r\n.\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            (".", "..\r\n.\r\n"),
            ("a\r\n.\r\nb\r\n..c", "a\r\n..\r\nb\r\n...c\r\n.\r\n"),
        ] {
            assert_eq!(transparent(mail.as_bytes()), written.as_bytes());
        }
    }

    #[test]
    fn line_ends_become_those_of_mails() {
        assert_eq!(body("a\nb\rc\r\nd").into_vec(), b"a\r\nb\r\nc\r\nd");
        assert_eq!(one_line("a\r\nBcc: b\rc\nd\te\u{2028}f"), "a Bcc: b c d e f");
        let odd = body("a\0\u{1b}b\nc");
        assert_eq!(odd.encoding(), ContentTransferEncoding::Base64);
    }

    #[test]
    fn subjects_are_encoded_where_they_must_be() {
        let header = |subject: &str| {
            let mut headers = lettre::message::header::Headers::new();
            headers.insert_raw(subject_header(subject.to_owned()));
            headers.to_string()
        };
        assert_eq!(header("+49170: {x}"), "Subject: +49170: {x}\r\n");
        assert_eq!(header(""), "Subject: \r\n");
        assert_eq!(header("Grüße"), "Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n");
        assert_eq!(header("=?x?="), "Subject: =?utf-8?b?PT94Pz0=?=\r\n");
        let blanks = " ".repeat(300);
        for subject in [
            "😀".repeat(300),
            "x".repeat(3000),
            "word ".repeat(300),
            "a word".repeat(300),
            "ä b".repeat(500),
            format!("a{blanks}b"),
            format!("{blanks}a"),
            format!("a{blanks}"),
            blanks,
            "word  ".repeat(300),
        ] {
            let header = header(&subject);
            assert!(header.lines().all(|line| line.len() <= 78), "{header}");
            let mut folded = header.lines().skip(1);
            assert!(folded.all(|line| line.starts_with(' ') && !line.starts_with("  ")), "{header}");
            assert!(header.lines().all(|line| !line.ends_with(' ')), "{header}");
        }
        for subject in [" a", "a ", "a  b", " "] {
            let header = header(subject);
            assert!(header.starts_with("Subject: =?utf-8?b?"), "{header}");
        }
    }
}
