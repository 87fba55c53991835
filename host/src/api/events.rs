//! `GET /v1/events`: changes of state as server-sent events.
//!
//! # Source
//! HTML Living Standard, section 9.2. A block with an `id` and no `data` is no event, and yet moves the position from which a client goes
//! on after a cut: "If the data buffer is an empty string, set the data buffer and the event type buffer to the empty string and return",
//! after "Set the last event ID string of the event source to the value of the last event ID buffer".

use super::{
    Api, Now,
    access::{self, Reader},
    feed::{Place, Told},
    filter::{self, FilterParameters},
    places::Waits,
    problem::{self, Problem, problems},
    wait,
};
use crate::{accept::Snapshot, store::Filter};
use axum::{
    body::{Body, Bytes},
    extract::State as Extract,
    http::{HeaderMap, HeaderName, Uri, header},
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

/// How often something is sent at least: less often, and proxies in between take the stream for dead.
const AT_LEAST_EVERY: Duration = Duration::from_secs(15);

/// After how many changes that the filter passes over the position is told.
const PASSED_OVER: u64 = 1000;

/// Events are handed to the connection in pieces of about this size: a client that takes nothing costs a few of them.
const PIECE: usize = 8 * 1024;

/// When a client that was refused may try again.
const RETRY: Duration = Duration::from_secs(5);

/// An event of the stream: its fields.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the feed writes events down; this describes them")]
struct StateChanged {
    /// The number of the change.
    #[schema(pattern = "^[0-9]{1,19}$", examples("4712"))]
    id: String,
    /// Always the same word.
    #[schema(pattern = "^message$", examples("message"))]
    event: String,
    /// The message as it stood then: a `Message`, as JSON.
    #[schema(
        content_media_type = "application/json",
        examples("{\"id\": \"019b7992-6800-7c4e-a9d1-5b0f8e7a3c21\", …}")
    )]
    data: String,
}

problems!(
    NotStreamed: problem::ANY,
    problem::KEYED,
    &[problem::INVALID_PARAMETER],
);

