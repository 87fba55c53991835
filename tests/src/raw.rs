//! HTTP byte by byte, as no client that keeps to the rules would send it.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// How long a connection that says nothing more is listened to.
const SILENCE: Duration = Duration::from_millis(1500);

/// Connects.
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Sends these bytes, and returns what comes until the host closes the connection or falls silent.
pub fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(address);
    // One that is refused may be closed before all of it is there.
    stream.write_all(bytes).unwrap_or_default();
    answers(&mut stream, SILENCE)
}

/// What comes until the host closes the connection or has been silent for so long.
pub fn answers(stream: &mut TcpStream, silence: Duration) -> String {
    stream.set_read_timeout(Some(silence)).unwrap();
    let (mut all, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return String::from_utf8_lossy(&all).into_owned(),
            Ok(length) => all.extend_from_slice(&piece[..length]),
        }
    }
}

/// Whether the host has closed the connection.
pub fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let closed = match stream.read(&mut [0; 4096]) {
        Ok(0) => true,
        Ok(_) => false,
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
    };
    stream.set_nonblocking(false).unwrap();
    closed
}

/// The status of each answer in what came.
pub fn statuses(answers: &str) -> Vec<u16> {
    // A problem may speak of HTTP/1.1 as well.
    let found = answers.split("HTTP/1.1 ").skip(1);
    found.filter_map(|rest| rest.get(..3)?.parse().ok()).collect()
}

/// Raises the limit of open files of this process as far as that goes, and returns it.
pub fn raise_open_files() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    maximum.unwrap_or(u64::MAX)
}
