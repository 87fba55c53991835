//! Every kind of problem: the one table that answers and the OpenAPI document are made from.

use axum::http::StatusCode;

/// A kind of problem.
#[derive(Clone, Copy, Debug)]
pub(in crate::api) struct Kind {
    pub(super) status: StatusCode,
    /// Its `type` is `urn:gatepost:problem:` and this.
    pub(super) word: &'static str,
    pub(super) title: &'static str,
    /// What a `detail` may say.
    pub(super) example: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $status:ident $word:literal $title:literal, $example:literal;)+) => {$(
        pub(in crate::api) const $name: Kind =
            Kind { status: StatusCode::$status, word: $word, title: $title, example: $example };
    )+};
}

kinds! {
    TLS_NEEDED = BAD_REQUEST "tls-needed" "This port speaks HTTPS", "use https:// in place of http://";
    MALFORMED = BAD_REQUEST "malformed-request" "The request can't be read",
        "HTTP/1.1 needs the header Host, with the name that the host was asked for by";
    UNREADABLE_BODY = BAD_REQUEST "unreadable-body" "The body can't be read", "it is no JSON at line 1, column 7";
    UNAUTHORIZED = UNAUTHORIZED "unauthorized" "An API key is needed", "this key is not known";
    FORBIDDEN = FORBIDDEN "forbidden" "This API key may not do that", "it lacks the scope \"send\"";
    THROUGH_PROXY = FORBIDDEN "through-proxy" "This request came through a proxy",
        "it has the header x-forwarded-for, and there is no API key in the configuration: everybody whom the proxy lets through could send and read; configure a key, and have it sent along";
    NO_SUCH_RESOURCE = NOT_FOUND "no-such-resource" "There is nothing here", "GET /openapi.json says what there is";
    NO_SUCH_MESSAGE = NOT_FOUND "no-such-message" "There is no such message", "this key sees no message of this id";
    NO_SUCH_GATEWAY = NOT_FOUND "no-such-gateway" "There is no such gateway", "the configuration defines none of this name";
    NO_RECEIPTS = NOT_FOUND "no-receipts" "This gateway takes no receipts", "its provider reads none";
    NO_SUCH_PROVIDER = NOT_FOUND "no-such-provider" "There is no such provider", "GET /v1/providers lists them";
    NO_SUCH_ROUTE = NOT_FOUND "no-such-route" "No route fits",
        "no route's match holds for such a message, and there is no default route: it has to name a gateway or a route";
    NO_SUCH_METHOD = METHOD_NOT_ALLOWED "no-such-method" "This can't be done here", "the header Allow says what can";
    TOO_SLOW = REQUEST_TIMEOUT "too-slow" "The body took too long", "it has to come within 30 seconds";
    NOT_CHANGED = CONFLICT "not-changed" "The gateway is not changed",
        "/etc/gatepost/gatepost.toml:12: this gateway is defined there; move it into /etc/gatepost/gateways.d/clickatell.toml, alone";
    KEY_REUSED = CONFLICT "key-reused" "The Idempotency-Key was used before",
        "this Idempotency-Key was used for another request in the last 24 hours; use another one for another request";
    NOT_QUEUED = CONFLICT "not-queued" "The message can't be canceled",
        "it is sent: only a message that is queued can be canceled";
    TOO_LARGE = PAYLOAD_TOO_LARGE "too-large" "The body is too large", "it may have at most 1 MiB";
    URI_TOO_LONG = URI_TOO_LONG "uri-too-long" "The address is too long", "it may have at most 8192 bytes";
    UNSUPPORTED_MEDIA_TYPE = UNSUPPORTED_MEDIA_TYPE "unsupported-media-type" "The body must be JSON",
        "send it with `Content-Type: application/json`";
    HEAD_TOO_LARGE = REQUEST_HEADER_FIELDS_TOO_LARGE "head-too-large" "The head of the request is too large",
        "it may have at most 65536 bytes";
    WRONG_HOST = MISDIRECTED_REQUEST "wrong-host" "This host has another name",
        "without API keys in the configuration, requests must be for localhost, 127.0.0.1 or [::1] by their Host header";
    INVALID_FIELDS = UNPROCESSABLE_ENTITY "invalid-fields" "The request has invalid fields",
        "/to: must be a string, not a number: put it in quotes, else leading zeros and the + get lost";
    INVALID_PARAMETER = UNPROCESSABLE_ENTITY "invalid-parameter" "The request has an invalid parameter",
        "wait: must be whole seconds, at most 60";
    CONFIGURATION_REFUSED = UNPROCESSABLE_ENTITY "configuration-refused" "The configuration is refused, and the one before goes on",
        "/etc/gatepost/gatepost.toml:12: gateways.clickatell.parameters.URL: is missing; add it";
    NO_RECEIPT = UNPROCESSABLE_ENTITY "no-receipt" "The request holds no receipt", "the field \"MessageSid\" is missing";
    TOO_MANY_REQUESTS = TOO_MANY_REQUESTS "too-many-requests" "Too many requests with this API key",
        "this key's rate is used up for the moment";
    NO_METRICS = INTERNAL_SERVER_ERROR "no-metrics" "The metrics can't be written down", "the log says why";
    NOT_DELIVERED = BAD_GATEWAY "not-delivered" "The message was not delivered",
        "gateway clickatell: rejected: barred recipient";
    OVERLOADED = SERVICE_UNAVAILABLE "overloaded" "Overloaded", "too many requests at once";
    STOPPING = SERVICE_UNAVAILABLE "stopping" "The host is stopping", "send it again in a moment";
    STORE_UNAVAILABLE = SERVICE_UNAVAILABLE "store-unavailable" "The store is unavailable",
        "database or disk is full; nothing was accepted, and what was accepted before is kept";
    FILES_UNAVAILABLE = SERVICE_UNAVAILABLE "files-unavailable" "The files can't be changed",
        "/etc/gatepost/gateways.d: Read-only file system; nothing was changed";
    NOT_READY = SERVICE_UNAVAILABLE "not-ready" "Not ready", "database or disk is full; look at the disk under it";
    NOT_TAKEN = SERVICE_UNAVAILABLE "not-taken" "The receipt was not taken", "the provider gave no answer in time";
}

/// What any request may be answered with.
pub(in crate::api) const ANY: &[Kind] = &[MALFORMED, URI_TOO_LONG, HEAD_TOO_LARGE, WRONG_HOST, OVERLOADED];

/// And one that needs an API key.
pub(in crate::api) const KEYED: &[Kind] = &[UNAUTHORIZED, FORBIDDEN, THROUGH_PROXY, TOO_MANY_REQUESTS];

/// And one with a body.
pub(in crate::api) const BODY: &[Kind] = &[UNREADABLE_BODY, TOO_SLOW, TOO_LARGE];

/// And one that the store is needed for.
pub(in crate::api) const STORED: &[Kind] = &[STOPPING, STORE_UNAVAILABLE];
