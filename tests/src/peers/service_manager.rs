//! The side of systemd that hears what a service tells: a datagram socket, as sd_notify(3) has it.

use crate::eventually;
use std::{
    io::ErrorKind,
    os::unix::net::UnixDatagram,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};
use tempfile::TempDir;

/// A socket that is listened to.
#[derive(Debug)]
pub struct ServiceManager {
    socket: UnixDatagram,
    folder: TempDir,
    heard: Mutex<Vec<String>>,
}

impl ServiceManager {
    /// Begins to listen.
    pub fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { socket, folder, heard: Mutex::default() }
    }

    /// What `NOTIFY_SOCKET` is to be.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("notify")
    }

    /// Every datagram that came so far.
    pub fn heard(&self) -> Vec<String> {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let mut buffer = [0; 4096];
        loop {
            match self.socket.recv(&mut buffer) {
                Ok(length) => heard.push(String::from_utf8(buffer[..length].to_vec()).unwrap()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return heard.clone(),
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// How many datagrams have this line.
    pub fn count(&self, line: &str) -> usize {
        self.heard().iter().filter(|datagram| datagram.lines().any(|one| one == line)).count()
    }

    /// Waits until so many datagrams have this line.
    pub fn until(&self, line: &str, count: usize) {
        eventually(&format!("{count} times {line}"), || (self.count(line) >= count).then_some(()));
    }
}
