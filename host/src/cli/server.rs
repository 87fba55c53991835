//! The running host, for the commands that talk to it.

use super::{ConfigArgument, Ended, failed, installation, printable, progress::Progress, report, wrong};
use reqwest::{
    Certificate, Client, Method, RequestBuilder, StatusCode, Url, header::HeaderValue, redirect::Policy,
};
use serde_json::Value;
use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

/// Where the running host is, and who asks.
#[derive(Debug, clap::Args)]
pub(super) struct ServerArguments {
    /// The running host. Default: GATEPOST_SERVER of the environment, then where the configuration lets it listen, then
    /// http://127.0.0.1:8025.
    #[arg(long, global = true, display_order = super::AFTER_ITS_OWN, value_name = "URL")]
    server: Option<String>,
    /// File with the API key; else it is taken from the environment, GATEPOST_API_KEY.
    #[arg(long, global = true, display_order = super::AFTER_ITS_OWN, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// File with the certificate of the CA that signed the host's, in PEM form; without it the system's count, or those that
    /// SSL_CERT_FILE names.
    #[arg(long, global = true, display_order = super::AFTER_ITS_OWN, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) config: ConfigArgument,
}

/// Where a host listens unless it is told otherwise.
const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8025);

const SERVER_VARIABLE: &str = "GATEPOST_SERVER";

/// A way to the running host.
pub(super) struct Server {
    url: Url,
    client: Client,
    key: Option<String>,
}

/// Nothing of a wrong one is repeated, since a password may stand in it: that is why clap, which quotes what it refuses, does not
/// parse it.
fn address(text: &str) -> Result<Url, String> {
    const SUCH: &str = "write one such as http://127.0.0.1:8025";
    let url = text.parse::<Url>().map_err(|error| format!("{error}; {SUCH}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(format!("it does not start with http:// or https://; {SUCH}"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds a name or a password, which every user of this machine can read; put the key into GATEPOST_API_KEY, or name a file with --api-key-file".into());
    }
    Ok(url)
}

impl ServerArguments {
    /// Ready to ask; an answer may take as long as `limit`.
    pub(super) fn reach(&self, limit: Duration) -> Result<Server, Ended> {
        let url = self.address()?;
        // Elsewhere is not where the request was meant to go.
        let mut client = Client::builder().redirect(Policy::none()).timeout(limit);
        if is_loopback(&url) {
            // A proxy elsewhere can't reach this machine's own address.
            client = client.no_proxy();
            if url.scheme() == "http" {
                // A machine without system certificates can talk to itself all the same.
                client = client.tls_certs_only([]);
            }
        }
        if let Some(file) = &self.ca_file {
            client = client.tls_certs_only(authorities(file)?);
        }
        let client = client.build().map_err(|error| failed(cause(&error)))?;
        Ok(Server { url, client, key: self.api_key()? })
    }

    fn address(&self) -> Result<Url, Ended> {
        // An empty variable is one that is not set.
        let set = std::env::var(SERVER_VARIABLE).ok().filter(|text| !text.is_empty());
        let (what, text) = match (&self.server, set) {
            (Some(text), _) => ("--server", text.clone()),
            (None, Some(text)) => (SERVER_VARIABLE, text),
            (None, None) => ("server.listen", self.configured()?),
        };
        address(&text).map_err(|why| wrong(format!("{what}: {why}")))
    }

    /// Where the configuration lets the host listen.
    fn configured(&self) -> Result<String, Ended> {
        let Some(server) = installation::server(&self.config)? else {
            return Ok(format!("http://{DEFAULT}"));
        };
        let scheme = if server.tls.is_some() { "https" } else { "http" };
        let listen = match server.listen {
            any if any.port() == 0 => DEFAULT,
            any if any.ip() == Ipv4Addr::UNSPECIFIED => (Ipv4Addr::LOCALHOST, any.port()).into(),
            any if any.ip() == Ipv6Addr::UNSPECIFIED => (Ipv6Addr::LOCALHOST, any.port()).into(),
            one => one,
        };
        Ok(format!("{scheme}://{listen}"))
    }

    fn api_key(&self) -> Result<Option<String>, Ended> {
        let key = match &self.api_key_file {
            Some(file) => Some(fs::read_to_string(file).map_err(|error| {
                wrong(format!("--api-key-file {}: {error}; name a file with the key in it", file.display()))
            })?),
            None => std::env::var("GATEPOST_API_KEY").ok(),
        };
        let key = key.map(|key| key.trim().to_owned()).filter(|key| !key.is_empty());
        if key.as_ref().is_some_and(|key| HeaderValue::try_from(key.as_str()).is_err()) {
            return Err(wrong("the API key has a line break or control character in it; give the key alone"));
        }
        Ok(key)
    }
}

/// The command that lists what there is in place of what there is not, by the type of the problem.
fn list_of(problem: &str) -> Option<&'static str> {
    match problem.rsplit(':').next()? {
        "no-such-message" => Some("`gatepost messages` lists them"),
        "no-such-gateway" => Some("`gatepost gateways` lists them"),
        "no-such-provider" => Some("`gatepost providers` lists them"),
        "no-such-resource" => Some("look at --server"),
        _ => None,
    }
}

/// The certificates in a file.
fn authorities(file: &Path) -> Result<Vec<Certificate>, Ended> {
    let unfit = |why: &dyn std::fmt::Display| {
        wrong(format!("--ca-file {}: {why}; name a PEM file with the CA's certificate", file.display()))
    };
    let pem = fs::read(file).map_err(|error| unfit(&error))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|_| unfit(&"it is no PEM"))?;
    if found.is_empty() { Err(unfit(&"there is no certificate in it")) } else { Ok(found) }
}

