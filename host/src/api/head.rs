//! The head of a request of HTTP/1.1, before hyper reads it.
//!
//! Hyper takes what others do not, and where it takes nothing, it says so without a word of why. What two readers could read differently
//! is refused here: whoever stands in front of this host may be the other one, and one request there would be two here.
//!
//! # Source
//! RFC 9112. Where it leaves a choice (section 2.2: a line feed alone may end a line; section 6.1: a length may stand beside chunks),
//! none is taken.

use super::{
    chunks::Chunks,
    problem::{self, Problem},
};
use axum::http::{Uri, header, uri::Authority};

/// The longest head.
pub(super) const LARGEST_HEAD: usize = 64 << 10;

/// What most heads have room in.
const USUAL_HEAD: usize = 512;

/// The most headers.
pub(super) const MOST_HEADERS: usize = 100;

/// What a connection of HTTP/2 begins with: RFC 9113, section 3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// One head, as far as it has come. A key may stand in it: it is not for printing.
#[derive(Default)]
pub(super) struct Head {
    bytes: Vec<u8>,
    /// Whether it is the first one of its connection, which may turn out to be of HTTP/2.
    is_first: bool,
    /// Whether its first line was looked at.
    has_begun: bool,
}

/// What comes after a head.
pub(super) enum Body {
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunks(Chunks),
    /// Frames of HTTP/2, to the end of the connection.
    Frames,
}

impl Head {
    /// The first one of a connection.
    pub(super) fn first() -> Self {
        Self { is_first: true, ..Self::default() }
    }

    /// The bytes that have come.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Takes the next byte; if it was the last one, what comes after the head.
    ///
    /// # Errors
    /// No such head is taken, whatever else may come.
    pub(super) fn take(&mut self, byte: u8) -> Result<Option<Body>, Problem> {
        let previous = self.bytes.last().copied();
        if previous.is_none() {
            self.bytes.reserve(USUAL_HEAD);
        }
        self.bytes.push(byte);
        if self.is_first && PREFACE.starts_with(&self.bytes) {
            return Ok((self.bytes.len() == PREFACE.len()).then_some(Body::Frames));
        }
        if self.bytes.len() > LARGEST_HEAD {
            return Err(too_large(&format!("it may have at most {LARGEST_HEAD} bytes")));
        }
        match byte {
            b'\n' if previous == Some(b'\r') => self.line(),
            b'\n' => Err(malformed("a line of its head ends with LF alone; each has to end with CR LF")),
            _ if previous == Some(b'\r') => {
                Err(malformed("a CR in its head has no LF after it; each line has to end with CR LF"))
            }
            b'\t' | b'\r' => Ok(None),
            byte if byte.is_ascii_control() => {
                Err(malformed("there is a control character in its head; this port speaks HTTP"))
            }
            _ => Ok(None),
        }
    }

    /// A line is there.
    fn line(&mut self) -> Result<Option<Body>, Problem> {
        // Empty lines may come before a request: RFC 9112, section 2.2.
        if self.bytes == b"\r\n" {
            self.bytes.clear();
            return Ok(None);
        }
        let is_whole = self.bytes.ends_with(b"\r\n\r\n");
        // Whoever speaks something else is told after the first line, and does not wait for the end of a head.
        if is_whole || !self.has_begun {
            self.has_begun = true;
            return self.read();
        }
        Ok(None)
    }

    fn read(&self) -> Result<Option<Body>, Problem> {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(&self.bytes) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => {
                return Err(too_large(&format!("it may have at most {MOST_HEADERS} headers")));
            }
            Err(error) => return Err(malformed(&format!("its head is none of HTTP/1.1: {error}"))),
        }
        let is_old = request.version == Some(0);
        if request.path.is_none_or(|target| target.parse::<Uri>().is_err()) {
            return Err(malformed("the address in its first line can't be read"));
        }
        check_host(&only(&request, header::HOST.as_str())?, is_old)?;
        let length = only(&request, header::CONTENT_LENGTH.as_str())?;
        let coding = only(&request, header::TRANSFER_ENCODING.as_str())?;
        match (length, coding) {
            (None, None) => Ok(Some(Body::Length(0))),
            (Some(length), None) => parse_length(length).map(|length| Some(Body::Length(length))),
            (None, Some(coding)) if !is_old && coding.eq_ignore_ascii_case(b"chunked") => {
                Ok(Some(Body::Chunks(Chunks::default())))
            }
            (None, Some(_)) => Err(malformed(
                "its Transfer-Encoding is not \"chunked\", or it is no HTTP/1.1; send Content-Length",
            )),
            (Some(_), Some(_)) => {
                Err(malformed("it has both Content-Length and Transfer-Encoding; send one of them"))
            }
        }
    }
}

/// The value of a header that may be there once.
fn only<'a>(request: &httparse::Request<'_, 'a>, name: &str) -> Result<Option<&'a [u8]>, Problem> {
    let mut values = request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
    let value = values.next().map(|header| header.value);
    if values.next().is_some() {
        return Err(malformed(&format!("it has the header {name} more than once; send it once")));
    }
    Ok(value)
}

