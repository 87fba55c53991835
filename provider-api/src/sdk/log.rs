//! The plugin's `tracing` events, on their way to the host's log.
//!
//! One subscriber per provider instance, never a global one: two hosts can run in one process.

use super::guard::guarded;
use crate::abi::{FfiLog, HostApiBox};
use abi_stable::std_types::RStr;
use serde_json::{Map, Value};
use std::fmt;
use tracing::{
    Dispatch, Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    subscriber::Interest,
};
use tracing_subscriber::{
    Registry,
    filter::LevelFilter,
    layer::{Context, Layer, SubscriberExt as _},
};

tokio::task_local! {
    /// The host's id of the message that this task submits. Not a span's field: a span would be made, entered and closed for each submit.
    pub(crate) static SUBMITTED: String;
}

/// The dispatch of one instance: events of the crate `root` at the host's level, those of its dependencies from `warn` on (hyper, h2
/// and lettre print URLs and bodies at trace).
pub(crate) fn dispatch(host: HostApiBox, root: &'static str) -> Dispatch {
    let level = host.max_level();
    Dispatch::new(Registry::default().with(Forward { host, level, root }))
}

struct Forward {
    host: HostApiBox,
    level: u8,
    root: &'static str,
}

fn number(level: Level) -> u8 {
    match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

impl Forward {
    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        let source = metadata.module_path().unwrap_or_else(|| metadata.target());
        let own =
            source.strip_prefix(self.root).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
        // The SDK's own events are the plugin's too.
        let own = own || source.starts_with(env!("CARGO_CRATE_NAME"));
        if metadata.is_span() {
            return own && number(*metadata.level()) <= self.level;
        }
        let limit = if own { self.level } else { self.level.min(number(Level::WARN)) };
        number(*metadata.level()) <= limit
    }
}

impl<S: Subscriber> Layer<S> for Forward {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.wants(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.wants(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match self.level.max(number(Level::ERROR)) {
            1 => LevelFilter::ERROR,
            2 => LevelFilter::WARN,
            3 => LevelFilter::INFO,
            4 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        })
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        // A `Debug` of the author's that panics must not cost the message its submit.
        if let Err(panicked) = guarded(|| event.record(&mut fields)) {
            fields.others.insert("log_panicked_at".into(), panicked.place.into());
        }
        let id = SUBMITTED.try_with(Clone::clone).unwrap_or_default();
        let others = if fields.others.is_empty() {
            String::new()
        } else {
            serde_json::to_string(&fields.others).unwrap_or_default()
        };
        let metadata = event.metadata();
        self.host.log(FfiLog {
            level: number(*metadata.level()),
            target: metadata.target().into(),
            message: fields.message.as_str().into(),
            fields: others.as_str().into(),
            message_id: id.as_str().into(),
            file: metadata.file().unwrap_or_default().into(),
            line: metadata.line().unwrap_or_default(),
            ext: RStr::empty(),
        });
    }
}

/// Collects an event's fields.
#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn insert(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => {
                self.others.insert(name.to_owned(), value);
            }
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.insert(field, value.to_string().into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value.into());
    }
}
