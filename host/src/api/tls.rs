//! TLS on the listening side. Certificate and key are read again every few seconds; what is new counts for the next connection.

use super::problem::{self, Problem};
use crate::{
    config::{self, Credentials},
    telemetry::metrics::Metrics,
};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, MissedTickBehavior},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// How often somebody is told that a certificate ends soon.
const REMIND: Duration = Duration::from_secs(24 * 3600);

/// How much of a request that is refused unread is read before the connection is closed: less, and the answer could get lost.
pub(super) const DRAINED: u64 = 64 << 10;

/// TLS as it is offered: 1.2 and 1.3, with HTTP/2 and HTTP/1.1.
#[derive(Debug)]
pub struct Tls {
    config: Arc<ServerConfig>,
    shown: Arc<Shown>,
    metrics: Arc<Metrics>,
}

/// The certificate that is shown now.
#[derive(Debug)]
struct Shown(Mutex<config::Tls>);

impl Tls {
    /// TLS with this certificate, until it is replaced.
    ///
    /// # Errors
    /// rustls can't do what every version of it can.
    pub fn new(tls: config::Tls, metrics: Arc<Metrics>) -> Result<Arc<Self>, rustls::Error> {
        metrics.certificate(tls.credentials.valid_until);
        let shown = Arc::new(Shown(Mutex::new(tls)));
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions()?.with_no_client_auth();
        let mut config = builder.with_cert_resolver(Arc::clone(&shown) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(Self { config: Arc::new(config), shown, metrics }))
    }

    /// Reads the files again and again, for ever.
    pub async fn follow(self: Arc<Self>) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut fault = Fault::default();
        let mut reminded = Instant::now();
        loop {
            looks.tick().await;
            let files = self.shown.get().files.clone();
            let read = tokio::task::spawn_blocking(move || files.load()).await;
            match read {
                Ok(Ok(new)) => {
                    fault = Fault::default();
                    self.take(new);
                }
                Ok(Err(faults)) => {
                    let words = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                    if fault.is_news(words) {
                        let reason = &fault.words;
                        tracing::warn!(reason, "the new certificate can't be used: the one before it stays");
                    }
                }
                // The host ends.
                Err(_) => return,
            }
            if reminded.elapsed() >= REMIND {
                reminded = Instant::now();
                self.warn_of_end();
            }
        }
    }

    /// Shows these from now on, if they are others.
    fn take(&self, new: Credentials) {
        let mut shown = self.shown.get();
        if shown.credentials.is_same(&new) {
            return;
        }
        tracing::info!(valid_until = %new.valid_until, "there is a new certificate");
        self.metrics.certificate(new.valid_until);
        shown.credentials = new;
        drop(shown);
        self.warn_of_end();
    }

    fn warn_of_end(&self) {
        if let Some(warning) = self.shown.get().credentials.end() {
            tracing::warn!("the certificate {warning}");
        }
    }
}

/// What is wrong with the files. Two files are never replaced at once: what is wrong at one look alone is nothing to speak of.
#[derive(Debug, Default)]
struct Fault {
    words: String,
    is_told: bool,
}

impl Fault {
    fn is_news(&mut self, words: String) -> bool {
        let is_known = self.words == words;
        if !is_known {
            *self = Self { words, is_told: false };
        }
        is_known && !std::mem::replace(&mut self.is_told, is_known)
    }
}

impl Shown {
    fn get(&self) -> MutexGuard<'_, config::Tls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.get().credentials.key())
    }
}

/// Does the handshake; `None` where no TLS came, which was answered.
///
/// # Errors
/// The client can't or won't.
pub(super) async fn accept(tls: &Tls, mut stream: TcpStream) -> io::Result<Option<TlsStream<TcpStream>>> {
    let mut first = [0];
    stream.peek(&mut first).await?;
    if first.iter().any(u8::is_ascii_uppercase) {
        answer_plainly(&mut stream).await?;
        return Ok(None);
    }
    TlsAcceptor::from(Arc::clone(&tls.config)).accept(stream).await.map(Some)
}

/// Whoever speaks plain HTTP here is told so.
async fn answer_plainly(stream: &mut TcpStream) -> io::Result<()> {
    let problem = Problem::of(problem::TLS_NEEDED);
    stream.write_all(problem.detail("use https:// in place of http://").as_http1().as_bytes()).await?;
    stream.shutdown().await?;
    tokio::io::copy(&mut stream.take(DRAINED), &mut tokio::io::sink()).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_told_once_and_only_if_it_stays() {
        let mut fault = Fault::default();
        let told = ["a", "a", "a", "b", "c", "c", "c", "a"].map(|words| fault.is_news(words.into()));
        assert_eq!(told, [false, true, false, false, false, true, false, false]);
    }
}
