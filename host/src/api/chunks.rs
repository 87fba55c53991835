//! The framing of a body that comes in chunks, only as far as it takes to know where the body ends.
//!
//! # Source
//! RFC 9112, section 7.1.

/// The longest line between chunks.
const LONGEST_LINE: usize = 4 << 10;

/// Follows one body to its end.
#[derive(Default)]
pub(super) struct Chunks {
    /// Bytes of the present chunk that have not come yet.
    left: u64,
    /// The present line, as far as it has come.
    line: Vec<u8>,
    awaited: Line,
}

#[derive(Clone, Copy, Default)]
enum Line {
    /// With the size of the next chunk.
    #[default]
    Size,
    /// The empty one that ends a chunk.
    End,
    /// A trailer, or the empty one after them.
    Trailer,
}

/// It can't be followed any further than so many bytes, of which the last line is none: what comes may be of this body or not.
pub(super) struct Broken(pub(super) usize);

impl Chunks {
    /// How many of these bytes are of the body, and whether it ends with them. A line that does not end with CR LF is none: whoever
    /// stands in front of this host may have read it otherwise.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> Result<(usize, bool), Broken> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            if self.left > 0 {
                let there = bytes.len() - at;
                let count = usize::try_from(self.left).map_or(there, |left| left.min(there));
                self.left -= count as u64;
                at += count;
                continue;
            }
            at += 1;
            self.line.push(*byte);
            if self.line.len() > LONGEST_LINE {
                return Err(Broken(at));
            }
            if *byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                let is_last = line.strip_suffix(b"\r\n").and_then(|line| self.is_last(line));
                if is_last.ok_or(Broken(at))? {
                    return Ok((at, true));
                }
            }
        }
        Ok((at, false))
    }

    /// Whether the body ends with this line; `None` where it can't be what has to come.
    fn is_last(&mut self, line: &[u8]) -> Option<bool> {
        match self.awaited {
            _ if line.contains(&b'\r') => None,
            Line::Size => {
                self.left = size(line)?;
                self.awaited = if self.left == 0 { Line::Trailer } else { Line::End };
                Some(false)
            }
            Line::End if line.is_empty() => {
                self.awaited = Line::Size;
                Some(false)
            }
            Line::End => None,
            Line::Trailer => Some(line.is_empty()),
        }
    }
}

/// Hexadecimal digits, and perhaps an extension, which nobody reads.
fn size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| *byte == b';').next()?.trim_ascii_end();
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What it says of these bytes, however they are cut.
    fn followed(body: &str) -> Option<(usize, bool)> {
        let mut results = (0..=body.len()).map(|at| {
            let (one, other) = body.as_bytes().split_at(at);
            let mut chunks = Chunks::default();
            match chunks.follow(one).ok()? {
                (count, false) => {
                    let (more, is_over) = chunks.follow(other).ok()?;
                    Some((count + more, is_over))
                }
                over => Some(over),
            }
        });
        let first = results.next().unwrap();
        assert!(results.all(|result| result == first), "{body:?}");
        first
    }

    #[test]
    fn a_body_is_followed_to_its_end_and_no_further() {
        for body in [
            "0\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            "5 ; a=b\r\nhello\r\nA\r\n0\r\n\r\n56789\r\n000\r\nX: a\r\nY: b\r\n\r\n",
        ] {
            assert_eq!(followed(&format!("{body}GET / HTTP/1.1\r\n")), Some((body.len(), true)), "{body:?}");
            let cut = &body[..body.len() - 1];
            assert_eq!(followed(cut), Some((cut.len(), false)), "{cut:?}");
        }
    }

    #[test]
    fn what_two_readers_could_read_differently_is_broken() {
        let long = format!("5;{}\r\nhello\r\n", "a".repeat(LONGEST_LINE));
        for body in [
            "\r\n",
            "5\nhello\r\n0\r\n\r\n",
            "5\r\nhello\n0\r\n\r\n",
            "5\r\nhelloo\r\n0\r\n\r\n",
            "5;a\rb\r\nhello\r\n0\r\n\r\n",
            "+5\r\nhello\r\n",
            "0x5\r\nhello\r\n",
            " 5\r\nhello\r\n",
            "11111111111111111\r\nhello\r\n",
            "0\r\nX: a\n\r\n",
            "0\r\n\n",
            &long,
        ] {
            assert_eq!(followed(body), None, "{body:?}");
        }
    }
}
