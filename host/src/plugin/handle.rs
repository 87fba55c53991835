//! What the rest of the host sees of a provider: an instance that takes messages.

use super::sink::ServiceEvent;
use crate::{
    message::{Content, MessageId, Outcome, Recipient, Timestamp},
    telemetry::series::Series,
};
use futures_util::{FutureExt as _, future::BoxFuture};
use std::{fmt, sync::Arc, time::Duration};

/// A message as it is handed to a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The message's id.
    pub id: MessageId,
    /// Whom it is for.
    pub to: Recipient,
    /// The sender that the recipient is to see.
    pub from: Option<String>,
    /// What it carries.
    pub content: Content,
    /// The application's own word for its kind.
    pub tag: Option<String>,
    /// Never submitted at or after.
    pub expires_at: Timestamp,
    /// Which submission of this message it is, from 1.
    pub attempt: u32,
}

/// A request that the service posted to the host.
#[derive(Clone)]
pub struct ReceiptRequest {
    /// The HTTP method.
    pub method: String,
    /// The query string, without the question mark.
    pub query: String,
    /// Header names in lower case, with their values; without credentials.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Shows neither query nor body.
impl fmt::Debug for ReceiptRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiptRequest").field("method", &self.method).finish_non_exhaustive()
    }
}

/// One gateway's instance of a provider: in this process, later also in a child's.
pub trait Handle: Send + Sync + 'static {
    /// Hands the message over. Never panics, never fails: whatever happens is an [`Outcome`], already
    /// free of the message's text and of secrets.
    ///
    /// # Cancellation
    /// Dropping the future cancels the submit: the message may have gone out.
    fn submit(&self, submission: Submission) -> BoxFuture<'static, Outcome>;

    /// The longest that a submit takes by the provider's own account.
    fn total_timeout(&self) -> Option<Duration>;

    /// Lets the provider bind and fill its pools. Delivery does not wait for it.
    fn start(&self) -> BoxFuture<'static, ()>;

    /// Why the service can't be reached now, by the provider's own account, free of secrets. `None`: it can, or nothing is known of it.
    fn trouble(&self) -> Option<String> {
        None
    }

    /// Contacts the service without sending a message: one line for people, already free of secrets. Fails as a submit would.
    ///
    /// # Cancellation
    /// Dropping the future ends it. It has no time limit of its own.
    fn probe(&self) -> BoxFuture<'static, Result<String, Outcome>>;

    /// Whether the provider reads receipts that its service posts.
    fn parses_receipts(&self) -> bool;

    /// The receipts in a request that the service posted.
    ///
    /// # Errors
    /// There are none in it: `misconfigured` if the gateway's definition does not say how they are read, else `rejected`.
    fn parse_receipts(
        &self,
        request: ReceiptRequest,
    ) -> BoxFuture<'static, Result<Vec<ServiceEvent>, Outcome>>;

    /// What the provider counts and measures, within a second, checked and free of secrets. Never fails: what can't be shown is left out, by
    /// default everything.
    fn figures(&self) -> BoxFuture<'static, Vec<Series>> {
        std::future::ready(Vec::new()).boxed()
    }

    /// Lets the provider end its connections. No submit follows.
    fn stop(self: Arc<Self>) -> BoxFuture<'static, ()>;
}
