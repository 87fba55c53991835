//! PDUs on a connection. What goes out is written by the codec; of what comes in, each frame is read by itself and by those who need it, so
//! that one which makes no sense costs no more than itself.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use gatepost_provider_api::tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf, split},
    net::{TcpStream, lookup_host},
    time::{Instant, timeout},
};
use rusmpp::{
    Command, CommandId, CommandStatus, Pdu,
    encode::{Encode as _, Length as _},
    pdus::SubmitSm,
};
use std::{io, net::SocketAddr};

/// The longest PDU: a `message_payload` of 64 KiB, and what goes with it.
const LONGEST: usize = 128 << 10;
const HEADER: usize = 16;

/// What is read at once.
const CHUNK: usize = 16 << 10;

pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A PDU that came.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) id: u32,
    pub(crate) status: u32,
    pub(crate) sequence: u32,
    /// What comes behind the header.
    pub(crate) body: Bytes,
}

/// The stream is no SMPP: where the next PDU begins is not known.
#[derive(Debug)]
pub(crate) struct Garbage(u32);

impl std::fmt::Display for Garbage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the SMSC does not speak SMPP: a PDU of {} bytes", self.0)
    }
}

/// Takes the next PDU out of what was read; `None`: it is not whole yet.
///
/// # Errors
/// Its length is impossible.
pub(crate) fn next(input: &mut BytesMut) -> Result<Option<Incoming>, Garbage> {
    let Some(length) = input.get(..4).map(|mut length| length.get_u32()) else { return Ok(None) };
    let whole = usize::try_from(length).unwrap_or(usize::MAX);
    if !(HEADER..=LONGEST).contains(&whole) {
        return Err(Garbage(length));
    }
    if input.len() < whole {
        return Ok(None);
    }
    let mut frame = input.split_to(whole).freeze();
    frame.advance(4);
    let (id, status, sequence) = (frame.get_u32(), frame.get_u32(), frame.get_u32());
    Ok(Some(Incoming { id, status, sequence, body: frame }))
}

/// Appends a PDU.
pub(crate) fn put(output: &mut BytesMut, status: u32, sequence: u32, pdu: Pdu) {
    let command = Command::new(CommandStatus::from(status), sequence, pdu);
    let length = command.length() + 4;
    output.reserve(length);
    output.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    let start = output.len();
    output.put_bytes(0, length - 4);
    command.encode(output.get_mut(start..).unwrap_or_default());
}

/// A `submit_sm` as it goes out, but for its sequence number: it may go out again with another one.
pub(crate) struct Submit(Vec<u8>);

impl Submit {
    pub(crate) fn new(pdu: &SubmitSm) -> Self {
        let length = HEADER + pdu.length();
        let mut frame = Vec::with_capacity(length);
        frame.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
        frame.put_u32(CommandId::SubmitSm.into());
        frame.resize(length, 0);
        pdu.encode(frame.get_mut(HEADER..).unwrap_or_default());
        Self(frame)
    }

    /// Appends it.
    pub(crate) fn put(&self, output: &mut BytesMut, sequence: u32) {
        let Some((header, body)) = self.0.split_at_checked(HEADER) else { return };
        let (header, _) = header.split_at(HEADER - 4);
        output.reserve(self.0.len());
        output.put_slice(header);
        output.put_u32(sequence);
        output.put_slice(body);
    }
}

/// A connection, and what is on its way.
pub(crate) struct Link {
    reader: ReadHalf<Box<dyn Wire>>,
    pub(crate) writer: Writer,
    pub(crate) input: BytesMut,
}

/// The writing side: PDUs are collected, and written together.
pub(crate) struct Writer {
    half: WriteHalf<Box<dyn Wire>>,
    pub(crate) output: BytesMut,
    /// Bytes written since the connection began.
    pub(crate) written: u64,
    unflushed: bool,
}

impl Link {
    pub(crate) fn over(wire: Box<dyn Wire>) -> Self {
        let (reader, half) = split(wire);
        let writer = Writer { half, output: BytesMut::new(), written: 0, unflushed: false };
        Self { reader, writer, input: BytesMut::new() }
    }

