//! The binds of a gateway: made at the start, kept, made again when they are lost.

use crate::{
    backoff::Backoff,
    config::{Bind, Config},
    figures::{self, Counts, Figures, State},
    inbound::Inbox,
    link::{Link, dial},
    outcome,
    queue::{Parts, Queue},
    request,
    session::{self, Over},
};
use gatepost_provider_api::{
    Accepted, Context, Message, SubmitError,
    tokio::{
        select,
        sync::watch,
        time::{Instant, sleep, sleep_until, timeout, timeout_at},
    },
    tracing,
};
use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};
use tokio_rustls::TlsConnector;

/// Nobody waits for the parts any more once it is dropped, as by a cancelled submit.
struct Withdrawing(Arc<Parts>);

impl Drop for Withdrawing {
    fn drop(&mut self) {
        self.0.withdraw();
    }
}

/// What all binds share.
pub(crate) struct Client {
    pub(crate) config: Config,
    pub(crate) queue: Queue,
    pub(crate) inbox: Inbox,
    pub(crate) context: Context,
    pub(crate) figures: Figures,
    reference: AtomicU16,
    /// How many binds there are.
    pub(crate) running: watch::Sender<usize>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Client {
    pub(crate) fn new(config: Config, context: Context) -> Self {
        let queue = Queue::new(config.tps);
        let reference = AtomicU16::new(fastrand::u16(..));
        Self {
            figures: Figures::new(&config.binds),
            config,
            queue,
            inbox: Inbox::new(context.clone()),
            context,
            reference,
            running: watch::Sender::new(0),
        }
    }

    /// Makes the binds.
    pub(crate) fn start(self: &Arc<Self>) {
        for number in 0..self.config.binds.len() {
            let client = Arc::clone(self);
            self.context.spawn(async move {
                if let Some((bind, counts)) = client.figures.binds().get(number) {
                    client.keep(*bind, counts).await;
                }
            });
        }
        let client = Arc::clone(self);
        self.context.spawn(async move { client.inbox.tend().await });
    }

    /// How long a submit takes at the most: waiting for its turn, being written, and answered.
    pub(crate) fn total_timeout(&self) -> Duration {
        self.config.response_timeout * 3
    }

    pub(crate) async fn submit(&self, message: &Message) -> Result<Accepted, SubmitError> {
        let reference = self.reference.fetch_add(1, Ordering::Relaxed);
        let pdus = request::pdus(&self.config, message, reference)?;
        // Nothing is written after its time either.
        let patience = self.config.response_timeout.min(message.remaining());
        let (parts, jobs) = Parts::new(pdus, patience);
        let parts = Withdrawing(parts);
        self.queue.push(jobs);
        let deadline = sleep_until(Instant::now() + patience);
        gatepost_provider_api::tokio::pin!(deadline);
        let found = loop {
            select! {
                () = parts.0.changed() => {}
                () = &mut deadline, if !parts.0.are_withdrawn() => {}
            }
            if let Some(found) = parts.0.over() {
                break found;
            }
            // One was not accepted, or the time is over: the others alone are worth nothing.
            if !parts.0.are_withdrawn() {
                parts.0.withdraw();
                self.queue.sweep();
            }
        };
        tracing::debug!(parts = found.len(), "the parts have ended");
        outcome::of_message(&found)
    }

    /// Keeps one bind until the gateway stops.
    async fn keep(&self, bind: Bind, counts: &Mutex<Counts>) {
        let mut backoff = Backoff::default();
        loop {
            let began = Instant::now();
            figures::locked(counts).state = State::Binding;
            let over = select! {
                over = self.bind_and_run(bind, counts) => over,
                () = self.stopped_while_binding() => return,
            };
            figures::locked(counts).state = State::Unbound;
            let why = match &over {
                Over::Stopped => return,
                Over::Failed(error) => {
                    tracing::warn!(?bind, code = error.code, "no bind: {}", error.detail);
                    if bind != Bind::Receiver {
                        self.queue.failed(error);
                    }
                    format!("no bind: {}", error.detail)
                }
                Over::Unbound => {
                    tracing::info!(?bind, "the SMSC unbinds");
                    "the SMSC has ended the bind".into()
                }
                Over::Lost(why) => {
                    tracing::warn!(?bind, "the bind is lost: {why}");
                    format!("the bind is lost: {why}")
                }
            };
            self.tell_link(&why).await;
            select! {
                () = sleep(backoff.pause(began.elapsed())) => {}
                () = self.context.stopped() => return,
            }
        }
    }

    /// Tells the host that nothing can be sent, if no bind can; also not one that came up meanwhile, which may have said so before.
    async fn tell_link(&self, why: &str) {
        if self.queue.links() == 0 {
            self.context.link(Err(why)).await;
            if self.queue.links() > 0 {
                self.context.link(Ok(())).await;
            }
        }
    }

    /// Sessions end by themselves once they are told to; what has not bound by then need not.
    async fn stopped_while_binding(&self) {
        self.context.stopped().await;
        sleep(session::LEAVE * 2).await;
    }

    async fn bind_and_run(&self, bind: Bind, counts: &Mutex<Counts>) -> Over {
        let link = match self.bind(bind).await {
            Ok(link) => link,
            Err(error) => return Over::Failed(error),
        };
        tracing::info!(?bind, "bound");
        figures::locked(counts).bound();
        if bind != Bind::Receiver {
            self.queue.up();
            self.context.link(Ok(())).await;
        }
        session::run(link, bind, counts, self).await
    }

    /// Connects and binds.
    ///
    /// # Errors
    /// The outcome of messages that wait for it.
    async fn bind(&self, bind: Bind) -> Result<Link, SubmitError> {
        let deadline = Instant::now() + self.config.response_timeout;
        let lost = |doing: &'static str| {
            move |error: io::Error| SubmitError::unavailable(format!("{doing}: {error}"))
        };
        let late = |doing: &'static str| move |_| outcome::late(doing, self.config.response_timeout);
        let tcp = dial(&self.config.host, self.config.port, deadline).await;
        let tcp = tcp.map_err(lost("connecting to the SMSC"))?;
        // An answer must not wait for the acknowledgement of the one before.
        tcp.set_nodelay(true).map_err(lost("connecting to the SMSC"))?;
        let mut link = match &self.config.tls {
            None => Link::over(Box::new(tcp)),
            Some((name, config)) => {
                let tls = TlsConnector::from(Arc::clone(config)).connect(name.clone(), tcp);
                let tls = timeout_at(deadline, tls).await.map_err(late("TLS with the SMSC"))?;
                Link::over(Box::new(tls.map_err(lost("TLS with the SMSC"))?))
            }
        };
        let answer = timeout_at(deadline, session::bind(&mut link, bind, &self.config)).await;
        let status = answer.map_err(late("binding"))?.map_err(lost("binding"))?;
        if status == 0 { Ok(link) } else { Err(outcome::of_bind(status)) }
    }

    /// Waits until all binds have taken leave.
    pub(crate) async fn ended(&self) {
        let mut running = self.running.subscribe();
        // Neither can it fail, nor is more to be done once the time is over.
        drop(timeout(session::LEAVE * 2, running.wait_for(|running| *running == 0)).await);
    }

    /// Whether the SMSC takes a bind.
    pub(crate) async fn probe(&self) -> Result<String, SubmitError> {
        let links = self.queue.links();
        if links > 0 {
            return Ok(format!("{links} binds can send"));
        }
        let bind = self.config.binds.first().copied().unwrap_or(Bind::Transceiver);
        let mut link = self.bind(bind).await?;
        session::leave(&mut link, 2).await;
        Ok("the SMSC takes the bind".into())
    }
}
