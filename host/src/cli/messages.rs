//! `gatepost messages`

mod list;

use super::{Ended, report, server::ServerArguments};
use reqwest::Method;
use serde_json::Value;
use std::time::Duration;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gatepost messages list --state failed
  gatepost messages show 01a20dd4-9d13-742c-b3ec-358b8a0aa766
  gatepost messages cancel 01a20dd4-9d13-742c-b3ec-358b8a0aa766")]
pub(super) struct Messages {
    #[command(subcommand)]
    what: What,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List messages, the last accepted first.
    List(list::List),
    /// Show one message: its state, what was tried, and when.
    Show {
        /// Its id.
        id: String,
    },
    /// Cancel a message that is still queued.
    Cancel {
        /// Its id.
        id: String,
    },
}

pub(super) fn run(arguments: &Messages) -> Ended {
    super::block_on(async {
        let server = arguments.server.reach(LIMIT)?;
        let (method, id, what, uncertain) = match &arguments.what {
            What::List(wanted) => return list::run(wanted, &server, arguments.json).await,
            What::Show { id } => (Method::GET, id, "not found", "ask again"),
            What::Cancel { id } => {
                (Method::DELETE, id, "not canceled", "look at the message before you go on")
            }
        };
        let request = server.request(method, &["v1", "messages", id], &[])?;
        let (status, answer) = server.call(request, uncertain).await?;
        if !status.is_success() {
            return Err(server.refused(what, status, &answer));
        }
        if arguments.json {
            report::line(&answer);
        } else {
            show(&answer);
        }
        Ok(Ended::Well)
    })
}

fn text(value: &Value, name: &str) -> String {
    match value.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => "-".to_owned(),
        Some(other) => other.to_string(),
    }
}

fn show(message: &Value) {
    for name in
        ["id", "state", "reason", "to", "route", "gateway", "tag", "priority", "created_at", "expires_at"]
    {
        report::line(format!("{name:<12} {}", text(message, name)));
    }
    let list =
        |name: &str| message.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for event in list("events") {
        report::line(format!("{:<12} {}  {}", "event", text(event, "at"), text(event, "state")));
    }
    for attempt in list("attempts") {
        let [at, gateway, outcome, code, detail] =
            ["started_at", "gateway", "outcome", "code", "detail"].map(|name| text(attempt, name));
        report::line(format!("{:<12} {at}  {gateway}: {outcome} ({code}) {detail}", "attempt"));
    }
}
