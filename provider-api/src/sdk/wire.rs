//! Between the author's types and those that cross the boundary.

use super::message::{Accepted, Event, Message, ReceiptStatus, SubmitError};
use super::provider::ReceiptRequest;
use crate::Verdict;
use crate::abi::{EventKind, FfiAccepted, FfiError, FfiEvent, FfiMessage, FfiReceiptRequest, ReceiptCode};
use abi_stable::std_types::{ROption, RString};
use std::time::{Duration, UNIX_EPOCH};

fn text(value: ROption<RString>) -> Option<String> {
    value.into_option().map(RString::into_string)
}

fn shared(value: Option<String>) -> ROption<RString> {
    value.map(RString::from).into()
}

impl From<FfiMessage> for Message {
    fn from(message: FfiMessage) -> Self {
        let expires = Duration::from_millis(u64::try_from(message.expires_at_ms).unwrap_or(0));
        Self {
            id: message.id.into_string(),
            to: message.to.into_string(),
            from: text(message.from),
            text: message.text.into_string(),
            title: text(message.title),
            tag: text(message.tag),
            data: text(message.data),
            expires_at: UNIX_EPOCH.checked_add(expires).unwrap_or(UNIX_EPOCH),
            attempt: message.attempt,
        }
    }
}

impl From<Accepted> for FfiAccepted {
    fn from(accepted: Accepted) -> Self {
        Self {
            ids: accepted.ids.into_iter().map(RString::from).collect(),
            parts: accepted.parts,
            code: shared(accepted.code),
            detail: shared(accepted.detail),
            ext: RString::new(),
        }
    }
}

impl From<SubmitError> for FfiError {
    fn from(error: SubmitError) -> Self {
        Self {
            verdict: error.verdict.code(),
            code: shared(error.code),
            detail: error.detail.into(),
            after_ms: error.after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX)).into(),
            ids: error.ids.into_iter().map(RString::from).collect(),
            ext: RString::new(),
        }
    }
}

impl From<FfiError> for SubmitError {
    fn from(error: FfiError) -> Self {
        Self {
            verdict: Verdict::from_code(error.verdict),
            code: text(error.code),
            detail: error.detail.into_string(),
            after: error.after_ms.into_option().map(Duration::from_millis),
            ids: error.ids.into_iter().map(RString::into_string).collect(),
        }
    }
}

impl From<FfiReceiptRequest> for ReceiptRequest {
    fn from(request: FfiReceiptRequest) -> Self {
        Self {
            method: request.method.into_string(),
            query: request.query.into_string(),
            headers: request
                .headers
                .into_iter()
                .map(|header| (header.0.into_string(), header.1.into_string()))
                .collect(),
            body: request.body.into_vec(),
        }
    }
}

fn empty(kind: u32) -> FfiEvent {
    FfiEvent {
        kind,
        provider_id: RString::new(),
        status: 0,
        from: RString::new(),
        to: RString::new(),
        text: RString::new(),
        code: ROption::RNone,
        detail: ROption::RNone,
        ext: RString::new(),
    }
}

/// How the link with the service is.
pub(crate) fn link(link: Result<(), &str>) -> FfiEvent {
    let detail = link.err().map(RString::from).into();
    FfiEvent { detail, ..empty(EventKind::LINK) }
}

impl From<Event> for FfiEvent {
    fn from(event: Event) -> Self {
        match event {
            Event::Receipt(receipt) => Self {
                provider_id: receipt.provider_id.into(),
                status: match receipt.status {
                    ReceiptStatus::Delivered => ReceiptCode::DELIVERED,
                    ReceiptStatus::Undelivered => ReceiptCode::UNDELIVERED,
                    ReceiptStatus::Pending => ReceiptCode::PENDING,
                },
                code: shared(receipt.code),
                detail: shared(receipt.detail),
                ext: match receipt.spellings.as_slice() {
                    [] => RString::new(),
                    spellings => serde_json::json!({ "spellings": spellings }).to_string().into(),
                },
                ..empty(EventKind::RECEIPT)
            },
            Event::Inbound(inbound) => Self {
                from: inbound.from.into(),
                to: inbound.to.into(),
                text: inbound.text.into(),
                ..empty(EventKind::INBOUND)
            },
        }
    }
}
