//! An SMSC that takes every message, for benchmarks: a real one would be the limit itself. Each `submit_sm` is decoded, and refused if it makes
//! no sense; all that came in one read is answered with one write, after a time if it is told to. Who wants to know is told each text before.
//!
//! # Source
//! SMPP 3.4, sections 3.2 (header), 4.1 (bind), 4.2 (unbind), 4.4 (submit_sm), 4.11 (enquire_link), 4.3 (generic_nack).

use bytes::BytesMut;
use rusmpp::{Command, Pdu, decode::DecodeWithLength as _};
use std::{
    collections::VecDeque,
    fmt,
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

const HEADER: usize = 16;
const RESPONSE: u32 = 0x8000_0000;
const GENERIC_NACK: u32 = 0x8000_0000;
const SUBMIT_SM: u32 = 0x04;
const UNBIND: u32 = 0x06;
const ENQUIRE_LINK: u32 = 0x15;
/// bind_receiver, bind_transmitter, bind_transceiver.
const BINDS: [u32; 3] = [0x01, 0x02, 0x09];

const INVALID_COMMAND: u32 = 0x03;
const SYSTEM_ERROR: u32 = 0x08;

/// Listens on 127.0.0.1 until it is dropped.
#[derive(Debug)]
pub struct Sink {
    /// Where.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

/// Is told each text as it came: the content of the field short_message.
pub type Told = dyn Fn(&[u8]) + Send + Sync;

struct Shared {
    told: Box<Told>,
    taken: AtomicU64,
    most_unanswered: AtomicU64,
    latency: Duration,
    stopped: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("latency", &self.latency)
            .field("taken", &self.taken)
            .finish_non_exhaustive()
    }
}

impl Sink {
    /// One that answers each part after `latency`.
    pub fn start(latency: Duration) -> Self {
        Self::telling(latency, Box::new(|_| {}))
    }

    /// The same; `told` is told each text when it arrives.
    pub fn telling(latency: Duration, told: Box<Told>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            told,
            latency,
            taken: AtomicU64::new(0),
            most_unanswered: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            connections: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        let accepting = thread::spawn(move || {
            let mut threads = Vec::new();
            for stream in listener.incoming().map(Result::unwrap) {
                if serving.stopped.load(Ordering::SeqCst) {
                    break;
                }
                serving.connections.lock().unwrap().push(stream.try_clone().unwrap());
                let shared = Arc::clone(&serving);
                // However the connection ends, the next one is served.
                threads.push(thread::spawn(move || drop(serve(stream, &shared))));
            }
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
        Self { address, shared, accepting: Some(accepting) }
    }

    /// Parts that it has answered, or will.
    pub fn taken(&self) -> u64 {
        self.shared.taken.load(Ordering::Relaxed)
    }

    /// The most parts that one connection had waiting for their answers at once; counted anew from now on.
    pub fn most_unanswered(&self) -> u64 {
        self.shared.most_unanswered.swap(0, Ordering::Relaxed)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        for stream in self.shared.connections.lock().unwrap().drain(..) {
            // It may have ended.
            drop(stream.shutdown(std::net::Shutdown::Both));
        }
        drop(TcpStream::connect(self.address));
        self.accepting.take().into_iter().for_each(|accepting| accepting.join().unwrap());
    }
}

fn serve(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let late = Late::default();
    let latency = shared.latency;
    thread::scope(|scope| {
        if !latency.is_zero() {
            let stream = stream.try_clone()?;
            scope.spawn(|| late.write(stream));
        }
        let ended = converse(&mut stream, shared, latency, &late);
        late.end();
        ended
    })
}

/// Answers what comes until the connection ends.
fn converse(stream: &mut TcpStream, shared: &Shared, latency: Duration, late: &Late) -> io::Result<()> {
    let (mut input, mut read) = (Vec::new(), vec![0; 64 << 10]);
    let mut number = 0;
    loop {
        let count = stream.read(&mut read)?;
        if count == 0 {
            return Ok(());
        }
        input.extend_from_slice(&read[..count]);
        let (mut at_once, mut answers, mut submits, mut begin) = (Vec::new(), Vec::new(), 0, 0);
        while let Some((id, sequence, length)) = header(&input[begin..])? {
            begin += length;
            match id {
                SUBMIT_SM => {
                    number += 1;
                    submits += 1;
                    let taken = take(&input[begin - length..begin], &shared.told);
                    let status = taken.map_or(SYSTEM_ERROR, |()| 0);
                    pdu(
                        &mut answers,
                        SUBMIT_SM | RESPONSE,
                        status,
                        sequence,
                        format!("{number:x}\0").as_bytes(),
                    );
                }
                id if BINDS.contains(&id) => pdu(&mut at_once, id | RESPONSE, 0, sequence, b"sink\0"),
                ENQUIRE_LINK | UNBIND => pdu(&mut at_once, id | RESPONSE, 0, sequence, b""),
                id if id & RESPONSE != 0 => {}
                _ => pdu(&mut at_once, GENERIC_NACK, INVALID_COMMAND, sequence, b""),
            }
        }
        input.drain(..begin);
        shared.taken.fetch_add(submits, Ordering::Relaxed);
        if latency.is_zero() {
            shared.most_unanswered.fetch_max(submits, Ordering::Relaxed);
            at_once.append(&mut answers);
        } else if submits > 0 {
            let unanswered = late.push(Instant::now() + latency, answers, submits);
            shared.most_unanswered.fetch_max(unanswered, Ordering::Relaxed);
        }
        stream.write_all(&at_once)?;
    }
}

/// Takes this `submit_sm`, if there is somebody whom it is for, and a text.
fn take(frame: &[u8], told: &Told) -> Option<()> {
    let mut body = BytesMut::from(&frame[4..]);
    let length = body.len();
    let (command, _) = Command::decode(&mut body, length).ok()?;
    let Some(Pdu::SubmitSm(submit)) = command.pdu() else { return None };
    let has_text = !submit.short_message().is_empty() || !submit.tlvs().is_empty();
    (!submit.destination_addr.is_empty() && has_text).then(|| told(submit.short_message().as_ref()))
}

/// command_id, sequence number and length of the first PDU, if all of it is there.
fn header(input: &[u8]) -> io::Result<Option<(u32, u32, usize)>> {
    let Some(header) = input.first_chunk::<HEADER>() else { return Ok(None) };
    let field = |at: usize| u32::from_be_bytes(header[at..at + 4].try_into().unwrap());
    let length = field(0) as usize;
    if !(HEADER..=128 << 10).contains(&length) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "no PDU is so long"));
    }
    Ok((input.len() >= length).then(|| (field(4), field(12), length)))
}

