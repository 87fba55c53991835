//! Traces for OpenTelemetry, where a collector is configured: one for each message, from the request to the receipt.
//!
//! A message's trace id is its own id, and the root's span id the latter half of that: whoever has the id can add to the trace, also
//! after a restart or days later, and nothing of it is stored. Spans are made when what they tell of is over, put into a bounded queue
//! and sent by a task of their own: what is delivered never waits for them. No span holds a text, a recipient, a path or a secret.

mod exporter;
mod span;

pub use exporter::{Exporting, TracesError};
pub use span::{Parent, Span};

use opentelemetry_sdk::trace::SpanData;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::mpsc::Sender;

/// Spans that wait to be sent. When so many do, the next are dropped, and counted.
const WAITING: usize = 16 << 10;

/// What became of spans.
#[derive(Debug, Default)]
struct Counts {
    exported: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
}

/// Takes spans. Without a collector it takes none, and costs a look at that.
#[derive(Clone, Default)]
pub struct Traces {
    waiting: Option<Sender<SpanData>>,
    counts: Arc<Counts>,
}

impl Traces {
    /// Whether anything is traced.
    pub fn is_on(&self) -> bool {
        self.waiting.is_some()
    }

    /// Takes a span, if there is anybody to tell.
    pub fn record(&self, span: impl FnOnce() -> Span) {
        if let Some(waiting) = &self.waiting
            && waiting.try_send(span().into_data()).is_err()
        {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What became of all spans so far.
    pub(super) fn counts(&self) -> [(&'static str, u64); 3] {
        let Counts { exported, dropped, failed } = &*self.counts;
        [("exported", exported), ("dropped", dropped), ("failed", failed)]
            .map(|(word, count)| (word, count.load(Ordering::Relaxed)))
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traces").field("on", &self.is_on()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
