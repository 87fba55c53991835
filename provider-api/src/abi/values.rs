//! The values that are passed. None of these ever gets another field: what comes later goes into `ext`.

#![expect(missing_debug_implementations, reason = "they hold message texts, which must not be printed")]

use abi_stable::{
    StableAbi,
    std_types::{ROption, RResult, RStr, RString, RVec, Tuple2},
};

/// What a call across the boundary comes to.
pub type FfiResult<T> = RResult<T, FfiError>;

/// A message to submit.
#[repr(C)]
#[derive(StableAbi, Clone)]
pub struct FfiMessage {
    /// The host's id.
    pub id: RString,
    /// Whom it is for.
    pub to: RString,
    /// The sender that the recipient is to see.
    pub from: ROption<RString>,
    /// The text; may be empty where there is `data`.
    pub text: RString,
    /// Title of a push notification.
    pub title: ROption<RString>,
    /// The application's own word for its kind.
    pub tag: ROption<RString>,
    /// Data of a push notification, JSON.
    pub data: ROption<RString>,
    /// Worth nothing from then on: milliseconds since 1970, UTC.
    pub expires_at_ms: i64,
    /// Which submission of this message it is, from 1.
    pub attempt: u32,
    /// JSON object or empty; members that one does not know are left alone.
    pub ext: RString,
}

/// The provider took the message.
#[repr(C)]
#[derive(StableAbi, Clone)]
pub struct FfiAccepted {
    /// The service's ids of the parts, in order; may be empty.
    pub ids: RVec<RString>,
    /// Number of parts.
    pub parts: u32,
    /// The service's own code.
    pub code: ROption<RString>,
    /// The service's own words.
    pub detail: ROption<RString>,
    /// JSON object or empty.
    pub ext: RString,
}

/// A call that did not do what it was asked.
#[repr(C)]
#[derive(StableAbi, Clone)]
pub struct FfiError {
    /// [`Verdict::code`](crate::Verdict::code).
    pub verdict: u32,
    /// The service's own code.
    pub code: ROption<RString>,
    /// What happened, for people.
    pub detail: RString,
    /// How long the service asks to wait, in milliseconds.
    pub after_ms: ROption<u64>,
    /// The service's ids of parts that went out all the same.
    pub ids: RVec<RString>,
    /// JSON object or empty.
    pub ext: RString,
}

/// A receipt or an inbound message, for the host to store; or how the link with the service is.
#[repr(C)]
#[derive(StableAbi, Clone)]
pub struct FfiEvent {
    /// [`EventKind`].
    pub kind: u32,
    /// Receipt: the id that the service gave to the part.
    pub provider_id: RString,
    /// Receipt: [`ReceiptCode`].
    pub status: u32,
    /// Inbound: who sent it.
    pub from: RString,
    /// Inbound: to which number.
    pub to: RString,
    /// Inbound: the text.
    pub text: RString,
    /// The service's own code.
    pub code: ROption<RString>,
    /// The service's own words. Link: why there is none; `RNone` says that there is one.
    pub detail: ROption<RString>,
    /// JSON object or empty. Receipt: `spellings`, an array of strings, is how the service may have spelled the id when it took the part.
    pub ext: RString,
}

/// What an [`FfiEvent`] is; a number that one does not know is an event to refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventKind;

impl EventKind {
    /// A delivery receipt.
    pub const RECEIPT: u32 = 1;
    /// An inbound message.
    pub const INBOUND: u32 = 2;
    /// Not to be stored: whether the service can be reached now.
    pub const LINK: u32 = 3;
}

/// What a receipt says; a number that one does not know means that the part is still on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiptCode;

impl ReceiptCode {
    /// It arrived.
    pub const DELIVERED: u32 = 1;
    /// It will not arrive.
    pub const UNDELIVERED: u32 = 2;
    /// Still on its way.
    pub const PENDING: u32 = 3;
}

/// A request that the service posted to the host's receipt address.
#[repr(C)]
#[derive(StableAbi, Clone)]
pub struct FfiReceiptRequest {
    /// The HTTP method.
    pub method: RString,
    /// The query string, without the question mark.
    pub query: RString,
    /// Header names in lower case, with their values.
    pub headers: RVec<Tuple2<RString, RString>>,
    /// The body.
    pub body: RVec<u8>,
    /// JSON object or empty.
    pub ext: RString,
}

/// One `tracing` event of the plugin.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct FfiLog<'a> {
    /// 1 error, 2 warn, 3 info, 4 debug, 5 trace.
    pub level: u8,
    /// The event's target.
    pub target: RStr<'a>,
    /// The event's message.
    pub message: RStr<'a>,
    /// The event's other fields, a JSON object.
    pub fields: RStr<'a>,
    /// The host's id of the message that was being submitted; empty if none was.
    pub message_id: RStr<'a>,
    /// The source file, or empty.
    pub file: RStr<'a>,
    /// The line in it, or 0.
    pub line: u32,
    /// JSON object or empty.
    pub ext: RStr<'a>,
}
