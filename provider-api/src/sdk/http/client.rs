//! Connections: kept, and within the time limit.

use super::{
    answer::{Answer, KEPT},
    failure::{Broken, chain},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::{ClientBuilder, Method, Request, Response, Url, header::HeaderValue, redirect::Policy};
use std::time::Duration;
use tokio::time::timeout;

/// Connections without work are closed after this time: services and firewalls forget them unannounced, most not before.
const IDLE: Duration = Duration::from_secs(15);

/// Connections to one service, shared by all its submits. As many are open as submits are going on: the gateway's `max_in_flight`.
#[derive(Debug)]
pub struct Client {
    client: reqwest::Client,
    timeout: Duration,
}

impl Client {
    /// The settings that every provider wants, for exchanges that take `limit` at most. Redirects are not followed; the
    /// environment's proxies are used unless `no_proxy` is called.
    pub fn builder(limit: Duration) -> ClientBuilder {
        let (interval, patience) = keep_alive(limit);
        reqwest::Client::builder()
            // Within the limit of the whole, so that what was never sent is told from what was.
            .connect_timeout(limit.mul_f64(0.9))
            .pool_idle_timeout(IDLE)
            .http1_title_case_headers()
            // A connection that many messages share and that died unannounced must not take the next ones with it.
            .http2_keep_alive_interval(interval)
            .http2_keep_alive_timeout(patience)
            .http2_keep_alive_while_idle(true)
            // It would show the query, and the text in it, to the next server.
            .referer(false)
            .redirect(Policy::none())
    }

    /// A client for exchanges that take `limit` at most.
    ///
    /// # Errors
    /// What is wrong, one clause: mostly that the system has no root certificates.
    pub fn build(builder: ClientBuilder, limit: Duration) -> Result<Self, String> {
        match builder.build() {
            Ok(client) => Ok(Self { client, timeout: limit }),
            Err(error) => Err(format!("no client can be built for it: {}", chain(&error.without_url()))),
        }
    }

    /// The limit of one exchange.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// There is not even the head of an answer.
    ///
    /// # Cancellation
    /// Closes the connection, or resets the stream.
    pub async fn send(&self, request: Request) -> Result<Answer, Broken> {
        self.send_within(self.timeout, request).await
    }

    /// The same, in less time.
    ///
    /// # Errors
    /// There is not even the head of an answer.
    ///
    /// # Cancellation
    /// Closes the connection, or resets the stream.
    pub async fn send_within(&self, limit: Duration, request: Request) -> Result<Answer, Broken> {
        let mut answer = None;
        let ended = timeout(limit, async {
            let response = self.client.execute(request).await?;
            let head = answer.insert(Answer {
                status: response.status(),
                headers: response.headers().clone(),
                body: Vec::new(),
                broken: None,
            });
            read(response, &mut head.body).await
        })
        .await;
        let broken = match ended {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(Broken::Failed(error.without_url())),
            Err(_) => Some(Broken::TimedOut(limit)),
        };
        match (answer, broken) {
            (Some(answer), broken) => Ok(Answer { broken, ..answer }),
            (None, Some(broken)) => Err(broken),
            // Without an error there is an answer.
            (None, None) => Err(Broken::TimedOut(limit)),
        }
    }

    /// Asks the server of this address for its root, without credentials: whatever it says, it is there.
    ///
    /// # Errors
    /// There is not even the head of an answer.
    pub async fn knock(&self, url: &Url) -> Result<Answer, Broken> {
        let mut origin = url.clone();
        origin.set_path("/");
        origin.set_query(None);
        self.send(Request::new(Method::HEAD, origin)).await
    }
}

/// After how much silence a connection of HTTP/2 is asked whether it is there, and how long its answer may take: together well within
/// the limit, so that not all that share a dead one run into it.
fn keep_alive(limit: Duration) -> (Duration, Duration) {
    let quarter = limit / 4;
    (quarter.clamp(Duration::from_secs(1), IDLE), quarter.min(Duration::from_secs(5)))
}

async fn read(mut response: Response, body: &mut Vec<u8>) -> reqwest::Result<()> {
    while let Some(chunk) = response.chunk().await? {
        let room = KEPT - body.len();
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if body.len() == KEPT {
            break;
        }
    }
    Ok(())
}

/// The header `Authorization` for basic authentication; its `Debug` does not show it.
pub fn basic(username: &str, password: &str) -> HeaderValue {
    let pair = BASE64_STANDARD.encode(format!("{username}:{password}"));
    // Base64 can stand in every header.
    let mut value =
        HeaderValue::try_from(format!("Basic {pair}")).unwrap_or(HeaderValue::from_static("Basic"));
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_connection_is_found_well_within_the_limit() {
        for (limit, interval, patience) in
            [(3, 1.0, 0.75), (8, 2.0, 2.0), (30, 7.5, 5.0), (60, 15.0, 5.0), (600, 15.0, 5.0)]
        {
            let expected = (Duration::from_secs_f64(interval), Duration::from_secs_f64(patience));
            assert_eq!(keep_alive(Duration::from_secs(limit)), expected, "{limit}");
        }
    }
}
