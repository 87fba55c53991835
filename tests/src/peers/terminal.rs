//! A terminal, as pyte emulates it: a command runs on it, keys are pressed, and what is on its screen can be looked at.

use super::python::python;
use crate::{command, eventually::DEADLINE, tree};
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Stdio},
    thread,
    time::{Duration, Instant},
};

/// A window in which a command runs. The command is killed when it is dropped.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// What there is to see of it.
#[derive(Debug)]
pub struct Screen(Value);

impl Terminal {
    /// Opens a window of so many rows and columns and runs `gatepost` of the staged tree in it.
    pub fn run(rows: usize, columns: usize, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        // Its own environment, without what this test's says to Gatepost.
        let mut gatepost = command::clean(python().get_program().as_ref());
        let mut child = gatepost
            .arg(tree::workspace().join("tests/peers/terminal.py"))
            .args([rows, columns].map(|size| size.to_string()))
            .arg(tree::binary())
            .args(arguments)
            .env("TERM", "xterm-256color")
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (orders, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, orders, answers }
    }

    fn order(&mut self, order: &Value) -> Screen {
        writeln!(self.orders, "{order}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        Screen(serde_json::from_str(&answer).unwrap())
    }

    /// Its screen now.
    pub fn see(&mut self) -> Screen {
        self.order(&json!({}))
    }

    /// Presses these keys.
    pub fn press(&mut self, keys: &str) {
        self.order(&json!({ "type": keys }));
    }

    /// Makes the window another size.
    pub fn resize(&mut self, rows: usize, columns: usize) {
        self.order(&json!({ "resize": [rows, columns] }));
    }

    /// Sends the command a signal.
    pub fn signal(&mut self, signal: i32) {
        self.order(&json!({ "signal": signal }));
    }

    /// Its screen as soon as `is_so` holds.
    pub fn until(&mut self, what: &str, is_so: impl Fn(&Screen) -> bool) -> Screen {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let screen = self.see();
            if is_so(&screen) {
                return screen;
            }
            assert!(Instant::now() < deadline, "{what}, at last:\n{}", screen.text());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Its screen when the command has ended.
    pub fn until_the_end(&mut self) -> Screen {
        self.until("the command ends", |screen| !screen.0["code"].is_null())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Killed by its id, with the command: that one hangs up with the terminal.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Screen {
    /// Its lines, without the space behind them.
    pub fn lines(&self) -> Vec<&str> {
        self.0["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect()
    }

    /// All of it.
    pub fn text(&self) -> String {
        self.lines().join("\n")
    }

    /// The words of the first line that has this one.
    pub fn line_of(&self, word: &str) -> Vec<&str> {
        let lines = self.lines();
        let line = lines.into_iter().map(|line| line.split_whitespace().collect::<Vec<_>>());
        line.into_iter().find(|words| words.contains(&word)).unwrap_or_default()
    }

    /// What is shown in this colour.
    pub fn in_colour(&self, colour: &str) -> Vec<&str> {
        let runs = self.0["coloured"].as_array().unwrap().iter();
        runs.filter(|run| run[0] == colour).map(|run| run[1].as_str().unwrap()).collect()
    }

    /// Every byte that the command has written.
    pub fn raw(&self) -> &str {
        self.0["raw"].as_str().unwrap()
    }

    /// Exit code of the command; a signal is its number, negative.
    pub fn code(&self) -> Option<i64> {
        self.0["code"].as_i64()
    }

    /// Whether the terminal is as a shell wants it: its own screen, a cursor, lines that are seen as they are typed.
    pub fn is_given_back(&self) -> bool {
        self.0["alternate"] == false
            && ["cursor", "keys_are_lines", "keys_are_seen"].iter().all(|mode| self.0[mode] == true)
    }

    /// Whether it is a program's own: another screen, no cursor, keys that are not seen.
    pub fn is_taken(&self) -> bool {
        self.0["alternate"] == true
            && ["cursor", "keys_are_lines", "keys_are_seen"].iter().all(|mode| self.0[mode] == false)
    }
}
