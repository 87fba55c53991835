//! One span of a message's trace.

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::{
    InstrumentationScope, KeyValue, Value,
    trace::{
        Link, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId, TraceState,
    },
};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::{
    propagation::TraceContextPropagator,
    trace::{SpanData, SpanEvents, SpanLinks},
};
use reqwest::header::HeaderMap;
use std::{borrow::Cow, time::SystemTime};

/// The caller's own span, as its header `traceparent` names it.
///
/// # Source
/// W3C Trace Context, <https://www.w3.org/TR/trace-context/>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent(SpanContext);

impl Parent {
    /// The span that a request came from; `None` where its headers name none, or can't be read.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let context = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
        let context = context.span().span_context().clone();
        context.is_valid().then_some(Self(context))
    }
}

/// A span of the trace of the message with this id.
#[derive(Clone, Debug)]
pub struct Span(SpanData);

impl Span {
    /// The root: the message from its acceptance to its end.
    pub fn root(message: &[u8; 16], name: &'static str, began: SystemTime, ended: SystemTime) -> Self {
        Self::new(message, root_id(message), SpanId::INVALID, name, began, ended)
    }

    /// A part of what the root tells of.
    pub fn part(message: &[u8; 16], name: &'static str, began: SystemTime, ended: SystemTime) -> Self {
        let id = SpanId::from(fastrand::u64(1..));
        Self::new(message, id, root_id(message), name, began, ended)
    }

    fn new(
        message: &[u8; 16],
        id: SpanId,
        parent: SpanId,
        name: &'static str,
        began: SystemTime,
        ended: SystemTime,
    ) -> Self {
        let trace = TraceId::from_bytes(*message);
        Self(SpanData {
            span_context: SpanContext::new(trace, id, TraceFlags::SAMPLED, false, TraceState::NONE),
            parent_span_id: parent,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: Cow::Borrowed(name),
            start_time: began,
            end_time: ended,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::builder("gatepost")
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
        })
    }

    /// A part of this one.
    #[must_use]
    pub fn below(self, whole: &Self) -> Self {
        Self(SpanData { parent_span_id: whole.0.span_context.span_id(), ..self.0 })
    }

    /// It tells of a request that came in.
    #[must_use]
    pub fn served(self) -> Self {
        Self(SpanData { span_kind: SpanKind::Server, ..self.0 })
    }

    /// It tells of a request to another service.
    #[must_use]
    pub fn asked(self) -> Self {
        Self(SpanData { span_kind: SpanKind::Client, ..self.0 })
    }

    /// Says more of it. Never a text, a recipient, a path or a secret.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.0.attributes.push(KeyValue::new(key, value));
        self
    }

    /// It did not come to what it was meant for.
    #[must_use]
    pub fn failed(self, why: &'static str) -> Self {
        Self(SpanData { status: Status::error(why), ..self.0 })
    }

    /// It came out of this span, of another trace.
    #[must_use]
    pub fn from(mut self, parent: Option<&Parent>) -> Self {
        if let Some(Parent(context)) = parent {
            self.0.links.links.push(Link::with_context(context.clone()));
        }
        self
    }

    pub(super) fn into_data(self) -> SpanData {
        self.0
    }
}

/// The latter half of the message's id, which is a UUID and so never zero there.
///
/// # Source
/// RFC 9562, section 4.1: the variant `10` begins that half.
fn root_id(message: &[u8; 16]) -> SpanId {
    let [.., a, b, c, d, e, f, g, h] = *message;
    SpanId::from_bytes([a, b, c, d, e, f, g, h])
}
