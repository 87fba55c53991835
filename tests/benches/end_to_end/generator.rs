//! Requests over connections that are kept, each with one at a time: one thread on epoll, which shares the machine with what it measures.

use crate::ledger::Ledger;
use gatepost_tests::http1;
use rustix::{
    buffer::spare_capacity,
    event::{Timespec, epoll},
    fd::OwnedFd,
    io::Errno,
};
use std::{
    io::{self, Write as _},
    net::{SocketAddr, TcpStream},
    ops::Range,
    time::{Duration, Instant},
};

/// Writes the request with message so-and-so.
pub(crate) type Request = dyn Fn(usize, &mut Vec<u8>);

/// How long a server may take to answer a request.
const PATIENCE: Duration = Duration::from_secs(60);

/// How requests follow one another.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// On each connection the next one as soon as the last one is answered.
    Closed,
    /// So many a second, whatever becomes of them.
    PerSecond(f64),
}

/// Open connections to one server.
pub(crate) struct Generator {
    epoll: OwnedFd,
    connections: Vec<Connection>,
}

struct Connection {
    stream: TcpStream,
    input: Vec<u8>,
    /// What it waits for the answer of.
    number: usize,
}

impl Generator {
    /// Opens so many, one after the other, and gets an answer on each: a server with a short queue would let some wait for a second.
    pub(crate) fn open(address: SocketAddr, connections: usize) -> Self {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        let open = |index: usize| {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_nodelay(true).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut connection = Connection { stream, input: Vec::new(), number: 0 };
            connection.stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
            while connection.answer().is_none() {
                assert!(connection.read().unwrap() > 0, "the server has ended the connection");
            }
            connection.stream.set_nonblocking(true).unwrap();
            let data = epoll::EventData::new_u64(index as u64);
            epoll::add(&epoll, &connection.stream, data, epoll::EventFlags::IN).unwrap();
            connection
        };
        let connections = (0..connections).map(open).collect();
        Self { epoll, connections }
    }

    /// Sends these messages until the time is over, and waits for the answers; those that were sent. Panics where one is refused.
    pub(crate) fn send(
        &mut self,
        ledger: &Ledger,
        numbers: Range<usize>,
        time: Duration,
        pace: Pace,
        request: &Request,
    ) -> Range<usize> {
        let (began, first) = (Instant::now(), numbers.start);
        let due = |number: usize| match pace {
            Pace::Closed => None,
            Pace::PerSecond(rate) => Some(began + Duration::from_secs_f64((number - first) as f64 / rate)),
        };
        let mut idle = (0..self.connections.len()).collect::<Vec<_>>();
        let (mut next, mut output, mut events) = (first, Vec::new(), Vec::with_capacity(256));
        loop {
            let over = next == numbers.end || began.elapsed() >= time;
            if over && idle.len() == self.connections.len() {
                return first..next;
            }
            let mut wait = PATIENCE;
            while !over
                && next < numbers.end
                && let Some(index) = idle.last()
            {
                let now = Instant::now();
                let due = due(next).unwrap_or(now);
                if due > now {
                    wait = due - now;
                    break;
                }
                output.clear();
                request(next, &mut output);
                ledger.sent(next, due);
                self.connections[*index].send(next, &output);
                idle.pop();
                next += 1;
            }
            self.wait(&mut events, wait);
            for event in events.drain(..) {
                let index = usize::try_from(event.data.u64()).unwrap();
                let connection = &mut self.connections[index];
                assert!(connection.read().unwrap() > 0, "the server has ended the connection");
                if let Some(status) = connection.answer() {
                    assert_eq!(status, 202, "message {} was refused", connection.number);
                    ledger.answered(connection.number);
                    idle.push(index);
                }
            }
        }
    }

    fn wait(&self, events: &mut Vec<epoll::Event>, time: Duration) {
        let time = Timespec::try_from(time).unwrap();
        match epoll::wait(&self.epoll, spare_capacity(events), Some(&time)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => panic!("epoll: {error}"),
        }
    }
}

impl Connection {
    /// Requests are far smaller than what the kernel takes at once.
    fn send(&mut self, number: usize, request: &[u8]) {
        self.number = number;
        self.stream.write_all(request).unwrap();
    }

    fn read(&mut self) -> io::Result<usize> {
        http1::read(&mut self.stream, &mut self.input)
    }

    /// The status of the answer, once all of it is there.
    fn answer(&mut self) -> Option<u16> {
        let (head, _, length) = http1::whole(&self.input)?;
        let status = http1::status(head).unwrap_or_else(|| panic!("no status in {head:?}"));
        assert_eq!(self.input.len(), length, "something else than the answer came");
        self.input.clear();
        Some(status)
    }
}
