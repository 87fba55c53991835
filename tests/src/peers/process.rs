//! A program that runs beside a test.

use crate::eventually;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    env,
    fs::{self, File},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A command that runs `program`, which may stand where a user's PATH does not lead: Debian keeps servers in `/usr/sbin`.
pub fn program(program: &str) -> Command {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")]);
    Command::new(folders.find(|folder| folder.join(program).is_file()).unwrap_or_default().join(program))
}

/// Killed when it is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    output: PathBuf,
}

impl Process {
    /// Starts a program and waits until something accepts connections at `address`. What it says goes to the file `output`.
    pub fn start(command: &mut Command, address: SocketAddr, output: &Path) -> Self {
        let file = File::create(output).unwrap();
        let program = command.get_program().to_owned();
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("cannot run {}: {error}; `cargo xtask test` installs it", program.display())
            });
        let mut process = Self { child, output: output.to_owned() };
        eventually(&format!("{} listens", program.display()), || {
            if let Some(status) = process.child.try_wait().unwrap() {
                panic!("{} ended at once, {status}:\n{}", program.display(), process.output());
            }
            TcpStream::connect(address).ok()
        });
        process
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said so far.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.output).unwrap_or_default()).into_owned()
    }

    /// SIGSTOP: its connections stay, and nobody is there behind them.
    pub fn freeze(&self) {
        let id = i32::try_from(self.child.id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), Signal::STOP).unwrap();
    }

    /// SIGTERM, for one that has to end others itself; then waits for its end.
    pub fn terminate(mut self) {
        let id = i32::try_from(self.child.id()).unwrap();
        // It may have ended by itself.
        kill_process(Pid::from_raw(id).unwrap(), Signal::TERM).unwrap_or_default();
        eventually("the program ends", || self.child.try_wait().unwrap());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
