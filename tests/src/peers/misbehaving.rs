//! A server that breaks the rules, as no real one can be told to.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// Listens on 127.0.0.1 until it is dropped.
#[derive(Debug)]
pub struct Misbehaving {
    /// Where.
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    stopped: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

/// A connection.
#[derive(Debug)]
pub struct Connection<'c> {
    stream: TcpStream,
    stopped: &'c AtomicBool,
}

impl Misbehaving {
    /// Reads each request to the end of its head, then does `what`.
    pub fn start(what: impl Fn(&mut Connection<'_>) + Send + Sync + 'static) -> Self {
        Self::at_once(move |connection| {
            if connection.read_until(b"\r\n\r\n") {
                what(connection);
            }
        })
    }

    /// Does `what` with each connection, without reading anything before.
    pub fn at_once(what: impl Fn(&mut Connection<'_>) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, stopped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, end, what) = (Arc::clone(&connections), Arc::clone(&stopped), Arc::new(what));
        let accepting = thread::spawn(move || {
            let mut serving = Vec::new();
            for stream in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    break;
                }
                count.fetch_add(1, Ordering::SeqCst);
                let (end, what) = (Arc::clone(&end), Arc::clone(&what));
                let stream = stream.unwrap();
                serving.push(thread::spawn(move || {
                    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
                    what(&mut Connection { stream, stopped: &end });
                }));
            }
            for thread in serving {
                thread.join().unwrap();
            }
        });
        Self { address, connections, stopped, accepting: Some(accepting) }
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// The head of an answer whose body does not come to its end by itself.
const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";

/// Servers that take a request and then hang, drip, break or talk nonsense: whether they have acted on it nobody knows.
pub fn unclear() -> Vec<(&'static str, Misbehaving)> {
    let drip = Duration::from_millis(50);
    let serve = |name, what: fn(&mut Connection<'_>)| (name, Misbehaving::start(what));
    vec![
        serve("silent", |connection| connection.hang()),
        ("dripping-head", Misbehaving::start(move |connection| connection.keep_writing(b"H", drip))),
        (
            "dripping-headers",
            Misbehaving::start(move |connection| {
                connection.write("HTTP/1.1 200 OK\r\n");
                connection.keep_writing(b"X-A: b\r\n", drip);
            }),
        ),
        (
            "dripping-body",
            Misbehaving::start(move |connection| {
                connection.write(HEAD);
                connection.keep_writing(b".", drip);
            }),
        ),
        serve("cut-body", |connection| {
            connection.write(HEAD);
            connection.write("half");
        }),
        serve("closing", |_| {}),
        serve("resetting", |connection| connection.reset()),
        serve("reset-in-body", |connection| {
            connection.write(HEAD);
            connection.reset();
        }),
        serve("garbage", |connection| {
            connection.write("\u{0}\u{1}not HTTP at all\r\n\r\n");
        }),
        serve("endless-head", |connection| {
            connection.write("HTTP/1.1 200 OK\r\n");
            connection.keep_writing(&[b'x'; 65536], Duration::ZERO);
        }),
    ]
}

impl Drop for Misbehaving {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener.
        drop(TcpStream::connect(self.address));
        let ended = self.accepting.take().map(JoinHandle::join);
        if !thread::panicking() {
            ended.unwrap().unwrap();
        }
    }
}

impl Connection<'_> {
    /// Reads to the first `end`; false if the other side is gone before.
    pub fn read_until(&mut self, end: &[u8]) -> bool {
        self.read(end).is_some()
    }

    /// Reads a line, with its end; `None` if the other side is gone before.
    pub fn line(&mut self) -> Option<Vec<u8>> {
        self.read(b"\n")
    }

    fn read(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        let (mut read, mut byte) = (Vec::new(), [0]);
        while !read.ends_with(end) {
            match self.stream.read(&mut byte) {
                Ok(0) => return None,
                Ok(_) => read.extend(byte),
                Err(error) if is_timeout(&error) && !self.stopped.load(Ordering::SeqCst) => {}
                Err(_) => return None,
            }
        }
        Some(read)
    }

    /// Writes; false once the other side is gone.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Writes the same again and again, `pause` between two, until the other side is gone.
    pub fn keep_writing(&mut self, bytes: &[u8], pause: Duration) {
        while !self.stopped.load(Ordering::SeqCst) && self.write(bytes) {
            thread::sleep(pause);
        }
    }

    /// Says nothing until the other side is gone.
    pub fn hang(&mut self) {
        let mut rest = [0; 1024];
        while !self.stopped.load(Ordering::SeqCst) {
            if let Ok(0) = self.stream.read(&mut rest) {
                break;
            }
        }
    }

    /// Ends the connection with a reset.
    pub fn reset(&mut self) {
        rustix::net::sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO)).unwrap();
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