    /// Reader, writer and input, to be used at once.
    pub(crate) fn parts(&mut self) -> (&mut ReadHalf<Box<dyn Wire>>, &mut Writer, &mut BytesMut) {
        (&mut self.reader, &mut self.writer, &mut self.input)
    }

    /// The next PDU, in a dialogue where nothing else happens.
    pub(crate) async fn receive(&mut self) -> io::Result<Incoming> {
        loop {
            if let Some(incoming) =
                next(&mut self.input).map_err(|garbage| io::Error::other(garbage.to_string()))?
            {
                return Ok(incoming);
            }
            read(&mut self.reader, &mut self.input).await?;
        }
    }

    /// Writes a PDU at once.
    pub(crate) async fn send(&mut self, sequence: u32, pdu: Pdu) -> io::Result<()> {
        put(&mut self.writer.output, 0, sequence, pdu);
        self.flush().await
    }

    /// Writes what was collected.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        while self.writer.is_busy() {
            self.writer.progress().await?;
        }
        Ok(())
    }
}

/// Reads some more.
///
/// # Cancellation
/// Nothing is lost.
pub(crate) async fn read(reader: &mut ReadHalf<Box<dyn Wire>>, input: &mut BytesMut) -> io::Result<()> {
    input.reserve(CHUNK);
    match reader.read_buf(input).await? {
        0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the SMSC ended the connection")),
        _ => Ok(()),
    }
}

impl Writer {
    /// Where the bytes that are collected now will end.
    pub(crate) fn end(&self) -> u64 {
        self.written + u64::try_from(self.output.len()).unwrap_or(u64::MAX)
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.unflushed || !self.output.is_empty()
    }

    /// Writes as much as goes.
    ///
    /// # Cancellation
    /// What was written is counted.
    pub(crate) async fn progress(&mut self) -> io::Result<()> {
        if self.output.is_empty() {
            self.half.flush().await?;
            self.unflushed = false;
            return Ok(());
        }
        let count = self.half.write(&self.output).await?;
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.output.advance(count);
        self.written += u64::try_from(count).unwrap_or_default();
        self.unflushed = true;
        Ok(())
    }
}

/// Connects: to each address of the name, one after the other, until the time is over.
pub(crate) async fn dial(host: &str, port: u16, deadline: Instant) -> io::Result<TcpStream> {
    let left = || deadline.saturating_duration_since(Instant::now());
    let found = timeout(left(), lookup_host((host, port))).await.map_err(|_| io::ErrorKind::TimedOut)?;
    let addresses: Vec<SocketAddr> = found?.collect();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for (number, address) in addresses.iter().enumerate() {
        let share = left() / u32::try_from(addresses.len() - number).unwrap_or(u32::MAX);
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => failure = error,
            Err(_) => failure = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_costs_no_more_than_itself() {
        let mut input = BytesMut::new();
        // A deliver_sm without a body that makes sense, an unknown command, an enquire_link.
        input.extend_from_slice(&[0, 0, 0, 20, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 7, 1, 2, 3, 4]);
        input.extend_from_slice(&[0, 0, 0, 18, 0, 0, 9, 9, 0, 0, 0, 0, 0, 0, 0, 8, 1, 2]);
        put(&mut input, 0, 9, Pdu::EnquireLink);
        let first = next(&mut input).unwrap().unwrap();
        assert_eq!((first.id, first.sequence, &first.body[..]), (5, 7, &[1, 2, 3, 4][..]));
        let second = next(&mut input).unwrap().unwrap();
        assert_eq!((second.id, second.sequence), (0x909, 8));
        let third = next(&mut input).unwrap().unwrap();
        assert_eq!((third.id, third.sequence), (0x15, 9));
        assert!(next(&mut input).unwrap().is_none());
    }

    #[test]
    fn an_impossible_length_is_garbage() {
        for length in [0_u32, 15, 1 << 20, u32::MAX] {
            let mut input = BytesMut::from(&length.to_be_bytes()[..]);
            assert!(next(&mut input).is_err(), "{length}");
        }
        assert!(next(&mut BytesMut::from(&[0, 0, 0, 16, 0][..])).unwrap().is_none());
    }
}
