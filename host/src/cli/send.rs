//! `gatepost send`: through the running host, or in this process.

use super::{ConfigArgument, Ended, LogArguments, installation, report, serve::start_error};
use crate::{
    accept::Refusal,
    api,
    app::{self, SendError},
};
use reqwest::{StatusCode, Url, header::HeaderValue, redirect::Policy};
use serde_json::{Map, Value};
use std::{
    fs,
    io::{self, Read as _},
    path::PathBuf,
    time::Duration,
};
use tokio::runtime::Runtime;

/// Beyond the wait itself: what connecting and answering may take.
const GRACE: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gatepost send --to +491701234567 --gateway outbox 'Your code is 123456'
  echo 'disk full' | gatepost send --to +491701234567 --gateway outbox -
  gatepost send --direct --config ./gatepost.toml --to +491701234567 --gateway outbox test

Exit code: 0 sent, 1 not sent, 2 wrong usage or configuration.")]
pub(super) struct Send {
    /// Whom the message is for.
    #[arg(long, value_name = "RECIPIENT", allow_hyphen_values = true)]
    to: String,
    /// The gateway that it goes through.
    #[arg(long, conflicts_with = "route")]
    gateway: Option<String>,
    /// The route that it takes.
    #[arg(long)]
    route: Option<String>,
    /// The sender that the recipient is to see.
    #[arg(long)]
    from: Option<String>,
    /// A word for the kind of message.
    #[arg(long)]
    tag: Option<String>,
    /// How long to wait for the outcome, in seconds.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=60))]
    wait: u64,
    /// The running host.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8025", conflicts_with = "direct")]
    server: String,
    /// File with the API key; else it is taken from the environment, GATEPOST_API_KEY.
    #[arg(long, value_name = "FILE", conflicts_with = "direct")]
    api_key_file: Option<PathBuf>,
    /// Deliver in this process, without server and store.
    #[arg(long)]
    direct: bool,
    /// Print the message as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgument,
    #[command(flatten)]
    log: LogArguments,
    /// The text; `-` reads it from stdin, without the line break at its end.
    #[arg(allow_hyphen_values = true)]
    text: String,
}

/// Nothing of a wrong one is repeated, since a password may stand in it: that is why clap, which quotes what it refuses, does not
/// parse it.
fn server(text: &str) -> Result<Url, String> {
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

pub(super) fn run(arguments: &Send) -> Ended {
    match send(arguments) {
        Ok(ended) | Err(ended) => ended,
    }
}

fn failed(error: impl std::fmt::Display) -> Ended {
    report::error(error);
    Ended::Failed
}

fn wrong(error: impl std::fmt::Display) -> Ended {
    report::error(error);
    Ended::Wrong
}

fn send(arguments: &Send) -> Result<Ended, Ended> {
    // The outcome is what is asked for, not the way to it.
    arguments.log.init("warn")?;
    let body = body(arguments)?;
    let runtime = Runtime::new().map_err(failed)?;
    let ended = runtime.block_on(async {
        if arguments.direct {
            directly(arguments, &body).await
        } else {
            through_server(arguments, &body).await
        }
    });
    runtime.shutdown_background();
    ended
}

fn body(arguments: &Send) -> Result<Value, Ended> {
    let mut text = arguments.text.clone();
    if text == "-" {
        text.clear();
        io::stdin()
            .read_to_string(&mut text)
            .map_err(|error| wrong(format!("stdin can't be read: {error}; send UTF-8")))?;
        // The one that `echo` adds.
        if let Some(stripped) = text.strip_suffix('\n') {
            text.truncate(stripped.strip_suffix('\r').unwrap_or(stripped).len());
        }
    }
    let mut body = Map::new();
    let fields = [
        ("to", Some(&arguments.to)),
        ("text", Some(&text)),
        ("gateway", arguments.gateway.as_ref()),
        ("route", arguments.route.as_ref()),
        ("from", arguments.from.as_ref()),
        ("tag", arguments.tag.as_ref()),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            body.insert(name.into(), value.as_str().into());
        }
    }
    Ok(body.into())
}

/// Prints the message and says how it ended.
fn outcome(arguments: &Send, message: &Value) -> Ended {
    if arguments.json {
        report::line(message);
    }
    let text = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default();
    let (state, id, gateway) = (text("state"), text("id"), text("gateway"));
    if matches!(state, "sent" | "delivered") {
        if !arguments.json {
            let ids = message.get("provider_ids").and_then(Value::as_array).into_iter().flatten();
            let ids = ids.filter_map(Value::as_str).collect::<Vec<_>>().join(",");
            let ids = if ids.is_empty() { String::new() } else { format!("  ids={ids}") };
            report::line(format!("{state}  {id}  gateway={gateway}{ids}"));
        }
        return Ended::Well;
    }
    let last = message.get("attempts").and_then(Value::as_array).and_then(|attempts| attempts.last());
    let last =
        |name: &str| last.and_then(|attempt| attempt.get(name)).and_then(Value::as_str).unwrap_or_default();
    let (outcome, detail) = (last("outcome"), last("detail"));
    match (state, outcome) {
        ("queued" | "sending", _) => failed(format!(
            "not sent yet: {id} is {state} after {} s; ask for it later with GET /v1/messages/{id}",
            arguments.wait
        )),
        ("expired", _) => failed(format!("not sent: {id} expired; look at why gateway {gateway} is behind")),
        _ => failed(format!(
            "not sent: {id} {state}, {outcome} by gateway {gateway}: {detail}; {}",
            mend(outcome)
        )),
    }
}

