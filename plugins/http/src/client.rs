//! Connections: kept, verified, through proxies, within the time limit.

use crate::{config::filled, request::Request};
use gatepost_provider_api::{Context, Definition, Problem, tokio::time::timeout};
use reqwest::{
    Certificate, Identity, Method, Proxy, Response, StatusCode, Url,
    header::{self, HeaderMap},
    redirect::{Attempt, Policy},
};
use std::{fs, time::Duration};

/// How much of an answer is read; what comes after it is not waited for.
const KEPT: usize = 64 << 10;

/// Connections without work are closed after this time: services and firewalls forget them unannounced, most not before.
const IDLE: Duration = Duration::from_secs(15);

/// Redirects in a row.
const REDIRECTS: usize = 10;

/// What a service answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Its first 64 KiB.
    pub(crate) body: Vec<u8>,
    /// Why the body ended too early, if it did.
    pub(crate) broken: Option<Broken>,
}

/// Why there is no answer, or no whole one.
#[derive(Debug)]
pub(crate) enum Broken {
    TimedOut(Duration),
    Failed(reqwest::Error),
}

/// Connections to one service, shared by all its submits. As many are open as submits are going on: the gateway's `max_in_flight`.
#[derive(Debug)]
pub(crate) struct Client {
    client: reqwest::Client,
    timeout: Duration,
}

