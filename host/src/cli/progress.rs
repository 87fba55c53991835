//! A line on stderr while something takes longer than a second and somebody looks on: in a pipe there is none.

use super::{
    look::{can_be_redrawn, size},
    printable, table,
};
use std::{
    io::{self, Write as _},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// What is over by then needs no line.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often the line is drawn.
const REDRAWN: Duration = Duration::from_millis(100);

/// Columns of a bar.
const BAR: u64 = 24;

/// Drawn until it is dropped, which leaves nothing of it on the terminal.
#[must_use]
pub(super) struct Progress {
    done: Arc<AtomicU64>,
    drawing: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Nobody knows how much there is to do.
    pub(super) fn waiting(what: impl Into<String>) -> Self {
        Self::start(what.into(), None)
    }

    /// A bar, which is full at `total`.
    pub(super) fn counting(what: impl Into<String>, total: usize) -> Self {
        Self::start(what.into(), u64::try_from(total).ok())
    }

    fn start(what: String, total: Option<u64>) -> Self {
        let done = Arc::new(AtomicU64::new(0));
        let drawing = can_be_redrawn(&io::stderr()).then(|| {
            let (end, ended) = mpsc::channel::<()>();
            let (what, done) = (printable::line(&what), Arc::clone(&done));
            let draw = move || {
                let (began, mut pause) = (Instant::now(), PATIENCE);
                while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                    draw(&line(&what, done.load(Ordering::Relaxed), total, began.elapsed()));
                    pause = REDRAWN;
                }
                if pause == REDRAWN {
                    draw("");
                }
            };
            (end, thread::spawn(draw))
        });
        Self { done, drawing }
    }

    /// So much more of it is done.
    pub(super) fn advance(&self, by: usize) {
        self.done.fetch_add(u64::try_from(by).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((end, drawing)) = self.drawing.take() {
            drop(end);
            // It could only have panicked: then there is nothing to clear away.
            drawing.join().unwrap_or_default();
        }
    }
}

/// The cursor goes back to the line's beginning, so that whatever is written next takes its place.
fn draw(line: &str) {
    let width = size(io::stderr()).map_or(80, |(_, columns)| columns);
    write!(io::stderr(), "\r\u{1b}[K{}\r", table::cut(line, width.saturating_sub(1))).unwrap_or_default();
}

fn line(what: &str, done: u64, total: Option<u64>, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    match total {
        Some(total) => {
            let full = (done.min(total) * BAR).checked_div(total).unwrap_or(0);
            let bar = (0..BAR).map(|column| if column < full { '#' } else { '-' }).collect::<String>();
            format!("[{bar}] {done} of {total} {what}, {seconds} s")
        }
        None => {
            let turn = ["|", "/", "-", "\\"];
            let index = usize::try_from(elapsed.as_millis() / REDRAWN.as_millis()).unwrap_or(0) % turn.len();
            format!("{} {what}, {seconds} s", turn.get(index).copied().unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_fills_and_a_wait_turns() {
        let three = Duration::from_millis(3200);
        assert_eq!(line("probes", 1, Some(4), three), "[######------------------] 1 of 4 probes, 3 s");
        assert_eq!(line("probes", 9, Some(4), three), "[########################] 9 of 4 probes, 3 s");
        assert_eq!(line("probes", 0, Some(0), three), "[------------------------] 0 of 0 probes, 3 s");
        assert_eq!(line("waiting", 0, None, three), "| waiting, 3 s");
        assert_eq!(line("waiting", 0, None, three + REDRAWN), "/ waiting, 3 s");
    }
}
