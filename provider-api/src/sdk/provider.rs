//! The trait that a provider's author implements.

use super::{
    Context,
    message::{Accepted, Event, Message, SubmitError},
};
use crate::{Declaration, Definition, Figure, Problem};
use std::{future::Future, time::Duration};

/// A provider: hands messages to one service.
///
/// One value is one gateway definition. It lives from `create` to `stop`, shared by all submits that run at once.
/// All calls but [`create`](Provider::create) run on this library's own tokio runtime.
pub trait Provider: Sized + Send + Sync + 'static {
    /// The name that gateway definitions use: `[a-z0-9][a-z0-9-]*`.
    const NAME: &'static str;

    /// What a gateway definition of this provider may say. The configuration check, the documentation and the API's schema
    /// are derived from it.
    fn declaration() -> Declaration;

    /// Builds the provider from a definition that was checked against [`declaration`](Provider::declaration). No network, nothing
    /// that waits: `gatepost check` and every reload build each gateway. Runs on a thread that may block for a moment,
    /// inside the library's runtime.
    ///
    /// # Errors
    /// All that is wrong with the definition beyond what the declaration can say, at once.
    fn create(definition: Definition, context: Context) -> Result<Self, Vec<Problem>>;

    /// Binds, fills pools. Called once before the first submit, which does not wait for it.
    ///
    /// # Errors
    /// What went wrong; the host logs it and submits all the same.
    fn start(&self) -> impl Future<Output = Result<(), SubmitError>> + Send {
        std::future::ready(Ok(()))
    }

    /// Hands one message to the service.
    ///
    /// # Errors
    /// A verdict with the service's own code and words. Be exact: `unavailable` and `rejected` promise
    /// that nothing was sent.
    ///
    /// # Cancellation
    /// Dropped when the host's time limit passes or the host stops.
    fn submit(&self, message: Message) -> impl Future<Output = Result<Accepted, SubmitError>> + Send;

    /// Contacts the service without sending a message: is it there, does it take the credentials?
    /// `Ok` holds one line for people.
    ///
    /// # Errors
    /// The verdict that a submit would get.
    fn probe(&self) -> impl Future<Output = Result<String, SubmitError>> + Send {
        std::future::ready(Ok("this provider has no probe".into()))
    }

    /// Reads the receipts in a request that the service posted to the host. Declare it with
    /// [`Declaration::parse_receipts`].
    ///
    /// # Errors
    /// Why the request holds none: `rejected`; `misconfigured` where this definition does not say how receipts are read.
    fn parse_receipt(&self, request: ReceiptRequest) -> Result<Vec<Event>, SubmitError> {
        drop(request);
        Err(SubmitError::misconfigured("this provider parses no receipts"))
    }

    /// The longest that a submit takes, as the definition has it. The host cancels a submit 5 s later; the SDK ends it as
    /// `uncertain` 2 s later, should the provider not have done so. `None`: the host's own limit alone.
    fn total_timeout(&self) -> Option<Duration> {
        None
    }

    /// What this provider counts and measures, for the host's `/metrics`; see [`Figure`]. Called at each scrape, one call at a time: a look at
    /// what is known. After a second the host goes on without it.
    fn figures(&self) -> Vec<Figure> {
        Vec::new()
    }

    /// Ends connections in an orderly way. No submit follows.
    fn stop(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// A request that the service posted to the host's receipt address.
#[derive(Clone)]
#[non_exhaustive]
pub struct ReceiptRequest {
    /// `GET` or `POST`.
    pub method: String,
    /// The query string, without the question mark.
    pub query: String,
    /// Header names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl ReceiptRequest {
    /// A `POST` with a body: for tests of a provider.
    pub fn post(content_type: &str, body: &str) -> Self {
        Self {
            method: "POST".into(),
            query: String::new(),
            headers: vec![("content-type".into(), content_type.into())],
            body: body.into(),
        }
    }
}

/// Shows neither query nor body: they may hold secrets.
impl std::fmt::Debug for ReceiptRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReceiptRequest").field("method", &self.method).finish_non_exhaustive()
    }
}
