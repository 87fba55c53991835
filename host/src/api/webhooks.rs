//! What the host tells applications, for the OpenAPI document. `delivery/webhooks` does the telling.

use crate::{
    delivery::webhooks::{MessageChanged, MessageInbound},
    message::State,
};
use serde_json::{Value, json};
use utoipa::{
    ToSchema,
    openapi::Required,
    openapi::{
        Content, HttpMethod, ObjectBuilder, OpenApi, PathItem, PathsBuilder, Ref, RefOr, ResponseBuilder,
        Schema, Type,
        path::{Operation, OperationBuilder, ParameterBuilder, ParameterIn},
        request_body::RequestBodyBuilder,
    },
};

/// The changes that are told.
const TOLD: [(State, &str); 5] = [
    (State::Sent, "A service took the message"),
    (State::Delivered, "A receipt says that the message arrived"),
    (State::Undelivered, "A receipt says that the message will not arrive"),
    (State::Failed, "No gateway took the message"),
    (State::Expired, "The message's time passed before a gateway took it"),
];

const HOW: &str = "Any 2xx within 15 seconds takes it. Otherwise it is tried again for 24 hours, with growing pauses, or as late as \
                   `Retry-After` says; 410 ends that. It may come twice: always with the same `webhook-id`. Redirects are not followed.";

/// Adds the webhooks to the document.
pub(super) fn describe(document: &mut OpenApi) {
    let mut webhooks = PathsBuilder::new();
    for (state, summary) in TOLD {
        let operation = operation::<MessageChanged<'_>>(
            &format!("message.{state}"),
            summary,
            "to the message's `callback_url`, or its API key's",
        );
        webhooks = webhooks.path(format!("message.{state}"), PathItem::new(HttpMethod::Post, operation));
    }
    let inbound = operation::<MessageInbound>("message.inbound", "A message came in", "to `[inbound] url`");
    document.webhooks =
        Some(webhooks.path("message.inbound", PathItem::new(HttpMethod::Post, inbound)).build());
    let mut schemas = vec![schema::<MessageChanged<'_>>(), schema::<MessageInbound>()];
    MessageChanged::schemas(&mut schemas);
    MessageInbound::schemas(&mut schemas);
    document.components.get_or_insert_default().schemas.extend(schemas);
}

fn schema<T: ToSchema>() -> (String, RefOr<Schema>) {
    (T::name().into_owned(), T::schema())
}

fn operation<T: ToSchema>(kind: &str, summary: &str, to: &str) -> Operation {
    let content =
        Content::builder().schema(Some(Ref::from_schema_name(T::name()))).example(Some(example(kind)));
    let body = RequestBodyBuilder::new()
        .content("application/json", content.build())
        .required(Some(Required::True))
        .build();
    let operation_id = kind.split('.').map(capitalised).collect::<String>();
    OperationBuilder::new()
        .tag("webhooks")
        .operation_id(Some(format!("tell{operation_id}")))
        .summary(Some(summary))
        .description(Some(format!("Posted {to}. {HOW}")))
        .security(utoipa::openapi::SecurityRequirement::default())
        .parameter(header(
            "webhook-id",
            "The same for every attempt to tell the same",
            "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
        ))
        .parameter(header(
            "webhook-timestamp",
            "When this attempt was made: seconds since 1970",
            "1767268800",
        ))
        .parameter(header(
            "webhook-signature",
            "`v1,` and the base64 of HMAC-SHA-256 over id, timestamp and body, with dots between",
            "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
        ))
        .request_body(Some(body))
        .response("2XX", ResponseBuilder::new().description("It was taken"))
        .response("410", ResponseBuilder::new().description("It is not wanted: no further attempt"))
        .response("default", ResponseBuilder::new().description("Not taken: it comes again"))
        .build()
}

fn header(name: &str, description: &str, example: &str) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .example(Some(example.into()))
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn example(kind: &str) -> Value {
    let data = if kind == "message.inbound" {
        json!({
            "gateway": "smsc", "from": "+491701234567", "to": "+49891234", "text": "STOP", "received_at": "2026-01-01T12:00:00.000Z"
        })
    } else {
        let state = kind.rsplit('.').next();
        json!({
            "id": "019b7992-6800-7c4e-a9d1-5b0f8e7a3c21", "state": state, "reason": (state == Some("failed")).then_some("rejected"),
            "to": "+491701234567", "from": null, "gateway": "clickatell", "route": null, "tag": "login", "priority": "high",
            "parts": 1, "provider_ids": ["abc"], "created_at": "2026-01-01T12:00:00.000Z",
            "updated_at": "2026-01-01T12:00:01.000Z", "expires_at": "2026-01-01T12:10:00.000Z", "attempts": [],
            "events": [
                { "at": "2026-01-01T12:00:00.000Z", "state": "queued" }, { "at": "2026-01-01T12:00:01.000Z", "state": state }
            ],
            "receipts": []
        })
    };
    json!({ "type": kind, "timestamp": "2026-01-01T12:00:01.000Z", "data": data })
}
