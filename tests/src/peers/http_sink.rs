//! An HTTP service that takes every message, for benchmarks: one thread on epoll, connections are kept.

use super::sink::Told;
use crate::http1;
use rustix::{buffer::spare_capacity, event::epoll, fd::OwnedFd, io::Errno};
use std::{
    collections::HashMap,
    fmt,
    io::Write as _,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

const LISTENER: u64 = 0;
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 8\r\n\r\naccepted";

/// Listens on 127.0.0.1 until it is dropped.
pub struct HttpSink {
    /// Where.
    pub address: SocketAddr,
    stopped: Arc<AtomicBool>,
    serving: Option<JoinHandle<()>>,
}

impl fmt::Debug for HttpSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSink").field("address", &self.address).finish_non_exhaustive()
    }
}

impl HttpSink {
    /// `told` is told the body of each request before it is answered.
    pub fn telling(told: Box<Told>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stopped = Arc::new(AtomicBool::new(false));
        let ending = Arc::clone(&stopped);
        let serving = thread::spawn(move || serve(&listener, &ending, &told));
        Self { address, stopped, serving: Some(serving) }
    }
}

impl Drop for HttpSink {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        self.serving.take().into_iter().for_each(|serving| serving.join().unwrap());
    }
}

fn serve(listener: &TcpListener, stopped: &AtomicBool, told: &Told) {
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    epoll::add(&poll, listener, epoll::EventData::new_u64(LISTENER), epoll::EventFlags::IN).unwrap();
    let (mut connections, mut next) = (HashMap::new(), LISTENER);
    let mut events = Vec::with_capacity(256);
    while !stopped.load(Ordering::SeqCst) {
        match epoll::wait(&poll, spare_capacity(&mut events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => panic!("epoll: {error}"),
        }
        for event in events.drain(..).map(|event| event.data.u64()) {
            if event == LISTENER {
                next += 1;
                connections.insert(next, accept(listener, &poll, next));
            } else if let Some((stream, input)) = connections.get_mut(&event)
                && !converse(stream, input, told)
            {
                connections.remove(&event);
            }
        }
    }
}

fn accept(listener: &TcpListener, poll: &OwnedFd, number: u64) -> (TcpStream, Vec<u8>) {
    let (stream, _) = listener.accept().unwrap();
    stream.set_nodelay(true).unwrap();
    epoll::add(poll, &stream, epoll::EventData::new_u64(number), epoll::EventFlags::IN).unwrap();
    (stream, Vec::new())
}

/// Reads what is there, and answers what is whole; `false` where the connection has ended.
fn converse(stream: &mut TcpStream, input: &mut Vec<u8>, told: &Told) -> bool {
    // It may have been cut.
    if http1::read(stream, input).unwrap_or_default() == 0 {
        return false;
    }
    while let Some((_, body, length)) = http1::whole(input) {
        told(body);
        input.drain(..length);
        if stream.write_all(ANSWER).is_err() {
            return false;
        }
    }
    true
}