fn mend(outcome: &str) -> &'static str {
    match outcome {
        "rejected" => "correct the recipient or the text",
        "misconfigured" => "correct the gateway's definition or credentials",
        "uncertain" => "it may have arrived: ask the recipient before you send it again",
        _ => "try again later",
    }
}

async fn directly(arguments: &Send, body: &Value) -> Result<Ended, Ended> {
    let config = installation::load(&arguments.config)?;
    let wait = Duration::from_secs(arguments.wait);
    match app::send_once(config, installation::provider_dirs(), body, wait).await {
        Ok(message) => Ok(outcome(arguments, &api::as_json(&message))),
        Err(SendError::Start(error)) => Err(start_error(&error)),
        Err(SendError::Refused(Refusal::Invalid(errors))) => {
            for error in errors {
                let field = error.pointer.trim_start_matches('/');
                let given = arguments.gateway.as_deref().filter(|_| field == "gateway");
                let given = given.map(|name| format!(" {name}")).unwrap_or_default();
                report::error(format!("{field}{given}: {}", error.detail));
            }
            Err(Ended::Wrong)
        }
        Err(SendError::Refused(refusal)) => Err(failed(refusal)),
    }
}

async fn through_server(arguments: &Send, body: &Value) -> Result<Ended, Ended> {
    let server = &server(&arguments.server).map_err(|why| wrong(format!("--server: {why}")))?;
    let mut url = server.join("/v1/messages").map_err(failed)?;
    url.query_pairs_mut().append_pair("wait", &arguments.wait.to_string());
    // Elsewhere is not where the text was meant to go.
    let mut client = reqwest::Client::builder()
        .redirect(Policy::none())
        .timeout(Duration::from_secs(arguments.wait) + GRACE);
    if is_loopback(&url) {
        // A proxy elsewhere can't reach this machine's own address.
        client = client.no_proxy();
        if url.scheme() == "http" {
            // A machine without system certificates can talk to itself all the same.
            client = client.tls_certs_only([]);
        }
    }
    let client = client.build().map_err(|error| failed(chain(&error)))?;
    let mut request = client.post(url.clone()).json(body);
    if let Some(key) = api_key(arguments)? {
        request = request.bearer_auth(key);
    }
    let response = request.send().await.map_err(|error| unreachable(server, &error))?;
    let status = response.status();
    let answer = response.bytes().await.map_err(|error| unreachable(server, &error))?;
    let answer = serde_json::from_slice::<Value>(&answer).unwrap_or_default();
    if status.is_success() && answer.get("state").is_some() {
        return Ok(outcome(arguments, &answer));
    }
    if let (StatusCode::BAD_GATEWAY, Some(message)) = (status, answer.get("message")) {
        return Ok(outcome(arguments, message));
    }
    Err(refused(arguments, status, &answer))
}

fn refused(arguments: &Send, status: StatusCode, answer: &Value) -> Ended {
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    let reason = match (text("title"), text("detail")) {
        ("", _) => "this does not look like Gatepost".to_owned(),
        (title, "") => title.to_owned(),
        (title, detail) => format!("{title}: {detail}"),
    };
    let mend = match status {
        StatusCode::UNAUTHORIZED => {
            "put the API key into GATEPOST_API_KEY, or name a file with --api-key-file"
        }
        StatusCode::FORBIDDEN => "use another API key",
        StatusCode::SERVICE_UNAVAILABLE => "try again in a moment",
        StatusCode::UNPROCESSABLE_ENTITY => "correct it",
        _ => "look at --server",
    };
    let gateway = arguments.gateway.as_deref().map(|name| format!(" for gateway {name}")).unwrap_or_default();
    report::error(format!(
        "not sent{gateway}: {} answers {}: {reason}; {mend}",
        arguments.server,
        status.as_u16()
    ));
    if status.is_client_error() { Ended::Wrong } else { Ended::Failed }
}

fn unreachable(server: &Url, error: &reqwest::Error) -> Ended {
    if !error.is_connect() && !error.is_builder() {
        return failed(format!(
            "no answer from {server}: {}; the message may have been accepted: ask the recipient before you send it again",
            chain(error)
        ));
    }
    failed(format!("{server} can't be reached: {}; does `gatepost serve` run there?", chain(error)))
}

/// The innermost cause: what the outer ones say, the command says itself.
fn chain(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn api_key(arguments: &Send) -> Result<Option<String>, Ended> {
    let key = match &arguments.api_key_file {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_an_http_address_without_a_password() {
        for good in ["http://127.0.0.1:8025", "https://sms.example", "http://[::1]:8025/"] {
            assert!(server(good).is_ok(), "{good}");
        }
        for bad in [
            "localhost:8025",
            "ftp://sms.example",
            "http://",
            "http://a:hunter2@sms.example",
            "http://hunter2@x",
        ] {
            let why = server(bad).unwrap_err();
            assert!(!why.contains("hunter2"), "{why}");
        }
    }
}
