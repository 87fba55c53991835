//! `gatepost send`: through the running host, or in this process.

use super::{
    Ended, LogArguments, failed, installation, look::Look, printable, progress::Progress, report,
    serve::start_error, server::ServerArguments, wrong,
};
use crate::{
    accept::Refusal,
    app::{self, SendError},
    message,
};
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value};
use std::{
    io::{self, Read as _},
    time::Duration,
};
use tokio::runtime::Runtime;

/// Beyond the wait itself: what connecting and answering may take.
const GRACE: Duration = Duration::from_secs(10);

const WAITING: &str = "waiting for the outcome";

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gatepost send --to +491701234567 --gateway outbox 'Your code is 123456'
  echo 'disk full' | gatepost send --to +491701234567 --gateway outbox -
  gatepost send --to +491701234567 --route default 'Your code is 123456'
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
    #[command(flatten)]
    server: ServerArguments,
    /// Deliver in this process, without server and store.
    #[arg(long, conflicts_with_all = ["server", "api_key_file", "ca_file"])]
    direct: bool,
    /// Print the message as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    log: LogArguments,
    /// The text; `-` reads it from stdin, without the line break at its end.
    #[arg(allow_hyphen_values = true)]
    text: String,
}

pub(super) fn run(arguments: &Send) -> Ended {
    match send(arguments) {
        Ok(ended) | Err(ended) => ended,
    }
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
        report::json(message);
    }
    let text = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default();
    let (state, id, gateway) = (text("state"), text("id"), text("gateway"));
    if matches!(state, "sent" | "delivered") {
        if !arguments.json {
            let ids = message.get("provider_ids").and_then(Value::as_array).into_iter().flatten();
            let ids = ids.filter_map(Value::as_str).collect::<Vec<_>>().join(",");
            let ids = if ids.is_empty() { String::new() } else { format!("  ids={ids}") };
            let state = Look::of_stdout().paint(state, state);
            report::coloured(format!(
                "{state}  {}\n",
                printable::line(&format!("{id}  gateway={gateway}{ids}"))
            ));
        }
        return Ended::Well;
    }
    let last = message.get("attempts").and_then(Value::as_array).and_then(|attempts| attempts.last());
    let last =
        |name: &str| last.and_then(|attempt| attempt.get(name)).and_then(Value::as_str).unwrap_or_default();
    let (outcome, detail) = (last("outcome"), last("detail"));
    match (state, outcome) {
        ("queued" | "sending", "") => failed(format!(
            "not sent yet: {id} is {state} after {} s; ask for it later with `gatepost messages show {id}`",
            arguments.wait
        )),
        ("queued" | "sending", _) if !arguments.direct => failed(format!(
            "not sent yet: {id} is {state} after {} s, last {outcome} by gateway {gateway}: {detail}; ask for it later with `gatepost messages show {id}`",
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
    let config = installation::load(&arguments.server.config)?;
    let wait = Duration::from_secs(arguments.wait);
    let progress = Progress::waiting(WAITING);
    let sent = app::send_once(config, installation::provider_dirs(), body, wait).await;
    drop(progress);
    match sent {
        Ok(message) => Ok(outcome(arguments, &message::as_json(&message))),
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
    let limit = Duration::from_secs(arguments.wait) + GRACE;
    let server = arguments.server.reach(limit)?;
    let wait = arguments.wait.to_string();
    let request = server.request(Method::POST, &["v1", "messages"], &[("wait", &wait)])?;
    let progress = Progress::waiting(WAITING);
    let uncertain = "the message may have been accepted: ask the recipient before you send it again";
    let answered = server.call(request.json(body), uncertain).await;
    drop(progress);
    let (status, answer) = answered?;
    if status.is_success() && answer.get("state").is_some() {
        return Ok(outcome(arguments, &answer));
    }
    if let (StatusCode::BAD_GATEWAY, Some(message)) = (status, answer.get("message")) {
        return Ok(outcome(arguments, message));
    }
    let gateway = arguments.gateway.as_deref().map(|name| format!(" for gateway {name}")).unwrap_or_default();
    Err(server.refused(&format!("not sent{gateway}"), status, &answer))
}
