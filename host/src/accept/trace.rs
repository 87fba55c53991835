//! What the traces of messages say of their acceptance.

use crate::{
    message::{MessageId, Timestamp},
    telemetry::traces::{Parent, Span, Traces},
};

/// A request whose messages are being stored.
#[derive(Debug)]
pub(super) struct Request {
    /// When it was looked at,
    pub(super) began: Timestamp,
    /// and its messages were handed to the store.
    pub(super) handed_over: Timestamp,
    /// The caller's own span.
    pub(super) parent: Option<Parent>,
}

/// One of its messages is on disk, since `on_disk`.
pub(super) fn accepted(traces: &Traces, id: MessageId, request: &Request, on_disk: Timestamp) {
    if !traces.is_on() {
        return;
    }
    let part = |name, began: Timestamp| {
        Span::part(id.as_bytes(), name, began.to_system_time(), on_disk.to_system_time())
    };
    let accept = part("accept", request.began)
        .served()
        .from(request.parent.as_ref())
        .with("gatepost.message.id", id.to_string());
    traces.record(|| part("store", request.handed_over).below(&accept));
    traces.record(|| accept);
}
