//! The head of a request of HTTP/1.1, byte by byte before hyper reads it.
//!
//! # Source
//! RFC 9112, section 2.2: "a recipient MAY recognize a single LF as a line terminator". Hyper does. Whoever stands in front of this host
//! may not, and then one request there would be two here. So none is taken.

/// Follows one head to its end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Head {
    previous: u8,
    /// Whether something stands in the present line.
    line_has_begun: bool,
    /// Whether something stands before the present line: empty ones may come before a request.
    has_begun: bool,
    is_over: bool,
}

impl Head {
    /// One that was read to its end.
    pub(super) fn over() -> Self {
        Self { is_over: true, ..Self::default() }
    }

    /// Looks at what comes next. A line feed that follows no carriage return becomes a NUL, which hyper refuses with 400.
    pub(super) fn look(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if self.is_over {
                return;
            }
            match *byte {
                b'\n' if self.previous != b'\r' => {
                    *byte = 0;
                    self.is_over = true;
                }
                b'\n' => {
                    self.is_over = self.has_begun && !self.line_has_begun;
                    self.line_has_begun = false;
                }
                b'\r' => {}
                _ => (self.line_has_begun, self.has_begun) = (true, true),
            }
            self.previous = *byte;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of it, however it is cut.
    fn looked_at(head: &str) -> String {
        let mut results = (0..=head.len()).map(|at| {
            let mut bytes = head.as_bytes().to_vec();
            let (one, other) = bytes.split_at_mut(at);
            let mut head = Head::default();
            head.look(one);
            head.look(other);
            String::from_utf8(bytes).unwrap()
        });
        let first = results.next().unwrap();
        assert!(results.all(|result| result == first), "{head:?}");
        first
    }

    #[test]
    fn a_line_feed_alone_is_spoilt_in_the_head_and_nowhere_else() {
        for good in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\n\r\na body\n\nof its own",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\n\n",
        ] {
            assert_eq!(looked_at(good), good);
        }
        for (bad, spoilt) in [
            ("GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\0Host: a\n\n"),
            ("GET / HTTP/1.1\r\nX: a\n\nGET /b", "GET / HTTP/1.1\r\nX: a\0\nGET /b"),
            ("\r\n\r\nGET / HTTP/1.1\r\nX: a\n\r\n", "\r\n\r\nGET / HTTP/1.1\r\nX: a\0\r\n"),
            ("\nGET / HTTP/1.1\r\n\r\n", "\0GET / HTTP/1.1\r\n\r\n"),
        ] {
            assert_eq!(looked_at(bad), spoilt);
        }
    }
}