/// Follow changes of state, as server-sent events.
///
/// Scope: `read`. Each change comes as `id`, a number that only grows, `event: message`, and `data`: the message (schema `Message`) as it
/// stood then. Who comes again with the last `id` misses nothing and sees nothing twice; `0` begins with the oldest change that is kept.
/// A block with an `id` and no `data` is no event: it tells where to go on. There are 256 streams at most.
#[utoipa::path(
    get,
    path = "/v1/events",
    operation_id = "followEvents",
    tag = "messages",
    security(("bearer" = ["read"]), ("basic" = ["read"])),
    params(
        FilterParameters,
        ("last_event_id" = Option<String>, Query, description = "Where to go on; the header counts before it", nullable = false,
            pattern = "^[0-9]{1,19}$", example = json!("4711")),
        ("Last-Event-ID" = Option<String>, Header, description = "Where to go on: the `id` of the last event", nullable = false,
            pattern = "^[0-9]{1,19}$", example = json!("4711")),
    ),
    responses(
        (
            status = 200,
            description = "The stream, which ends with the host",
            body = StateChanged,
            content_type = "text/event-stream",
            example = json!({ "id": "4712", "event": "message", "data": "{\"id\": \"019b7992-6800-7c4e-a9d1-5b0f8e7a3c21\", …}" })
        ),
        NotStreamed
    )
)]
pub(super) async fn show(
    Extract(api): Extract<Api>,
    now: Now,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let identity = access::identify(&now, &headers)?;
    identity.must_read()?;
    let (filter, mut given) = filter::parse(&uri, &["last_event_id"])?;
    let resume = resume_after(&headers, given.remove("last_event_id"))?;
    let (place, latest) = api
        .shared
        .feed
        .join()
        .ok_or_else(|| Problem::overloaded("too many streams of events at once", RETRY))?;
    // A number beyond the last change is another store's: the rest of it will not come here.
    let position = resume.unwrap_or(latest).min(latest);
    let events = Events {
        place,
        filter,
        position,
        told: position,
        waiting: VecDeque::new(),
        silent_until: Instant::now() + AT_LEAST_EVERY,
        reader: identity.reader(),
        snapshots: api.shared.acceptor.snapshots(),
        ending: api.shared.ending.clone(),
        untaken: None,
    };
    // The position, so that a client that is cut before its first event misses nothing either.
    let first = format!(": Gatepost\nretry: 1000\nid: {position}\n\n");
    let pieces = stream::unfold((Some(first), events), |(first, mut events)| async move {
        events.untaken = None;
        let piece = match first {
            Some(first) => first,
            None => events.next().await?,
        };
        events.untaken = Some(events.place.place.waits());
        Some((Ok::<_, Infallible>(Bytes::from(piece)), (None, events)))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        // nginx would keep events back until it has a buffer full of them.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// The number of the last change that the client has seen. The header counts before the query: a browser adds it when it comes again,
/// with the address that it was given at first.
fn resume_after(headers: &HeaderMap, query: Option<String>) -> Result<Option<u64>, Problem> {
    let number = |name, text: &str| {
        wait::whole(text).ok_or_else(|| {
            Problem::invalid_parameter(name, "is no number; send the `id` of the last event, or leave it out")
        })
    };
    let header = headers.get("last-event-id").map(|value| value.to_str().unwrap_or_default());
    let header = header.map(|text| number("Last-Event-ID", text)).transpose()?;
    // Wrong is wrong, also where it does not count.
    let query = query.map(|text| number("last_event_id", &text)).transpose()?;
    Ok(header.or(query))
}

/// One client's stream. It moves only when the client takes something.
struct Events {
    place: Place,
    filter: Filter,
    /// Every change up to this one was looked at.
    position: u64,
    /// The position that the client knows.
    told: u64,
    /// Changes before `position` that were not looked at yet.
    waiting: VecDeque<Arc<Told>>,
    silent_until: Instant,
    reader: Reader,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    ending: CancellationToken,
    /// From when a piece was handed over until the next is asked for.
    untaken: Option<Waits>,
}

impl Events {
    /// The next piece; `None` at the end.
    async fn next(&mut self) -> Option<String> {
        let piece = self.find().await?;
        self.silent_until = Instant::now() + AT_LEAST_EVERY;
        Some(piece)
    }

    async fn find(&mut self) -> Option<String> {
        loop {
            // Whose key was taken away reads no further.
            if !self.reader.may_still(&self.snapshots.borrow_and_update()) {
                return None;
            }
            let mut piece = String::new();
            while let Some(change) = self.waiting.pop_front() {
                if self.filter.fits(&change.message) {
                    piece += change.event();
                    self.told = change.number;
                }
                if piece.len() >= PIECE {
                    return Some(piece);
                }
            }
            if !piece.is_empty() {
                return Some(piece);
            }
            if self.position - self.told >= PASSED_OVER {
                return Some(self.position_alone());
            }
            if self.ending.is_cancelled() || self.place.place.is_revoked() {
                return None;
            }
            // A store that can't be read ends the stream: the client comes again, and goes on where it was.
            let (changes, behind) = self.place.after(self.position).await.ok()?;
            self.waiting = changes.into();
            if behind > self.position {
                self.position = behind;
                continue;
            }
            tokio::select! {
                () = self.place.more_than(self.position) => {}
                () = tokio::time::sleep_until(self.silent_until) => return Some(self.position_alone()),
                _ = self.snapshots.changed() => {}
                () = self.ending.cancelled() => return None,
            }
        }
    }

    /// No event: it shows that the stream is alive, and how far it has come.
    fn position_alone(&mut self) -> String {
        if self.told == self.position {
            return ":\n\n".into();
        }
        self.told = self.position;
        format!(":\nid: {}\n\n", self.position)
    }
}
