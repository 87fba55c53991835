//! What the host does for one instance of a plugin: its log, and the sink for what the service sends.

use super::{
    link::Link,
    redaction::Redaction,
    sink::{ServiceEvent, Sink},
};
use crate::message::MessageId;
use abi_stable::{
    erased_types::TD_Opaque,
    std_types::{RArc, RErr, RNone, RString, RVec},
};
use async_ffi::{FfiFuture, FutureExt as _};
use futures_util::FutureExt as _;
use gatepost_provider_api::{
    Verdict,
    abi::{EventKind, FfiError, FfiEvent, FfiLog, FfiResult, HostApi, HostApi_TO, HostApiBox},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};
use tracing::{Dispatch, Level, dispatcher, instrument::WithSubscriber as _, level_filters::LevelFilter};

/// The host, as one instance sees it. Belongs to the instance, never to a static: two hosts can run in one process.
#[derive(Clone)]
pub(super) struct Host {
    pub(super) provider: Arc<str>,
    pub(super) gateway: Arc<str>,
    pub(super) redaction: Arc<Redaction>,
    /// Where its events go; `None` where the instance is only looked at.
    pub(super) sink: Option<Arc<dyn Sink>>,
    /// What the provider says of its link.
    pub(super) link: Arc<Link>,
    /// Where the host that built the instance logs.
    pub(super) log: Dispatch,
}

impl Host {
    pub(super) fn into_box(self) -> HostApiBox {
        HostApi_TO::from_ptr(RArc::new(self), TD_Opaque)
    }

    fn forward(&self, record: &FfiLog<'_>) {
        macro_rules! forward {
            ($level:expr) => {
                if tracing::enabled!(target: "provider", $level) {
                    let id = record.message_id.as_str().parse::<MessageId>().ok();
                    let message = self.redaction.clean(record.message.as_str(), id);
                    let fields = self.redaction.clean(record.fields.as_str(), id);
                    let fields = (!fields.is_empty()).then_some(fields);
                    let id = id.map(tracing::field::display);
                    tracing::event!(
                        target: "provider",
                        $level,
                        provider = &*self.provider,
                        gateway = &*self.gateway,
                        id,
                        source = record.target.as_str(),
                        fields,
                        "{message}"
                    );
                }
            };
        }
        match record.level {
            0 | 1 => forward!(Level::ERROR),
            2 => forward!(Level::WARN),
            3 => forward!(Level::INFO),
            4 => forward!(Level::DEBUG),
            _ => forward!(Level::TRACE),
        }
    }
}

/// Nothing may unwind into the plugin.
fn guarded<T>(call: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(call)).ok()
}

impl HostApi for Host {
    fn max_level(&self) -> u8 {
        let level = guarded(LevelFilter::current).and_then(LevelFilter::into_level);
        match level {
            None => 0,
            Some(Level::ERROR) => 1,
            Some(Level::WARN) => 2,
            Some(Level::INFO) => 3,
            Some(Level::DEBUG) => 4,
            Some(Level::TRACE) => 5,
        }
    }

    fn log(&self, record: FfiLog<'_>) {
        guarded(|| dispatcher::with_default(&self.log, || self.forward(&record))).unwrap_or_default();
    }

    fn deliver(&self, event: FfiEvent) -> FfiFuture<FfiResult<()>> {
        let this = self.clone();
        let log = self.log.clone();
        let stored = async move {
            if event.kind == EventKind::LINK {
                let trouble = event.detail.into_option().map(|why| this.redaction.clean(&why, None));
                this.link.is(trouble.map_or(Ok(()), Err));
                return Ok(());
            }
            let event =
                ServiceEvent::of(event, &this.redaction).map_err(|what| refusal(Verdict::Rejected, &what))?;
            let no_host = || refusal(Verdict::Unavailable, "no host runs that could store it");
            let sink = this.sink.as_ref().ok_or_else(no_host)?;
            let stored = sink.deliver(&this.gateway, event).await;
            stored.map_err(|error| refusal(Verdict::Unavailable, &error.to_string()))
        };
        async move {
            match AssertUnwindSafe(stored.with_subscriber(log)).catch_unwind().await {
                Ok(result) => result.into(),
                Err(_) => RErr(refusal(Verdict::Unavailable, "the host could not store it")),
            }
        }
        .into_ffi()
    }
}

fn refusal(verdict: Verdict, detail: &str) -> FfiError {
    FfiError {
        verdict: verdict.code(),
        code: RNone,
        detail: detail.into(),
        after_ms: RNone,
        ids: RVec::new(),
        ext: RString::new(),
    }
}