impl Client {
    pub(crate) fn new(definition: &Definition, context: &Context) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let timeout = definition.seconds("TIMEOUT").unwrap_or(Duration::from_secs(3));
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("Gatepost/", env!("CARGO_PKG_VERSION")))
            // Within the limit of the whole, so that what was never sent is told from what was.
            .connect_timeout(timeout.mul_f64(0.9))
            .pool_idle_timeout(IDLE)
            .http1_title_case_headers()
            // A connection that many messages share and that died unannounced must not take the next ones with it.
            .http2_keep_alive_interval(timeout.min(IDLE))
            .http2_keep_alive_timeout(timeout)
            .http2_keep_alive_while_idle(true)
            // It would show the query, and the text in it, to the next server.
            .referer(false)
            .redirect(if definition.yes("REDIRECTS") { Policy::custom(follow) } else { Policy::none() });
        builder = trust(builder, definition, context, &mut problems);
        builder = identify(builder, definition, &mut problems);
        builder = proxies(builder, definition, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        match builder.build() {
            Ok(client) => Ok(Self { client, timeout }),
            Err(error) => {
                let what = format!("no client can be built for it: {}", chain(&error.without_url()));
                let mend = "install the system's root certificates (Debian: ca-certificates), or name those of the service with CA_FILE";
                Err(vec![Problem::parameter("URL", what, mend)])
            }
        }
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// There is not even the head of an answer.
    ///
    /// # Cancellation
    /// Closes the connection, or resets the stream.
    pub(crate) async fn send(&self, request: Request) -> Result<Answer, Broken> {
        self.exchange(request.into_reqwest()).await
    }

    /// Asks the server for its root, without credentials: whatever it says, it is there.
    pub(crate) async fn probe(&self, origin: Url) -> Result<Answer, Broken> {
        self.exchange(reqwest::Request::new(Method::HEAD, origin)).await
    }

    async fn exchange(&self, request: reqwest::Request) -> Result<Answer, Broken> {
        let mut answer = None;
        let ended = timeout(self.timeout, async {
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
            Err(_) => Some(Broken::TimedOut(self.timeout)),
        };
        match (answer, broken) {
            (Some(answer), broken) => Ok(Answer { broken, ..answer }),
            (None, Some(broken)) => Err(broken),
            // Without an error there is an answer.
            (None, None) => Err(Broken::TimedOut(self.timeout)),
        }
    }
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

fn follow(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let from_tls = attempt.previous().last().is_some_and(|url| url.scheme() == "https");
    let downgrade = from_tls && attempt.url().scheme() != "https";
    if downgrade || attempt.previous().len() > REDIRECTS { attempt.stop() } else { attempt.follow() }
}

/// Whose certificates count.
fn trust(
    builder: reqwest::ClientBuilder,
    definition: &Definition,
    context: &Context,
    problems: &mut Vec<Problem>,
) -> reqwest::ClientBuilder {
    let is_tls =
        definition.text("URL").is_some_and(|url| url.trim_start().to_lowercase().starts_with("https:"));
    if definition.text("CHECK_SSL") == Some("no") {
        if is_tls {
            let what = "the service's certificate is not verified: anybody on the way can read and answer";
            context.warn(Problem::parameter(
                "CHECK_SSL",
                what,
                "write yes, and name a private CA with CA_FILE",
            ));
        }
        return builder.tls_danger_accept_invalid_certs(true);
    }
    let Some(path) = definition.text("CA_FILE") else {
        return builder;
    };
    let certificates = pem(path).and_then(|pem| {
        let found = Certificate::from_pem_bundle(&pem).map_err(|_| "it is no PEM".to_owned())?;
        if found.is_empty() { Err("there is no certificate in it".into()) } else { Ok(found) }
    });
    match certificates {
        Ok(certificates) => builder.tls_certs_only(certificates),
        Err(reason) => {
            let what = format!("{path} can't be used: {reason}");
            problems.push(Problem::parameter("CA_FILE", what, "name a PEM file with the CA's certificate"));
            builder
        }
    }
}

/// The client's own certificate.
fn identify(
    builder: reqwest::ClientBuilder,
    definition: &Definition,
    problems: &mut Vec<Problem>,
) -> reqwest::ClientBuilder {
    let (certificate, key) = (definition.text("CLIENT_CERT"), definition.text("CLIENT_KEY"));
    let Some(path) = certificate else {
        if key.is_some() {
            let what = "there is no CLIENT_CERT that this is the key of";
            problems.push(Problem::parameter("CLIENT_KEY", what, "add CLIENT_CERT, or remove it"));
        }
        return builder;
    };
    let mut read = |name: &str, path: &str| {
        pem(path).map_err(|reason| {
            let what = format!("{path} can't be used: {reason}");
            problems.push(Problem::parameter(name, what, "name a readable PEM file"));
        })
    };
    let (certificate, key) =
        (read("CLIENT_CERT", path), key.map(|path| read("CLIENT_KEY", path)).transpose());
    let (Ok(mut pem), Ok(key)) = (certificate, key) else { return builder };
    pem.push(b'\n');
    pem.extend(key.unwrap_or_default());
    match Identity::from_pem(&pem) {
        Ok(identity) => builder.identity(identity),
        Err(_) => {
            let what = "CLIENT_CERT and CLIENT_KEY hold no certificate with its key";
            let mend = "name PEM files with the certificate and its unencrypted key";
            problems.push(Problem::parameter("CLIENT_CERT", what, mend));
            builder
        }
    }
}

fn pem(path: &str) -> Result<Vec<u8>, String> {
    if !fs::metadata(path).map_err(|error| error.to_string())?.is_file() {
        return Err("it is no regular file".into());
    }
    fs::read(path).map_err(|error| error.to_string())
}

type MakeProxy = fn(Url) -> reqwest::Result<Proxy>;

fn proxies(
    mut builder: reqwest::ClientBuilder,
    definition: &Definition,
    problems: &mut Vec<Problem>,
) -> reqwest::ClientBuilder {
    // The first that fits a URL is taken.
    let kinds: [(&str, MakeProxy); 3] =
        [("HTTP_PROXY", Proxy::http), ("HTTPS_PROXY", Proxy::https), ("PROXY", Proxy::all)];
    let given = kinds.map(|(name, make)| (name, make, filled(definition, name)));
    if let [(_, _, None), (_, _, None), (_, _, Some("env"))] = given {
        return builder;
    }
    builder = builder.no_proxy();
    for (name, make, text) in given {
        let Some(text) = text else { continue };
        if text == "env" {
            let what = "\"env\" does not go together with HTTP_PROXY and HTTPS_PROXY";
            problems.push(Problem::parameter(name, what, "remove one of them"));
            continue;
        }
        match proxy_url(text).and_then(|url| make(url).map_err(|_| "is no proxy".to_owned())) {
            Ok(proxy) => builder = builder.proxy(proxy),
            Err(what) => {
                let mend = "write one such as \"http://proxy.example:3128\" or \"socks5://user:password@proxy.example:1080\"";
                problems.push(Problem::parameter(name, what, mend));
            }
        }
    }
    builder
}

/// Does not quote it: a password may stand in it.
fn proxy_url(text: &str) -> Result<Url, String> {
    // A bare host and port means HTTP, as privacyIDEA takes it.
    let text =
        if text.contains("://") || text.contains('@') { text.to_owned() } else { format!("http://{text}") };
    let url = Url::parse(&text).map_err(|error| format!("is no URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") {
        return Err("is of a scheme that is none of http, https, socks5 and socks5h".into());
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("has no host".into());
    }
    Ok(url)
}

/// An error and its causes, without the address that it is about.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let mut words = error.to_string();
    for cause in causes {
        let cause = cause.to_string();
        // Many errors repeat their cause.
        if !words.ends_with(&cause) {
            words.push_str(": ");
            words.push_str(&cause);
        }
    }
    words
}

/// The header's value as text, if it is there and text.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
