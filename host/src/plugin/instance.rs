//! One gateway's instance of a provider, in this process.

use super::{
    crossing::{ffi_message, ffi_request, outcome, problems, refused},
    figures::Figures,
    handle::{Handle, ReceiptRequest, Submission},
    host_api::Host,
    library::{Library, Share},
    limit::{BLOCKING_CALL, within},
    link::Link,
    redaction::Redaction,
    sink::{ServiceEvent, Sink},
};
use crate::{
    message::{Outcome, OutcomeKind},
    telemetry::{redact::Redactor, series::Series},
};
use abi_stable::std_types::{RErr, ROk};
use futures_util::{FutureExt as _, future::BoxFuture};
use gatepost_provider_api::{Definition, Problem, Section, abi::RawProviderBox};
use std::{
    fmt,
    panic::AssertUnwindSafe,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::sync::Semaphore;

/// How long an instance may take to end its connections, and then to be dropped.
const STOP: Duration = Duration::from_secs(5);

/// How long reading a receipt may take, with the wait for a turn, and how many are read at once.
const PARSE: Duration = Duration::from_secs(10);
const PARSERS: usize = 4;

/// One gateway's instance of a provider, in this process.
pub struct Instance {
    gateway: Arc<str>,
    provider: RwLock<Option<Live>>,
    total_timeout: Option<Duration>,
    parses_receipts: bool,
    /// Turns to read receipts: the call blocks, and one that hangs must not take the host's threads one after the other.
    parsing: Arc<Semaphore>,
    figures: Arc<Figures>,
    link: Arc<Link>,
    redaction: Arc<Redaction>,
}

/// What the plugin made. The fields are dropped in their order: the library's runtime may end after its last instance.
#[derive(Clone)]
struct Live {
    provider: Arc<RawProviderBox>,
    _share: Arc<Share>,
}

impl Instance {
    /// Builds an instance from a definition, which is checked against the provider's declaration first. Returns it with warnings.
    /// `secrets` are the values that must not show up in anything the provider says; its events go to `sink`. Blocks, at most 10 s.
    ///
    /// # Errors
    /// Every problem of the definition.
    pub fn create(
        library: &Arc<Library>,
        definition: &Definition,
        secrets: &[String],
        sink: Option<Arc<dyn Sink>>,
    ) -> Result<(Arc<Self>, Vec<Problem>), Vec<Problem>> {
        let checked = Self::check(library, definition, secrets)?;
        Self::build(library, &checked, secrets, sink)
    }

    fn build(
        library: &Arc<Library>,
        definition: &Definition,
        secrets: &[String],
        sink: Option<Arc<dyn Sink>>,
    ) -> Result<(Arc<Self>, Vec<Problem>), Vec<Problem>> {
        let whole = |what: String, mend: &str| vec![Problem::new(Section::Definition, "", what, mend)];
        let json = serde_json::to_string(definition)
            .map_err(|error| whole(error.to_string(), "correct the definition"))?;
        let redaction = Arc::new(Redaction::new(secrets));
        let gateway: Arc<str> = definition.gateway.as_str().into();
        let provider: Arc<str> = library.identity.name.as_str().into();
        let link = Arc::<Link>::default();
        let host = Host {
            provider: Arc::clone(&provider),
            gateway: Arc::clone(&gateway),
            redaction: Arc::clone(&redaction),
            sink,
            link: Arc::clone(&link),
            log: tracing::dispatcher::get_default(Clone::clone),
        };
        let (creator, host) = (Arc::clone(library), host.into_box());
        let share = library.share();
        let created = within(BLOCKING_CALL, "create-provider", move || {
            let created = creator.create(json, host)?;
            let total_timeout = created.provider.total_timeout().into_option();
            Ok::<_, String>((created, total_timeout, share))
        });
        let created = created.ok_or_else(|| {
            let what = format!("the provider did not come up within {} s", BLOCKING_CALL.as_secs());
            vec![Problem::provider_fault(what, "have its author look for what blocks in `create`")]
        })?;
        let (created, total_timeout, share) = created.map_err(|json| {
            problems(&json, &redaction).unwrap_or_else(|| {
                whole("the provider refused the definition without a reason".into(), "ask its author")
            })
        })?;
        let warnings = problems(&created.warnings, &redaction).unwrap_or_default();
        let instance = Self {
            figures: Figures::new(provider, Arc::clone(&gateway), Arc::clone(&redaction)),
            gateway,
            provider: RwLock::new(Some(Live {
                provider: Arc::new(created.provider),
                _share: Arc::new(share),
            })),
            total_timeout: total_timeout.map(Duration::from_millis),
            parses_receipts: library.declaration.parses_receipts,
            parsing: Arc::new(Semaphore::new(PARSERS)),
            link,
            redaction,
        };
        Ok((Arc::new(instance), warnings))
    }

    /// Checks a definition against the provider's declaration; of one with problems, has the provider look at what is left of it, so that
    /// all of them are said at once. Returns it as the provider is to get it. Blocks, at most 10 s.
    ///
    /// # Errors
    /// Every problem, free of `secrets`.
    pub fn check(
        library: &Arc<Library>,
        definition: &Definition,
        secrets: &[String],
    ) -> Result<Definition, Vec<Problem>> {
        let (checked, mut found) = library.declaration.examine(definition);
        let redactor = Redactor::secrets(secrets);
        for problem in &mut found {
            problem.what = redactor.redact(&problem.what).into_owned();
            problem.mend = redactor.redact(&problem.mend).into_owned();
        }
        match checked {
            Some(checked) if found.is_empty() => return Ok(checked),
            Some(rest) => {
                let more = Self::build(library, &rest, secrets, None).err().unwrap_or_default();
                // What it misses may be what was taken out.
                let news = more.into_iter().filter(|problem| !problem.fault && is_given(definition, problem));
                let is_new = |problem: &Problem| {
                    !found.iter().any(|known| (known.section, &known.key) == (problem.section, &problem.key))
                };
                let news = news.filter(is_new).collect::<Vec<_>>();
                found.extend(news);
            }
            None => {}
        }
        Err(found)
    }

    /// Calls into the plugin, unless the instance was stopped. The lock is held for the call that makes the future, never across an
    /// await.
    fn call<T>(&self, call: impl FnOnce(&RawProviderBox) -> T) -> Option<T> {
        let provider = self.provider.read().unwrap_or_else(PoisonError::into_inner);
        provider.as_ref().map(|live| call(&live.provider))
    }

    /// Takes the provider out and drops it, on a thread of its own and within a time limit: it is foreign code.
    fn dispose(&self) {
        let provider = self.provider.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(provider) = provider
            && within(STOP, "drop-provider", move || drop(provider)).is_none()
        {
            tracing::warn!(
                gateway = &*self.gateway,
                "the provider could not be dropped in time; its thread is left behind"
            );
        }
    }
}

/// Whether the key that the problem is about stands in the definition.
fn is_given(definition: &Definition, problem: &Problem) -> bool {
    match problem.section {
        Section::Parameters => definition.parameters.contains_key(&problem.key),
        Section::Options => definition.options.contains_key(&problem.key),
        Section::Headers => definition.headers.contains_key(&problem.key),
        Section::Settings => definition.settings.contains_key(&problem.key),
        _ => false,
    }
}

impl Handle for Instance {
    fn submit(&self, submission: Submission) -> BoxFuture<'static, Outcome> {
        let redaction = Arc::clone(&self.redaction);
        let submission = Arc::new(submission);
        let message = ffi_message(&submission);
        let protection = redaction.protect(submission);
        let submitted =
            std::panic::catch_unwind(AssertUnwindSafe(|| self.call(|provider| provider.submit(message))));
        let link = Arc::clone(&self.link);
        async move {
            // The whole of it, so that it lives until the outcome is clean of the message's own text.
            let protection = protection;
            let id = Some(protection.id());
            match submitted {
                Ok(Some(submit)) => match AssertUnwindSafe(submit).catch_unwind().await {
                    Ok(result) => {
                        if result.is_ok() {
                            link.is(Ok(()));
                        }
                        outcome(result, &redaction, id)
                    }
                    Err(_) => panicked(),
                },
                Ok(None) => Outcome::new(OutcomeKind::Unavailable, "the gateway is stopped"),
                Err(_) => panicked(),
            }
        }
        .boxed()
    }

    fn total_timeout(&self) -> Option<Duration> {
        self.total_timeout
    }

    fn trouble(&self) -> Option<String> {
        self.link.trouble()
    }

    fn parses_receipts(&self) -> bool {
        self.parses_receipts
    }

    fn parse_receipts(
        &self,
        request: ReceiptRequest,
    ) -> BoxFuture<'static, Result<Vec<ServiceEvent>, Outcome>> {
        // Not under the lock: a parser that hangs must not keep the instance from being stopped.
        let live = self.provider.read().unwrap_or_else(PoisonError::into_inner).clone();
        let (redaction, parsing) = (Arc::clone(&self.redaction), Arc::clone(&self.parsing));
        async move {
            let stopped = || Outcome::new(OutcomeKind::Unavailable, "the gateway is stopped");
            let live = live.ok_or_else(stopped)?;
            let parsed = async {
                let turn = parsing.acquire_owned().await;
                let parse = move || {
                    let _turn = turn;
                    let parse = AssertUnwindSafe(|| live.provider.parse_receipt(ffi_request(request)));
                    match std::panic::catch_unwind(parse) {
                        Ok(ROk(events)) => events
                            .into_iter()
                            .map(|event| ServiceEvent::of(event, &redaction))
                            .collect::<Result<_, _>>()
                            .map_err(|what| Outcome::new(OutcomeKind::Rejected, what)),
                        Ok(RErr(error)) => Err(refused(error, &redaction, None)),
                        Err(_) => Err(panicked()),
                    }
                };
                tokio::task::spawn_blocking(parse).await
            };
            match tokio::time::timeout(PARSE, parsed).await {
                Ok(Ok(parsed)) => parsed,
                Ok(Err(_)) => Err(panicked()),
                Err(_) => {
                    let words = format!("the provider did not read it within {} s", PARSE.as_secs());
                    Err(Outcome::new(OutcomeKind::Unavailable, words))
                }
            }
        }
        .boxed()
    }

    fn start(&self) -> BoxFuture<'static, ()> {
        let start = self.call(|provider| provider.start());
        let (gateway, redaction) = (Arc::clone(&self.gateway), Arc::clone(&self.redaction));
        let link = Arc::clone(&self.link);
        async move {
            let Some(start) = start else { return };
            let outcome = match AssertUnwindSafe(start).catch_unwind().await {
                Ok(ROk(())) => return,
                Ok(RErr(error)) => refused(error, &redaction, None),
                Err(_) => panicked(),
            };
            let why = outcome.detail.as_deref().unwrap_or("no reason was given");
            link.is(Err(format!("it did not start: {}: {why}", outcome.kind)));
            tracing::warn!(
                gateway = &*gateway,
                outcome = outcome.kind.as_str(),
                code = outcome.code,
                detail = outcome.detail,
                "the provider did not start as it should; submits are tried all the same"
            );
        }
        .boxed()
    }

    fn probe(&self) -> BoxFuture<'static, Result<String, Outcome>> {
        let probe = std::panic::catch_unwind(AssertUnwindSafe(|| self.call(|provider| provider.probe())));
        let redaction = Arc::clone(&self.redaction);
        async move {
            let probe = match probe {
                Ok(Some(probe)) => probe,
                Ok(None) => return Err(Outcome::new(OutcomeKind::Unavailable, "the gateway is stopped")),
                Err(_) => return Err(panicked()),
            };
            match AssertUnwindSafe(probe).catch_unwind().await {
                Ok(ROk(line)) => Ok(redaction.clean(&line, None)),
                Ok(RErr(error)) => Err(refused(error, &redaction, None)),
                Err(_) => Err(panicked()),
            }
        }
        .boxed()
    }

    fn figures(&self) -> BoxFuture<'static, Vec<Series>> {
        let asked = std::panic::catch_unwind(AssertUnwindSafe(|| self.call(|provider| provider.figures())));
        let figures = Arc::clone(&self.figures);
        async move {
            match asked {
                Ok(Some(answer)) => figures.shown(answer).await,
                Ok(None) | Err(_) => Vec::new(),
            }
        }
        .boxed()
    }

    fn stop(self: Arc<Self>) -> BoxFuture<'static, ()> {
        let stop = self.call(|provider| provider.stop());
        async move {
            if let Some(stop) = stop {
                let stopped = tokio::time::timeout(STOP, AssertUnwindSafe(stop).catch_unwind()).await;
                if !matches!(stopped, Ok(Ok(()))) {
                    tracing::warn!(gateway = &*self.gateway, "the provider did not stop in time");
                }
            }
            drop(tokio::task::spawn_blocking(move || self.dispose()).await);
        }
        .boxed()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.dispose();
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance").field("gateway", &self.gateway).finish_non_exhaustive()
    }
}

fn panicked() -> Outcome {
    Outcome::new(OutcomeKind::Uncertain, "the provider panicked")
}
