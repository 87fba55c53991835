//! Requests and answers of HTTP/1.1 as they stand on the wire, for peers that must not cost much.

use std::io::{self, Read};

/// How much is read at once.
const PIECE: usize = 8 << 10;

/// Appends what is there to `input`; how many bytes that was, 0 at the end.
///
/// # Errors
/// The connection broke.
pub fn read(stream: &mut impl Read, input: &mut Vec<u8>) -> io::Result<usize> {
    let filled = input.len();
    input.resize(filled + PIECE, 0);
    let read = stream.read(&mut input[filled..]);
    input.truncate(filled + *read.as_ref().unwrap_or(&0));
    read
}

/// The status in the head of an answer.
pub fn status(head: &str) -> Option<u16> {
    head.split(' ').nth(1)?.parse().ok()
}

/// Head, body and the length of both, once all of it is there. What has no `content-length` has no body.
pub fn whole(input: &[u8]) -> Option<(&str, &[u8], usize)> {
    let end = input.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&input[..end]).unwrap();
    let mut fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.map_or(0, |(_, length)| length.trim().parse().unwrap());
    let begin = end + 4;
    Some((head, input.get(begin..begin + length)?, begin + length))
}
