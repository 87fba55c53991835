//! What a provider hands over on its own: delivery receipts, and messages that somebody sent to one of the service's numbers.

use super::{crossing::id_as_kept, redaction::Redaction};
use crate::message::{ReceiptStatus, Recipient, Text};
use futures_util::future::BoxFuture;
use gatepost_provider_api::abi::{EventKind, FfiEvent, ReceiptCode};
use serde_json::Value;

/// The longest inbound text in bytes: far more than the parts of an SMS make.
const LONGEST_TEXT: usize = 1 << 18;

/// The spellings of an id that are looked at.
const MOST_SPELLINGS: usize = 128;

/// What a service says of a message, or sends on its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceEvent {
    /// A delivery receipt. `code` and `detail` are free of secrets and texts.
    Receipt {
        /// The id that the service gave to the part.
        provider_id: String,
        /// How it may have spelled it when it took the part.
        spellings: Vec<String>,
        /// What became of the part.
        status: ReceiptStatus,
        /// The service's own code.
        code: Option<String>,
        /// The service's own words.
        detail: Option<String>,
    },
    /// An inbound message.
    Inbound {
        /// Who sent it.
        from: Recipient,
        /// To which number.
        to: Recipient,
        /// What it says.
        text: Text,
    },
}

/// An event was not stored: the service is to send it again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotStored(pub String);

/// Where the events of all gateways go.
pub trait Sink: Send + Sync + 'static {
    /// Stores an event; resolves when it is on disk. May be polled on any thread, within any runtime or none.
    ///
    /// # Errors
    /// It is not stored.
    fn deliver(&self, gateway: &str, event: ServiceEvent) -> BoxFuture<'static, Result<(), NotStored>>;
}

impl ServiceEvent {
    /// The event as it crossed the boundary.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn of(event: FfiEvent, redaction: &Redaction) -> Result<Self, String> {
        let said = |words: Option<abi_stable::std_types::RString>| {
            words.filter(|words| !words.is_empty()).map(|words| redaction.clean(&words, None))
        };
        match event.kind {
            EventKind::RECEIPT if event.provider_id.is_empty() => Err("the receipt names no id".into()),
            EventKind::RECEIPT => Ok(Self::Receipt {
                provider_id: id_as_kept(&event.provider_id),
                spellings: spellings(&event.ext),
                status: match event.status {
                    ReceiptCode::DELIVERED => ReceiptStatus::Delivered,
                    ReceiptCode::UNDELIVERED => ReceiptStatus::Undelivered,
                    _ => ReceiptStatus::Pending,
                },
                code: said(event.code.into_option()),
                detail: said(event.detail.into_option()),
            }),
            EventKind::INBOUND if event.text.len() > LONGEST_TEXT => {
                Err(format!("the text is longer than {LONGEST_TEXT} bytes"))
            }
            EventKind::INBOUND => Ok(Self::Inbound {
                from: Recipient::new(event.from.as_str()),
                to: Recipient::new(event.to.as_str()),
                text: Text::new(event.text.as_str()),
            }),
            kind => Err(format!("an event of kind {kind} is not known to this version of the host")),
        }
    }
}

/// Members that are not known here, and values that make no sense, are left alone.
fn spellings(ext: &str) -> Vec<String> {
    let ext = serde_json::from_str::<Value>(ext).unwrap_or_default();
    let spellings = ext.get("spellings").and_then(Value::as_array).into_iter().flatten();
    spellings.filter_map(Value::as_str).take(MOST_SPELLINGS).map(id_as_kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_are_bounded_and_what_makes_no_sense_is_left_alone() {
        for nothing in ["", "nonsense", "[]", "{}", r#"{"spellings": "a"}"#, r#"{"spellings": {"a": 1}}"#] {
            assert!(spellings(nothing).is_empty(), "{nothing}");
        }
        assert_eq!(spellings(r#"{"later": 1, "spellings": ["a", 1, "b"]}"#), ["a", "b"]);
        let many = serde_json::json!({ "spellings": vec!["a".repeat(10_000); 1000] }).to_string();
        assert_eq!(spellings(&many).len(), MOST_SPELLINGS);
        assert_eq!(spellings(&many)[0], id_as_kept(&"a".repeat(10_000)));
    }
}
