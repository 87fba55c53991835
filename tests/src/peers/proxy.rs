//! Proxies: tinyproxy for HTTP and CONNECT, microsocks for SOCKS5, both with a password.

use super::{
    free_port,
    process::{Process, program},
};
use std::{fs, net::SocketAddr, process::Command};
use tempfile::TempDir;

/// The user that every proxy here wants, and the password.
pub const USER: &str = "proxy-user";
/// See [`USER`].
pub const PASSWORD: &str = "proxy-pass-7781";

/// A running proxy.
#[derive(Debug)]
pub struct Proxy {
    process: Process,
    folder: TempDir,
    port: u16,
}

impl Proxy {
    /// tinyproxy: HTTP, and CONNECT to any port.
    pub fn tinyproxy() -> Self {
        let folder = TempDir::new().unwrap();
        let port = free_port();
        let (file, log) = (folder.path().join("tinyproxy.conf"), folder.path().join("tinyproxy.log"));
        let configuration = format!(
            "Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nBasicAuth {USER} {PASSWORD}\nMaxClients 50\n\
             LogLevel Connect\nLogFile \"{}\"\n",
            log.display()
        );
        fs::write(&file, configuration).unwrap();
        let mut command = program("tinyproxy");
        command.arg("-d").arg("-c").arg(&file);
        Self::start(folder, port, &mut command)
    }

    /// microsocks: SOCKS5.
    pub fn microsocks() -> Self {
        let folder = TempDir::new().unwrap();
        let port = free_port();
        let mut command = program("microsocks");
        command.args(["-i", "127.0.0.1", "-p", &port.to_string(), "-u", USER, "-P", PASSWORD]);
        Self::start(folder, port, &mut command)
    }

    fn start(folder: TempDir, port: u16, command: &mut Command) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let process = Process::start(command, address, &folder.path().join("output.txt"));
        Self { process, folder, port }
    }

    /// Its address, with user and password.
    pub fn url(&self, scheme: &str, password: &str) -> String {
        format!("{scheme}://{USER}:{password}@127.0.0.1:{}", self.port)
    }

    /// What it has written down.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("tinyproxy.log")).unwrap_or_default()
            + &self.process.output()
    }
}