/// RFC 9112, section 3.2: one, and a valid one. It is empty where the address in the first line has no host.
fn check_host(host: &Option<&[u8]>, is_old: bool) -> Result<(), Problem> {
    let Some(host) = host else {
        let mend = "HTTP/1.1 needs the header Host, with the name that the host was asked for by";
        return if is_old { Ok(()) } else { Err(malformed(mend)) };
    };
    let authority = |host: &[u8]| str::from_utf8(host).ok()?.parse::<Authority>().ok();
    if host.is_empty() || authority(host).is_some_and(|host| !host.as_str().contains('@')) {
        return Ok(());
    }
    Err(malformed("its header Host is no name with or without a port"))
}

fn parse_length(length: &[u8]) -> Result<u64, Problem> {
    // A sign is none, which the parser of numbers would take.
    let digits =
        str::from_utf8(length).ok().filter(|length| length.bytes().all(|byte| byte.is_ascii_digit()));
    let length =
        digits.and_then(|digits| digits.parse::<i64>().ok()).and_then(|length| length.try_into().ok());
    length.ok_or_else(|| malformed("its Content-Length is no number of bytes"))
}

fn malformed(what: &str) -> Problem {
    Problem::of(problem::MALFORMED).detail(what)
}

fn too_large(what: &str) -> Problem {
    Problem::of(problem::HEAD_TOO_LARGE).detail(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(body: &Body) -> String {
        match body {
            Body::Length(length) => format!("{length} bytes"),
            Body::Chunks(_) => "chunks".into(),
            Body::Frames => "frames".into(),
        }
    }

    /// How many bytes of it are the head, and what comes then; or why it is refused.
    fn taken(text: &str, mut head: Head) -> Result<(usize, String), String> {
        for (at, byte) in text.bytes().enumerate() {
            match head.take(byte) {
                Ok(None) => {}
                Ok(Some(body)) => return Ok((at + 1, words(&body))),
                Err(problem) => return Err(problem.as_http1()),
            }
        }
        Err("it goes on".into())
    }

    #[test]
    fn a_head_tells_what_comes_after_it() {
        for (head, body) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "0 bytes"),
            ("GET / HTTP/1.0\r\n\r\n", "0 bytes"),
            ("\r\n\r\nGET / HTTP/1.1\r\nHost:\r\n\r\n", "0 bytes"),
            ("POST http://a/b HTTP/1.1\r\nhost: [::1]:80\r\ncontent-LENGTH: 012 \r\n\r\n", "12 bytes"),
            ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n", "chunks"),
        ] {
            for after in ["", "GET /b"] {
                for first in [Head::first(), Head::default()] {
                    let found = taken(&format!("{head}{after}"), first).unwrap();
                    assert_eq!(found, (head.len(), body.to_owned()), "{head:?}");
                }
            }
        }
        let preface = str::from_utf8(PREFACE).unwrap();
        assert_eq!(taken(preface, Head::first()).unwrap(), (PREFACE.len(), "frames".into()));
        for (head, first) in [(preface, false), ("PRI * HTTP/2.0\r\n\r\nGET / HTTP/1.1\r\n", true)] {
            let refused = taken(head, Head { is_first: first, ..Head::default() }).unwrap_err();
            assert!(refused.contains(" 400 ") && refused.contains("version"), "{head:?}: {refused}");
        }
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        let post = |headers: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n");
        let many = "X: a\r\n".repeat(MOST_HEADERS);
        for (head, status, why) in [
            ("GET / HTTP/1.1\nHost: a\n\n".into(), 400, "LF alone"),
            ("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400, "LF alone"),
            (post("X: a\n\nGET /b"), 400, "LF alone"),
            (post("X: a\rb"), 400, "no LF after it"),
            (post("X: a\0b"), 400, "control character"),
            ("\x16\x03\x01".into(), 400, "control character"),
            ("SSH-2.0-OpenSSH_10.0\r\n".into(), 400, "none of HTTP/1.1"),
            ("GET  / HTTP/1.1\r\n".into(), 400, "none of HTTP/1.1"),
            (post("X : a"), 400, "none of HTTP/1.1"),
            (post("X: a\r\n b"), 400, "none of HTTP/1.1"),
            ("GET / HTTP/1.1\r\n\r\n".into(), 400, "needs the header Host"),
            (post("Host: a"), 400, "host more than once"),
            ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n".into(), 400, "no name"),
            ("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n".into(), 400, "no name"),
            (post("Content-Length: 1\r\nContent-Length: 1"), 400, "more than once"),
            (post("Content-Length: 1, 1"), 400, "no number"),
            (post("Content-Length: +1"), 400, "no number"),
            (post("Content-Length: 9223372036854775808"), 400, "no number"),
            (post("Content-Length:"), 400, "no number"),
            (post("Content-Length: 1\r\nTransfer-Encoding: chunked"), 400, "both"),
            (post("Transfer-Encoding: gzip, chunked"), 400, "chunked"),
            ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".into(), 400, "no HTTP/1.1"),
            (post(&many), 431, "100 headers"),
            (post(&format!("X: {}", "a".repeat(LARGEST_HEAD))), 431, "65536 bytes"),
        ] {
            let refused = taken(&head, Head::first()).unwrap_err();
            assert!(refused.starts_with(&format!("HTTP/1.1 {status} ")), "{head:?}: {refused}");
            assert!(refused.contains(why), "{head:?}: {refused}");
        }
    }
}
