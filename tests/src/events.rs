//! A client of the stream of events, on a connection of its own that can be cut at any moment.

use serde_json::Value;
use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// An event.
#[derive(Debug)]
pub struct Event {
    /// Its number.
    pub id: u64,
    /// The message as it stood.
    pub message: Value,
}

/// A stream of events, read only as far as it is asked to. Cut when it is dropped.
#[derive(Debug)]
pub struct Events {
    stream: BufReader<TcpStream>,
    /// What is left of the present chunk.
    chunk: Vec<u8>,
    /// What a client would come again with: the last `id` that it got, with an event or alone.
    pub last: Option<u64>,
}

impl Events {
    /// Asks for the events that `query` wants, after the number `last`, and waits until the stream has begun.
    ///
    /// # Errors
    /// Nobody answers, or with anything but a stream.
    pub fn open(address: SocketAddr, query: &str, last: Option<u64>) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let last_event_id = last.map(|last| format!("last-event-id: {last}\r\n")).unwrap_or_default();
        write!(stream, "GET /v1/events{query} HTTP/1.1\r\nhost: {address}\r\n{last_event_id}\r\n")?;
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let head = head.to_ascii_lowercase();
        if !head.starts_with("http/1.1 200") || !head.contains("content-type: text/event-stream") {
            return Err(io::Error::other(head));
        }
        let mut events = Self { stream, chunk: Vec::new(), last };
        // Its position: from here on nothing is missed.
        events.block()?;
        Ok(events)
    }

    /// The next event.
    ///
    /// # Errors
    /// The stream broke or came to its end, or nothing came for a minute, which a comment every 15 s forbids.
    pub fn next_event(&mut self) -> io::Result<Event> {
        loop {
            let block = self.block()?;
            let field =
                |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            if let (Some(data), Some(id)) = (field("data"), field("id")) {
                assert_eq!(field("event"), Some("message"), "{block}");
                return Ok(Event { id: id.parse().unwrap(), message: serde_json::from_str(data).unwrap() });
            }
        }
    }

    /// What comes up to the next blank line.
    fn block(&mut self) -> io::Result<String> {
        let mut block = Vec::new();
        while !block.ends_with(b"\n\n") {
            if self.chunk.is_empty() {
                self.chunk = self.next_chunk()?;
            }
            let end = self.chunk.windows(2).position(|window| window == b"\n\n").map(|at| at + 2);
            block.extend(self.chunk.drain(..end.unwrap_or(self.chunk.len())));
        }
        let block = String::from_utf8(block).unwrap();
        if let Some(id) = block.lines().find_map(|line| line.strip_prefix("id: ")) {
            self.last = Some(id.parse().unwrap());
        }
        Ok(block)
    }

    /// RFC 9112, section 7.1: its length in hexadecimal digits, itself, a line break.
    fn next_chunk(&mut self) -> io::Result<Vec<u8>> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim_end(), 16).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut chunk = vec![0; length + 2];
        self.stream.read_exact(&mut chunk)?;
        chunk.truncate(length);
        Ok(chunk)
    }
}