fn pdu(output: &mut Vec<u8>, id: u32, status: u32, sequence: u32, body: &[u8]) {
    let length = u32::try_from(HEADER + body.len()).unwrap();
    for field in [length, id, status, sequence] {
        output.extend_from_slice(&field.to_be_bytes());
    }
    output.extend_from_slice(body);
}

/// Answers that are not due yet.
#[derive(Debug, Default)]
struct Late {
    queue: Mutex<LateQueue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct LateQueue {
    /// When which bytes go out, and for how many parts.
    answers: VecDeque<(Instant, Vec<u8>, u64)>,
    unanswered: u64,
    ended: bool,
}

impl Late {
    /// How many parts are unanswered now.
    fn push(&self, due: Instant, answers: Vec<u8>, parts: u64) -> u64 {
        let mut queue = self.queue.lock().unwrap();
        queue.answers.push_back((due, answers, parts));
        queue.unanswered += parts;
        self.changed.notify_one();
        queue.unanswered
    }

    fn end(&self) {
        self.queue.lock().unwrap().ended = true;
        self.changed.notify_one();
    }

    fn write(&self, mut stream: TcpStream) {
        let mut queue = self.queue.lock().unwrap();
        while !queue.ended {
            let now = Instant::now();
            let mut due = Vec::new();
            while queue.answers.front().is_some_and(|(at, ..)| *at <= now) {
                let (_, answers, parts) = queue.answers.pop_front().unwrap();
                due.extend_from_slice(&answers);
                queue.unanswered -= parts;
            }
            if !due.is_empty() {
                drop(queue);
                if stream.write_all(&due).is_err() {
                    return;
                }
                queue = self.queue.lock().unwrap();
                continue;
            }
            let next = queue.answers.front().map(|(at, ..)| *at);
            queue = match next {
                Some(at) => self.changed.wait_timeout(queue, at - now).unwrap().0,
                None => self.changed.wait(queue).unwrap(),
            };
        }
    }
}
