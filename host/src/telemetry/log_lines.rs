//! How many lines were logged. The log belongs to the process, and so do these counts, whichever host said it.

use std::sync::atomic::{AtomicU64, Ordering};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{Layer, layer::Context};

static LINES: [AtomicU64; 5] = [const { AtomicU64::new(0) }; 5];

const LEVELS: [(&str, Level); 5] = [
    ("error", Level::ERROR),
    ("warn", Level::WARN),
    ("info", Level::INFO),
    ("debug", Level::DEBUG),
    ("trace", Level::TRACE),
];

/// The lines that this process has logged, by level.
pub(super) fn counts() -> [(&'static str, u64); 5] {
    let mut lines = LINES.iter().map(|lines| lines.load(Ordering::Relaxed));
    LEVELS.map(|(word, _)| (word, lines.next().unwrap_or_default()))
}

/// Counts the events that are written.
pub(super) struct Count;

impl<S: Subscriber> Layer<S> for Count {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = event.metadata().level();
        let lines = LEVELS.iter().zip(&LINES).find(|((_, known), _)| known == level);
        if let Some((_, lines)) = lines {
            lines.fetch_add(1, Ordering::Relaxed);
        }
    }
}
