//! The terminal while it is taken: another screen, keys as they are pressed. It is given back whatever ends the command, but SIGKILL.

use crate::cli::look::size;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    os::fd::AsFd as _,
    panic,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};

/// Another screen, without a cursor and without line breaks of the terminal's own.
const TAKE: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l";
/// Back.
const GIVE_BACK: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";

/// Keys that wait to be read; one who presses more is held up.
const KEYS: usize = 16;

/// Ctrl-C, which is a key here.
const INTERRUPT: u8 = 3;

/// What a user does.
pub(super) enum Event {
    /// No more of it.
    Leave,
    /// The terminal has another size.
    Resized,
}

/// The terminal. Given back when it is dropped.
pub(super) struct Screen {
    taken: Taken,
    keys: mpsc::Receiver<u8>,
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    resized: Signal,
}

/// What gives it back, once.
#[derive(Clone)]
struct Taken {
    /// How keys were; `None` where stdin is no terminal.
    before: Option<Termios>,
    is_taken: Arc<AtomicBool>,
}

impl Taken {
    fn give_back(&self) {
        if !self.is_taken.swap(false, Ordering::SeqCst) {
            return;
        }
        // A terminal that is gone needs neither.
        write(GIVE_BACK).unwrap_or_default();
        if let Some(before) = &self.before {
            tcsetattr(io::stdin(), OptionalActions::Now, before).unwrap_or_default();
        }
    }
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn enter() -> io::Result<Self> {
        // First of all: from here on no signal ends the process with the terminal taken.
        let [interrupt, terminate, hangup, resized] = [
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
            signal(SignalKind::window_change())?,
        ];
        let before = tcgetattr(io::stdin()).ok();
        let taken = Taken { before, is_taken: Arc::new(AtomicBool::new(true)) };
        let (panicking, report) = (taken.clone(), panic::take_hook());
        panic::set_hook(Box::new(move |panicked| {
            // So that its words stand on the screen that stays.
            panicking.give_back();
            report(panicked);
        }));
        let screen = Self { taken, keys: keys(), interrupt, terminate, hangup, resized };
        if let Some(before) = &screen.taken.before {
            let mut single = before.clone();
            // Each key at once, unseen; those that would stop the process with the terminal taken are keys as others.
            single.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
            tcsetattr(io::stdin(), OptionalActions::Now, &single)?;
        }
        write(TAKE)?;
        Ok(screen)
    }

    /// Columns of the terminal.
    pub(super) fn columns(&self) -> usize {
        size(io::stdout()).map_or(80, |(_, columns)| columns)
    }

    /// Puts these lines in place of what is there, as many as there is room for. Each has to fit the width.
    pub(super) fn draw(&self, lines: &[String]) -> io::Result<()> {
        let rows = size(io::stdout()).map_or(24, |(rows, _)| rows).max(1);
        let hidden = lines.len().saturating_sub(rows);
        let last = match hidden {
            0 => None,
            // The line itself takes the place of one.
            hidden => Some(format!("… {} more; make the window higher", hidden + 1)),
        };
        let shown = lines.iter().take(if last.is_some() { rows - 1 } else { rows }).chain(&last);
        // In one piece, and no line break after the last: nothing flickers, nothing scrolls.
        let body = shown.map(|line| format!("{line}\x1b[K")).collect::<Vec<_>>().join("\r\n");
        write(&format!("\x1b[H{body}\x1b[J"))
    }

    /// Waits for the next.
    ///
    /// # Cancellation
    /// Nothing is lost.
    pub(super) async fn event(&mut self) -> Event {
        loop {
            tokio::select! {
                Some(key) = self.keys.recv() => {
                    if matches!(key, b'q' | b'Q' | INTERRUPT) {
                        return Event::Leave;
                    }
                }
                _ = self.interrupt.recv() => return Event::Leave,
                _ = self.terminate.recv() => return Event::Leave,
                _ = self.hangup.recv() => return Event::Leave,
                _ = self.resized.recv() => return Event::Resized,
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.taken.give_back();
    }
}

/// Read by a thread of its own, which ends with the process: a read can't be called off.
fn keys() -> mpsc::Receiver<u8> {
    let (pressed, keys) = mpsc::channel(KEYS);
    thread::spawn(move || {
        for key in io::stdin().lock().bytes().map_while(Result::ok) {
            if pressed.blocking_send(key).is_err() {
                return;
            }
        }
    });
    keys
}

/// In one piece, which [`io::Stdout`] would cut at the last end of a line.
fn write(text: &str) -> io::Result<()> {
    File::from(io::stdout().as_fd().try_clone_to_owned()?).write_all(text.as_bytes())
}
