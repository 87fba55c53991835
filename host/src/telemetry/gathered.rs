//! Log lines of busy moments are written together: a line of its own for each message, at ten thousands of messages a second, is a call of
//! the kernel for each.
//!
//! Only lines of threads that park are kept back, which are the runtime's workers: each writes what there is as soon as it has nothing else
//! to do, so that a line of a host that is not busy is written at once. A process that is killed loses what its workers have not written;
//! warnings and errors do not wait.

use std::{
    cell::Cell,
    io::{self, Write},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// As much as is kept back: some forty lines.
const MOST: usize = 8 << 10;

thread_local! {
    static PARKS: Cell<bool> = const { Cell::new(false) };
}

/// Gathers lines for `W`.
pub(super) struct Gathered<W>(Mutex<Lines<W>>);

struct Lines<W> {
    kept_back: Vec<u8>,
    writer: W,
}

impl<W: Write> Gathered<W> {
    pub(super) const fn new(writer: W) -> Self {
        Self(Mutex::new(Lines { kept_back: Vec::new(), writer }))
    }

    fn lines(&self) -> MutexGuard<'_, Lines<W>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This thread is about to park. From now on its lines may wait until it does so again.
    pub(super) fn parks(&self) {
        PARKS.set(true);
        self.flush();
    }

    /// Writes what was kept back. A log that can't be written is no reason for anything else to fail.
    pub(super) fn flush(&self) {
        self.lines().write_out().unwrap_or_default();
    }
}

impl<W: Write> Lines<W> {
    fn write_out(&mut self) -> io::Result<()> {
        if self.kept_back.is_empty() {
            return Ok(());
        }
        let written = self.writer.write_all(&self.kept_back);
        // Whatever came of it: a writer that fails must not fill the memory.
        self.kept_back.clear();
        written
    }
}

impl<'a, W: Write + 'a> MakeWriter<'a> for &'static Gathered<W> {
    type Writer = Line<W>;

    fn make_writer(&'a self) -> Self::Writer {
        Line { gathered: self, waits: false }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        Line { gathered: self, waits: *metadata.level() > Level::WARN && PARKS.get() }
    }
}

/// Takes one line.
pub(super) struct Line<W: 'static> {
    gathered: &'static Gathered<W>,
    waits: bool,
}

impl<W: Write> Write for Line<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut lines = self.gathered.lines();
        lines.kept_back.extend_from_slice(line);
        if !self.waits || lines.kept_back.len() >= MOST {
            lines.write_out()?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{LogFormat, subscriber};
    use std::thread;

    /// Each call is one piece.
    #[derive(Default)]
    struct Pieces(Vec<String>);

    impl Write for Pieces {
        fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
            self.0.push(String::from_utf8_lossy(piece).into_owned());
            Ok(piece.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What was written so far, in pieces of so many lines.
    fn pieces(gathered: &Gathered<Pieces>) -> Vec<usize> {
        gathered.lines().writer.0.iter().map(|piece| piece.lines().count()).collect()
    }

    /// In a thread of its own, which is told by nobody that it parks.
    fn with(test: impl FnOnce(&'static Gathered<Pieces>) + Send) {
        let gathered: &Gathered<Pieces> = Box::leak(Box::new(Gathered::new(Pieces::default())));
        let subscriber = subscriber("info", LogFormat::Compact, false, gathered).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| tracing::subscriber::with_default(subscriber, || test(gathered)));
        });
    }

    #[test]
    fn a_thread_that_never_parks_writes_each_line_at_once() {
        with(|gathered| {
            tracing::info!("one");
            tracing::info!("two");
            assert_eq!(pieces(gathered), [1, 1]);
        });
    }

    #[test]
    fn one_that_parks_writes_then_and_before_only_what_is_urgent_or_much() {
        with(|gathered| {
            gathered.parks();
            tracing::info!("one");
            tracing::info!("two");
            assert_eq!(pieces(gathered), [0; 0]);
            gathered.parks();
            assert_eq!(pieces(gathered), [2]);
            tracing::info!("three");
            tracing::warn!("four");
            assert_eq!(pieces(gathered), [2, 2]);
            tracing::info!("{}", "long ".repeat(MOST / 5));
            assert_eq!(pieces(gathered), [2, 2, 1]);
            gathered.parks();
            assert_eq!(pieces(gathered), [2, 2, 1], "there was nothing left");
        });
    }
}