impl Server {
    /// A request for the path of these segments.
    pub(super) fn request(
        &self,
        method: Method,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<RequestBuilder, Ended> {
        let mut url = self.url.clone();
        match url.path_segments_mut() {
            Ok(mut path) => drop(path.pop_if_empty().extend(segments)),
            Err(()) => return Err(wrong("--server: it can't have a path")),
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.client.request(method, url);
        Ok(match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        })
    }

    /// What stands at this path. `refused` says what did not come of it.
    pub(super) async fn get(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
        refused: &str,
    ) -> Result<Value, Ended> {
        self.ask(self.request(Method::GET, segments, query)?, refused, "ask again").await
    }

    /// Sends it, and returns the answer if it is a good one. `uncertain` says what no answer leaves open.
    pub(super) async fn ask(
        &self,
        request: RequestBuilder,
        refused: &str,
        uncertain: &str,
    ) -> Result<Value, Ended> {
        let progress = Progress::waiting(format!("waiting for {}", self.url));
        let answered = self.call(request, uncertain).await;
        drop(progress);
        let (status, answer) = answered?;
        if status.is_success() { Ok(answer) } else { Err(self.refused(refused, status, &answer)) }
    }

    /// A text that stands at this path.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub(super) async fn text(&self, segments: &[&str]) -> Result<String, String> {
        let request = self.request(Method::GET, segments, &[]).map_err(|_| String::new())?;
        let why = |error: reqwest::Error| self.unreachable(&error, "ask again");
        let response = request.send().await.map_err(why)?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("{} answers {}; look at --server", self.url, status.as_u16()));
        }
        response.text().await.map_err(why)
    }

    /// Its address.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Sends it. `uncertain` says what no answer leaves open.
    pub(super) async fn call(
        &self,
        request: RequestBuilder,
        uncertain: &str,
    ) -> Result<(StatusCode, Value), Ended> {
        let no_answer = |error: reqwest::Error| failed(self.unreachable(&error, uncertain));
        let response = request.send().await.map_err(no_answer)?;
        let status = response.status();
        let answer = response.bytes().await.map_err(no_answer)?;
        Ok((status, serde_json::from_slice(&answer).unwrap_or_default()))
    }

    /// Says why the host did not do it.
    pub(super) fn refused(&self, what: &str, status: StatusCode, answer: &Value) -> Ended {
        let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
        let reason = match (text("title"), text("detail")) {
            ("", _) => "this does not look like Gatepost".to_owned(),
            // How a client of its own would send the key.
            (title, _) if status == StatusCode::UNAUTHORIZED && self.key.is_none() => title.to_owned(),
            (title, detail) if detail.is_empty() || detail == title => title.to_owned(),
            (title, detail) => format!("{title}: {detail}"),
        };
        let mend = match status {
            _ if text("title").is_empty() => Some("look at --server"),
            StatusCode::UNAUTHORIZED if self.key.is_some() => Some(
                "give a key of the host's in GATEPOST_API_KEY or with --api-key-file; `gatepost api-key new` makes one",
            ),
            StatusCode::UNAUTHORIZED => {
                Some("put the API key into GATEPOST_API_KEY, or name a file with --api-key-file")
            }
            StatusCode::FORBIDDEN if self.key.is_some() => Some("use another API key"),
            StatusCode::SERVICE_UNAVAILABLE => Some("try again in a moment"),
            StatusCode::NOT_FOUND => list_of(text("type")),
            // The detail says it.
            StatusCode::FORBIDDEN | StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY => None,
            _ => Some("look at --server"),
        };
        let mend = mend.map(|mend| format!("; {mend}")).unwrap_or_default();
        report::error(format!("{what}: {} answers {}: {reason}{mend}", self.url, status.as_u16()));
        let errors = answer.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        // A single one is the detail already.
        for error in errors.iter().filter(|_| errors.len() > 1) {
            let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
            report::error(format!("{}: {}", text("pointer").trim_start_matches('/'), text("detail")));
        }
        if status.is_client_error() { Ended::Wrong } else { Ended::Failed }
    }

    fn unreachable(&self, error: &reqwest::Error, uncertain: &str) -> String {
        let (server, why) = (&self.url, cause(error));
        if why.contains("certificate") {
            format!("{server} can't be trusted: {why}; name the file of its CA with --ca-file")
        } else if why.contains("InvalidContentType") {
            // What answers a TLS handshake with something else.
            format!("{server} does not speak TLS; name it with http://, or give it a certificate")
        } else if error.is_timeout() {
            format!("no answer from {server} in time; {uncertain}")
        } else if error.is_connect() || error.is_builder() {
            format!("{server} can't be reached: {why}; does `gatepost serve` run there?")
        } else {
            format!("no answer from {server}: {why}; {uncertain}")
        }
    }
}

/// The innermost cause: what the outer ones say, the command says itself.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    printable::without_numbers(&cause.to_string())
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_an_http_address_without_a_password() {
        for good in ["http://127.0.0.1:8025", "https://sms.example", "http://[::1]:8025/"] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in [
            "localhost:8025",
            "ftp://sms.example",
            "http://",
            "http://a:hunter2@sms.example",
            "http://hunter2@x",
        ] {
            let why = address(bad).unwrap_err();
            assert!(!why.contains("hunter2"), "{why}");
        }
    }
}
