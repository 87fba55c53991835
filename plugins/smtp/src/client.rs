//! Connections: kept for the next mail, replaced where they are gone, within the time limit.

use crate::{
    request::Mail,
    server::{Security, Server},
    session::{Broken, Reply, Session, Step, Why},
};
use gatepost_provider_api::tokio::{
    self,
    time::{Instant, interval, timeout},
};
use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Connections without work are closed after this time: servers close them too, some under load after ten seconds.
const IDLE: Duration = Duration::from_secs(30);

/// What a server says before it closes the connection.
const CLOSING: u16 = 421;

/// How long leave is taken, from all of them together.
const LEAVE: Duration = Duration::from_secs(1);

/// Connections to one server, shared by all its submits. As many are open as submits are going on: the gateway's `max_in_flight`.
pub(crate) struct Client {
    server: Server,
    /// Those without work; the last was used last.
    kept: Mutex<Vec<Kept>>,
}

struct Kept {
    session: Session,
    since: Instant,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Client {
    pub(crate) fn new(server: Server) -> Self {
        Self { server, kept: Mutex::default() }
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// Hands a mail to the server; what it answered when it took it.
    ///
    /// # Errors
    /// It has not taken it, or may not have: the step says which.
    ///
    /// # Cancellation
    /// Closes the connection.
    pub(crate) async fn send(&self, mail: &Mail) -> Result<Reply, Broken> {
        self.limited(async |step| {
            let mut session = self.begin(mail, step).await?;
            let ended = session.complete(mail, step).await;
            match &ended {
                Ok(_) => self.keep(session),
                Err(Why::Refused(reply)) if reply.code != CLOSING => self.keep(session),
                Err(_) => {}
            }
            ended
        })
        .await
    }

    /// Connects and authenticates; what there is to say of it.
    pub(crate) async fn probe(&self) -> Result<String, Broken> {
        self.limited(async |step| {
            let session = Session::open(&self.server, step).await?;
            drop(timeout(LEAVE, session.quit()).await);
            let tls = match self.server.security {
                Security::Plain => "without TLS",
                Security::Upgraded | Security::Implicit => "over TLS",
            };
            Ok(match &self.server.credentials {
                Some(_) => format!("the server takes the credentials, {tls}"),
                None => format!("the server answers, {tls}; there are no credentials"),
            })
        })
        .await
    }

    async fn limited<T>(&self, work: impl AsyncFnOnce(&mut Step) -> Result<T, Why>) -> Result<T, Broken> {
        let limit = self.server.timeout;
        let mut step = Step::Connect;
        let ended = timeout(limit, work(&mut step)).await;
        ended.unwrap_or(Err(Why::TimedOut(limit))).map_err(|why| Broken { step, why })
    }

    /// A connection on which the mail was begun. One that was kept may be gone by now, or be refused further mails: nothing was sent on it
    /// yet, so a fresh one is as good.
    async fn begin(&self, mail: &Mail, step: &mut Step) -> Result<Session, Why> {
        if let Some(mut session) = self.take() {
            // One that died unannounced would take all of the time.
            match timeout(self.server.timeout / 3, session.begin(mail, step)).await {
                Ok(Ok(())) => return Ok(session),
                Ok(Err(Why::NoUtf8)) => return Err(Why::NoUtf8),
                // The others are as old.
                Ok(Err(_)) | Err(_) => drop(self.take_all(|_| true)),
            }
        }
        let mut session = Session::open(&self.server, step).await?;
        session.begin(mail, step).await?;
        Ok(session)
    }

    fn take(&self) -> Option<Session> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.pop_if(|last| last.since.elapsed() < IDLE).map(|last| last.session)
    }

    fn keep(&self, session: Session) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(Kept { session, since: Instant::now() });
    }

    fn take_all(&self, mut which: impl FnMut(&Kept) -> bool) -> Vec<Kept> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extract_if(.., |kept| which(kept)).collect()
    }

    /// Closes connections that have had no work for long, until `stopped`.
    pub(crate) async fn tend(&self, stopped: impl Future<Output = ()>) {
        let mut turns = interval(IDLE / 2);
        let tending = async {
            loop {
                turns.tick().await;
                leave(self.take_all(|kept| kept.since.elapsed() >= IDLE)).await;
            }
        };
        tokio::select! {
            () = stopped => {}
            () = tending => {}
        }
    }

    /// Closes all that have no work.
    pub(crate) async fn close(&self) {
        leave(self.take_all(|_| true)).await;
    }
}

async fn leave(kept: Vec<Kept>) {
    let all = async {
        for Kept { session, .. } in kept {
            session.quit().await;
        }
    };
    drop(timeout(LEAVE, all).await);
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatepost_provider_api::tokio::io::{AsyncReadExt as _, DuplexStream, duplex};
    use std::{future::pending, sync::Arc};

    fn client() -> Arc<Client> {
        let sender = "a@b.test".parse().unwrap();
        Arc::new(Client::new(Server {
            host: "127.0.0.1".into(),
            port: 25,
            security: Security::Plain,
            tls: None,
            credentials: None,
            sender,
            timeout: Duration::from_secs(10),
        }))
    }

    fn kept(client: &Client) -> DuplexStream {
        let (ours, theirs) = duplex(1024);
        client.keep(Session::over(Box::new(ours)));
        theirs
    }

    async fn last_words(mut server: DuplexStream) -> String {
        let mut words = String::new();
        server.read_to_string(&mut words).await.unwrap();
        words
    }

    #[tokio::test(start_paused = true)]
    async fn the_connection_that_was_used_last_is_taken_first_and_none_that_is_old() {
        let client = client();
        let old = kept(&client);
        tokio::time::advance(IDLE / 2).await;
        let young = kept(&client);
        drop(client.take().unwrap());
        assert_eq!(last_words(young).await, "");
        tokio::time::advance(IDLE / 2).await;
        assert!(client.take().is_none());
        drop(old);
    }

    #[tokio::test(start_paused = true)]
    async fn connections_without_work_are_closed() {
        let client = client();
        let server = kept(&client);
        let tending = Arc::clone(&client);
        let tending = tokio::spawn(async move { tending.tend(pending()).await });
        let started = Instant::now();
        assert_eq!(last_words(server).await, "QUIT\r\n");
        assert!((IDLE..=2 * IDLE).contains(&started.elapsed()), "{:?}", started.elapsed());
        let server = kept(&client);
        client.close().await;
        assert_eq!(last_words(server).await, "QUIT\r\n");
        assert!(client.take().is_none());
        tending.abort();
    }
}
