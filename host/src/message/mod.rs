//! The words of the domain: what a message is, which states it has, what an attempt can come to.
//!
//! Everything else may use this; it uses nothing.

mod id;
mod json;
mod masked;
mod past;
mod progress;
mod receipt;
mod record;
mod state;
mod time;

pub use id::{InvalidId, MessageId, MessageIds};
pub use json::{Shown, as_json};
pub use masked::{Recipient, Text, WebhookUrl};
pub use progress::{Progress, Tried};
pub use receipt::{PartReceipt, Receipt, delivery_state};
pub use record::{Attempt, Content, Event, Message, NewMessage, Validity};
pub use state::{Outcome, OutcomeKind, Priority, ReceiptStatus, State};
pub use time::{Clock, Timestamp};
