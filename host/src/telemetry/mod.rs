//! Logs: their level, their form, and what is taken out of them.

pub mod redact;

mod gathered;
mod log_lines;
pub mod metrics;
pub mod series;
mod one_line;
mod panics;
pub mod traces;

use gathered::Gathered;
use one_line::OneLine;
use std::{
    io::{self, IsTerminal as _, Stderr},
    sync::LazyLock,
};
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer, filter::filter_fn, fmt::MakeWriter, layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One line for people.
    #[default]
    Compact,
    /// One JSON object a line.
    Json,
}

/// The wanted level can't be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "log level {given:?}: {reason}; write error, warn, info, debug or trace, or directives such as `info,gatepost::store=debug`"
)]
pub struct InvalidLevel {
    given: String,
    reason: String,
}

/// The level where nothing is said.
pub const DEFAULT_LEVEL: &str = "info";

/// Builds the subscriber that writes lines to `writer`, with colours if `ansi`.
///
/// # Errors
/// `level` is no list of `tracing` directives.
pub fn subscriber<W>(
    level: &str,
    format: LogFormat,
    ansi: bool,
    writer: W,
) -> Result<impl Subscriber + Send + Sync + 'static, InvalidLevel>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder()
        .parse(level)
        .map_err(|error| InvalidLevel { given: level.to_owned(), reason: error.to_string() })?;
    let lines = tracing_subscriber::fmt::layer().with_writer(OneLine(writer));
    let layer = match format {
        LogFormat::Compact => lines.with_ansi(ansi).compact().boxed(),
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
        }
    };
    let layer = layer.and_then(log_lines::Count).with_filter(filter_fn(is_fit));
    Ok(tracing_subscriber::registry().with(layer).with(filter))
}

/// Whether events of this origin and level may be shown at all: those of the libraries below say more than they should (h2 prints headers
/// at trace).
fn is_fit(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    *metadata.level() <= Level::WARN
        || target == "provider"
        || target.split("::").next() == Some(env!("CARGO_CRATE_NAME"))
}

static STDERR: LazyLock<Gathered<Stderr>> = LazyLock::new(|| Gathered::new(io::stderr()));

/// A runtime of the process's own that is busy writes its lines together. It tells that one of its workers is about to park.
pub fn worker_parks() {
    STDERR.parks();
}

/// Writes what is left of the log, before the process ends.
pub fn flush() {
    STDERR.flush();
}

/// Sends this process's log to stderr, from now on, and what panics into it.
///
/// # Errors
/// `level` is no list of `tracing` directives.
pub fn init(level: &str, format: LogFormat) -> Result<(), InvalidLevel> {
    let subscriber = subscriber(level, format, io::stderr().is_terminal(), &*STDERR)?;
    // Somebody who embeds the host may have a subscriber already: that one counts then, and so does their hook.
    if subscriber.try_init().is_ok() {
        panics::log();
    }
    Ok(())
}
