//! Load: connections that are kept, each with one request at a time. reqwest would cost more than the host that is looked at.

use crate::http1;
use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// A connection to the host.
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    stream: TcpStream,
    /// A header with its line break, or nothing.
    authorization: String,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(90)))?;
        Ok(Self { address, stream, authorization: String::new() })
    }

    /// The same connection, with this API key from now on.
    #[must_use]
    pub fn with_key(self, key: &str) -> Self {
        Self { authorization: format!("authorization: Bearer {key}\r\n"), ..self }
    }

    /// POSTs JSON; status and body of the answer.
    ///
    /// # Errors
    /// The connection broke.
    pub fn post(&mut self, path: &str, body: &str) -> io::Result<(u16, String)> {
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\n{}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            self.authorization,
            body.len()
        );
        self.stream.write_all(request.as_bytes())?;
        let broken = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let mut input = Vec::new();
        loop {
            if http1::read(&mut self.stream, &mut input)? == 0 {
                return Err(broken("no answer"));
            }
            if let Some((head, body, _)) = http1::whole(&input) {
                let status = http1::status(head).ok_or_else(|| broken("no status"))?;
                let body = String::from_utf8(body.to_vec()).map_err(|_| broken("no UTF-8"))?;
                return Ok((status, body));
            }
        }
    }
}

/// Clients that POST until they are ended.
#[derive(Debug)]
pub struct Load {
    over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Sent>>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Sent {
    /// Id and text of what was accepted.
    pub accepted: Vec<(String, String)>,
    /// How many answers had which status.
    pub statuses: BTreeMap<u16, usize>,
}

impl Load {
    /// So many clients POST messages with texts of their own, made by `text` of the client and its count, in bodies made by `body`.
    pub fn start(
        address: SocketAddr,
        clients: u32,
        text: impl Fn(u32, u32) -> String + Send + Clone + 'static,
        body: impl Fn(u32, &str) -> String + Send + Clone + 'static,
    ) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let client = |client| {
            let (over, text, body) = (Arc::clone(&over), text.clone(), body.clone());
            thread::spawn(move || {
                let mut sent = Sent::default();
                let mut connection = Connection::open(address).unwrap();
                for number in 0.. {
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    let text = text(client, number);
                    let Ok((status, answer)) = connection.post("/v1/messages", &body(client, &text)) else {
                        break;
                    };
                    *sent.statuses.entry(status).or_default() += 1;
                    if status == 202 {
                        let id = answer.split('"').nth(3).unwrap().to_owned();
                        sent.accepted.push((id, text));
                    }
                }
                sent
            })
        };
        let clients = (0..clients).map(client).collect();
        Self { over, clients }
    }

    /// Ends it.
    pub fn end(self) -> Sent {
        self.over.store(true, Ordering::Relaxed);
        let mut all = Sent::default();
        for client in self.clients {
            let sent = client.join().unwrap();
            all.accepted.extend(sent.accepted);
            for (status, count) in sent.statuses {
                *all.statuses.entry(status).or_default() += count;
            }
        }
        all
    }
}
