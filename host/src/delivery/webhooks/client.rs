//! One try: a request that is signed, and what its receiver says.

use super::{ClientError, sign::Signer};
use crate::{
    config::WebhookSecret,
    message::{Timestamp, WebhookUrl},
};
use futures_util::{FutureExt as _, future::BoxFuture};
use reqwest::{
    Response, StatusCode,
    header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER},
    redirect::Policy,
};
use std::{
    collections::BTreeSet,
    fmt,
    time::{Duration, SystemTime},
};

/// A try in all, the answer's head included. The specification recommends 15 to 30 s.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Connections without work are closed after this time: servers and firewalls forget them unannounced, most not before.
const IDLE: Duration = Duration::from_secs(15);

/// How much of an answer's body is read, and how long it may take, so that its connection can be used again. What it says does not
/// count.
const READ: usize = 64 << 10;
const READING: Duration = Duration::from_secs(1);

/// One try.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) url: WebhookUrl,
    /// The same in every try.
    pub(super) id: String,
    pub(super) body: String,
    /// Now.
    pub(super) at: Timestamp,
}

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Any 2xx.
    Taken,
    /// 410: the receiver wants it no longer.
    Gone,
    /// Any other status.
    Refused { status: u16, after: Option<Duration> },
    /// No answer, and why.
    Silent(String),
}

impl Answer {
    /// Whether it speaks of the receiver as a whole. Any other refusal is about one address of it.
    pub(super) fn is_trouble(&self) -> bool {
        match self {
            Self::Taken | Self::Gone => false,
            Self::Refused { status, .. } => matches!(status, 300..=399 | 408 | 429 | 500..=599),
            Self::Silent(_) => true,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken => f.write_str("taken"),
            Self::Gone => f.write_str("status 410"),
            Self::Refused { status: status @ 300..=399, .. } => {
                write!(f, "status {status}: redirects are not followed")
            }
            Self::Refused { status, .. } => write!(f, "status {status}"),
            Self::Silent(why) => f.write_str(why),
        }
    }
}

/// Takes webhooks to their receivers.
pub(super) trait Post: Send + Sync {
    fn post(&self, outgoing: Outgoing) -> BoxFuture<'_, Answer>;
}

/// Over HTTP.
pub(super) struct Client {
    http: reqwest::Client,
    signer: Signer,
}

impl Client {
    pub(super) fn new(secret: &WebhookSecret, origins: &BTreeSet<String>) -> Result<Self, ClientError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("gatepost/", env!("CARGO_PKG_VERSION")))
            .timeout(TIMEOUT)
            .pool_idle_timeout(IDLE)
            // The variables of the environment are for those who run the host, not for where messages go.
            .no_proxy()
            .referer(false)
            // Where a redirect leads was allowed by nobody.
            .redirect(Policy::none());
        if !origins.iter().any(|origin| origin.starts_with("https:")) {
            // A machine without root certificates can do without them.
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build().map_err(|error| ClientError(chain(&error.without_url())))?;
        Ok(Self { http, signer: Signer::new(secret) })
    }

    async fn try_once(&self, outgoing: Outgoing) -> Answer {
        let Outgoing { url, id, body, at } = outgoing;
        let timestamp = at.as_millis().div_euclid(1000).to_string();
        let signature = self.signer.sign(&id, &timestamp, &body);
        let request = self
            .http
            .post(&*url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(body);
        match request.send().await {
            Ok(response) => {
                let answer = judged(response.status(), response.headers(), SystemTime::now());
                // However it ends.
                tokio::time::timeout(READING, discard(response)).await.unwrap_or_default();
                answer
            }
            Err(error) if error.is_timeout() => {
                Answer::Silent(format!("no answer within {} s", TIMEOUT.as_secs()))
            }
            Err(error) => Answer::Silent(chain(&error.without_url())),
        }
    }
}

impl Post for Client {
    fn post(&self, outgoing: Outgoing) -> BoxFuture<'_, Answer> {
        self.try_once(outgoing).boxed()
    }
}

fn judged(status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Answer {
    match status {
        status if status.is_success() => Answer::Taken,
        StatusCode::GONE => Answer::Gone,
        status => Answer::Refused { status: status.as_u16(), after: retry_after(headers, now) },
    }
}

/// The header `Retry-After`: seconds, or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    httpdate::parse_http_date(text).ok()?.duration_since(now).ok()
}

async fn discard(mut response: Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read > READ {
            break;
        }
    }
}

/// An error and its causes, without the address that it is about.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |words, cause| format!("{words}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn any_2xx_is_success_and_nothing_else() {
        let judge = |status| judged(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), UNIX_EPOCH);
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(judge(status), Answer::Taken, "{status}");
        }
        for status in [301, 302, 307, 400, 401, 404, 429, 500, 503] {
            assert_eq!(judge(status), Answer::Refused { status, after: None }, "{status}");
        }
        assert_eq!(judge(410), Answer::Gone);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (text, seconds) in [
            ("120", Some(120)),
            ("0", Some(0)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            // It is over.
            ("Sun, 06 Nov 1994 08:49:27 GMT", None),
            ("soon", None),
            ("-5", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), seconds.map(Duration::from_secs), "{text}");
        }
    }
}
