//! An author's [`Provider`] as the host calls it.

use super::{
    context::{Context, log_panic},
    guard::{Guarded, Panicked, drop_guarded, guarded},
    log::SUBMITTED,
    message::{Message, SubmitError},
    provider::{Provider, ReceiptRequest},
};
use crate::abi::{FfiAccepted, FfiEvent, FfiMessage, FfiReceiptRequest, FfiResult, RawProvider};
use abi_stable::std_types::{RErr, ROk, ROption, RString, RVec};
use async_ffi::{FfiFuture, FutureExt as _};
use std::{future::Future, sync::Arc, time::Duration};
use tokio::{sync::Mutex, task::JoinHandle};
use tracing::instrument::WithSubscriber as _;

/// What a submit may take beyond the provider's own account, before the SDK ends it: less than what the host adds
/// (5 s), so that the provider's side is the one that speaks.
const SUBMIT_GRACE: Duration = Duration::from_secs(2);

pub(crate) struct Adapter<P: Provider> {
    held: Arc<Held<P>>,
    context: Context,
    total_timeout: Option<Duration>,
    /// Held by the call of `figures` that is going on: one that blocks keeps a worker, and those after it must not take the others.
    counting: Arc<Mutex<()>>,
}

/// The author's value: its drop is guarded, wherever the last reference goes.
struct Held<P: Provider> {
    provider: Option<P>,
    context: Context,
}

impl<P: Provider> Held<P> {
    fn provider(&self) -> &P {
        self.provider.as_ref().expect("taken by drop alone")
    }
}

impl<P: Provider> Drop for Held<P> {
    fn drop(&mut self) {
        let provider = self.provider.take();
        self.context.enter(|| {
            if let Some(panicked) = drop_guarded(provider) {
                log_panic("when it was dropped", &panicked);
            }
        });
    }
}

/// A task on the library's runtime that ends when nobody waits for it any more.
struct Cancelling<T>(JoinHandle<T>);

impl<T> Drop for Cancelling<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn panic_error(doing: &str, panicked: &Panicked) -> SubmitError {
    log_panic(doing, panicked);
    SubmitError::uncertain(format!("the provider panicked {doing}, at {}", panicked.place))
}

impl<P: Provider> Adapter<P> {
    pub(crate) fn new(provider: P, context: Context) -> Self {
        let held = Arc::new(Held { provider: Some(provider), context: context.clone() });
        let total_timeout = context.enter(|| match guarded(|| held.provider().total_timeout()) {
            Ok(total_timeout) => total_timeout,
            Err(panicked) => {
                log_panic("in total_timeout", &panicked);
                None
            }
        });
        Self { held, context, total_timeout, counting: Arc::default() }
    }

    /// Runs a call on the library's own runtime: polled by the host it would find no reactor, and a provider that blocks would
    /// block the host. `message` is the host's id of the one that it is about, or empty.
    fn run<T, F>(
        &self,
        doing: &'static str,
        message: String,
        limit: Option<Duration>,
        call: F,
    ) -> FfiFuture<FfiResult<T>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, SubmitError>> + Send + 'static,
    {
        // Boxed before it is part of anything: what is spawned stays small.
        let call = Guarded::new(call);
        let guarded_call = async move {
            let ended = match limit {
                None => call.await,
                Some(limit) => match tokio::time::timeout(limit, call).await {
                    Ok(ended) => ended,
                    Err(_) => {
                        let detail = format!("the provider did not end after {} s", limit.as_secs_f32());
                        return Err(SubmitError::uncertain(detail));
                    }
                },
            };
            ended.unwrap_or_else(|panicked| Err(panic_error(doing, &panicked)))
        };
        let task = SUBMITTED.scope(message, guarded_call).with_subscriber(self.context.dispatch().clone());
        let mut task = Cancelling(self.context.runtime().spawn(task));
        async move {
            match (&mut task.0).await {
                Ok(Ok(value)) => ROk(value),
                Ok(Err(error)) => RErr(error.into()),
                Err(_) => RErr(SubmitError::uncertain("the provider's runtime was stopped").into()),
            }
        }
        .into_ffi()
    }

    #[cfg_attr(feature = "minor-0", allow(dead_code, reason = "asked for from minor version 1 on"))]
    fn figures_as_json(&self) -> FfiFuture<FfiResult<RString>> {
        let (held, turn) = (Arc::clone(&self.held), Arc::clone(&self.counting));
        self.run("in figures", String::new(), None, async move {
            let _turn = turn.lock().await;
            let json = serde_json::to_string(&held.provider().figures());
            json.map(RString::from).map_err(|error| SubmitError::rejected(error.to_string()))
        })
    }
}

impl<P: Provider> RawProvider for Adapter<P> {
    fn start(&self) -> FfiFuture<FfiResult<()>> {
        let held = Arc::clone(&self.held);
        self.run("in start", String::new(), None, async move { held.provider().start().await })
    }

    fn submit(&self, message: FfiMessage) -> FfiFuture<FfiResult<FfiAccepted>> {
        let held = Arc::clone(&self.held);
        let id = message.id.to_string();
        let limit = self.total_timeout.map(|total| total.saturating_add(SUBMIT_GRACE));
        self.run("in submit", id, limit, async move {
            held.provider().submit(Message::from(message)).await.map(FfiAccepted::from)
        })
    }

    fn probe(&self) -> FfiFuture<FfiResult<RString>> {
        let held = Arc::clone(&self.held);
        self.run(
            "in probe",
            String::new(),
            None,
            async move { held.provider().probe().await.map(RString::from) },
        )
    }

    fn parse_receipt(&self, request: FfiReceiptRequest) -> FfiResult<RVec<FfiEvent>> {
        self.context.enter(|| {
            let request = ReceiptRequest::from(request);
            match guarded(|| self.held.provider().parse_receipt(request)) {
                Ok(Ok(events)) => ROk(events.into_iter().map(FfiEvent::from).collect()),
                Ok(Err(error)) => RErr(error.into()),
                Err(panicked) => RErr(panic_error("in parse_receipt", &panicked).into()),
            }
        })
    }

    fn total_timeout(&self) -> ROption<u64> {
        self.total_timeout.map(|total| u64::try_from(total.as_millis()).unwrap_or(u64::MAX)).into()
    }

    #[cfg(any(not(feature = "minor-0"), feature = "next-minor"))]
    fn figures(&self) -> FfiFuture<FfiResult<RString>> {
        self.figures_as_json()
    }

    fn stop(&self) -> FfiFuture<()> {
        let held = Arc::clone(&self.held);
        self.context.stop();
        let stopped = self.run("in stop", String::new(), None, async move {
            held.provider().stop().await;
            Ok(())
        });
        async move { drop(stopped.await) }.into_ffi()
    }
}

impl<P: Provider> Drop for Adapter<P> {
    fn drop(&mut self) {
        self.context.stop();
    }
}
