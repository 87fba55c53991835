//! A stream of which hyper reads no request that was not looked at before.

use super::{
    chunks::{Broken, Chunks},
    doings::Doings,
    head::{Body, Head},
    tls::DRAINED,
};
use std::{
    io,
    mem::MaybeUninit,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much is read at once.
const PIECE: usize = 8 << 10;

/// What hyper reads in place of a request that is refused: the answer to it comes at its turn, after those to the requests before.
const REFUSED: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

/// What hyper reads where the chunks of a body can't be followed any further: wherever it is in a line, this is no part of one.
const BROKEN: &[u8] = b"\r\0";

/// A stream whose requests are followed as they come, each to its end: the next one may have come in the same piece.
pub(super) struct Watched<S> {
    stream: S,
    doings: Arc<Doings>,
    awaited: Awaited,
    /// What was looked at, and how much of it was read.
    seen: Vec<u8>,
    read: usize,
    is_shut: bool,
    /// How much was read of what comes after a request that is refused.
    drained: u64,
}

/// What comes next.
enum Awaited {
    Head(Head),
    /// A body, with so many bytes yet to come.
    Length(u64),
    Chunks(Chunks),
    /// Frames of HTTP/2, in which nothing can be hidden.
    Frames,
    /// Nothing that would be read.
    Nothing,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, doings: Arc<Doings>) -> Self {
        let awaited = Awaited::Head(Head::first());
        Self { stream, doings, awaited, seen: Vec::new(), read: 0, is_shut: false, drained: 0 }
    }

    /// Looks at what has come.
    fn look(&mut self, mut bytes: &[u8]) {
        while let Some(first) = bytes.first() {
            let count = match &mut self.awaited {
                Awaited::Head(head) => {
                    match head.take(*first) {
                        Ok(None) => {}
                        Ok(Some(body)) => {
                            self.seen.extend_from_slice(head.bytes());
                            self.doings.passes(None);
                            self.awaited = match body {
                                Body::Length(length) => Awaited::Length(length),
                                Body::Chunks(chunks) => Awaited::Chunks(chunks),
                                Body::Frames => Awaited::Frames,
                            };
                        }
                        Err(problem) => {
                            self.seen.extend_from_slice(REFUSED);
                            self.doings.passes(Some(problem));
                            self.awaited = Awaited::Nothing;
                        }
                    }
                    1
                }
                Awaited::Length(0) => {
                    self.awaited = Awaited::Head(Head::default());
                    0
                }
                Awaited::Length(left) => {
                    let count = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                    *left -= count as u64;
                    self.passes(bytes, count)
                }
                Awaited::Chunks(chunks) => match chunks.follow(bytes) {
                    Ok((count, is_over)) => {
                        if is_over {
                            self.awaited = Awaited::Length(0);
                        }
                        self.passes(bytes, count)
                    }
                    Err(Broken(count)) => {
                        self.passes(bytes, count);
                        self.seen.extend_from_slice(BROKEN);
                        self.awaited = Awaited::Nothing;
                        return;
                    }
                },
                Awaited::Frames => self.passes(bytes, bytes.len()),
                Awaited::Nothing => return,
            };
            bytes = bytes.get(count..).unwrap_or_default();
        }
    }

    fn passes(&mut self, bytes: &[u8], count: usize) -> usize {
        self.seen.extend_from_slice(bytes.get(..count).unwrap_or_default());
        count
    }

    /// Hands over what was looked at; whether there was any.
    fn hand_over(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let rest = self.seen.get(self.read..).unwrap_or_default();
        let some = rest.get(..buffer.remaining()).unwrap_or(rest);
        let is_any = !rest.is_empty();
        buffer.put_slice(some);
        self.read += some.len();
        if self.read == self.seen.len() {
            // Connections are idle most of the time: they hold no memory then.
            (self.seen, self.read) = (Vec::new(), 0);
        }
        is_any
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.hand_over(buffer) {
                return Poll::Ready(Ok(()));
            }
            if matches!(self.awaited, Awaited::Nothing) {
                // An end would have hyper drop what it is still to answer. After the answer it closes the connection.
                return Poll::Pending;
            }
            let mut piece = [MaybeUninit::uninit(); PIECE];
            let mut piece = ReadBuf::uninit(&mut piece);
            ready!(pin!(&mut self.stream).poll_read(context, &mut piece))?;
            if piece.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.doings.has_read();
            self.look(piece.filled());
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        pin!(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        pin!(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_shut {
            ready!(pin!(&mut self.stream).poll_shutdown(context))?;
            self.is_shut = true;
        }
        while matches!(self.awaited, Awaited::Nothing) && self.drained < DRAINED {
            let mut piece = [MaybeUninit::uninit(); PIECE];
            let mut piece = ReadBuf::uninit(&mut piece);
            ready!(pin!(&mut self.stream).poll_read(context, &mut piece))?;
            if piece.filled().is_empty() {
                break;
            }
            self.drained += piece.filled().len() as u64;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        pin!(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
