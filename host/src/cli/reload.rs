//! `gatepost reload`

use super::{
    Ended,
    answer::{members, text},
    report,
    server::ServerArguments,
};
use reqwest::Method;
use serde_json::Value;
use std::time::Duration;

/// How long it may take to open the libraries and build the gateways.
const LIMIT: Duration = Duration::from_secs(120);

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gatepost reload
  gatepost reload --json

The API key needs the scope `admin`. Without one, `kill -HUP` the host, or `systemctl reload gatepost`.")]
pub(super) struct Reload {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArguments,
}

pub(super) fn run(arguments: &Reload) -> Ended {
    super::block_on(async {
        let server = arguments.server.reach(LIMIT)?;
        let request = server.request(Method::POST, &["v1", "reload"], &[])?;
        let answer = server.ask(request, "not reloaded", "look at the host's log").await?;
        Ok(if arguments.json { report::json(&answer) } else { say(&answer) })
    })
}

fn say(answer: &Value) -> Ended {
    for warning in members(answer, "warnings") {
        report::warning(warning.as_str().unwrap_or_default());
    }
    let gateways = answer.get("gateways").unwrap_or(&Value::Null);
    for what in ["added", "changed", "removed"] {
        for name in members(gateways, what).iter().filter_map(Value::as_str) {
            report::line(format!("{what} {name}"));
        }
    }
    let kept = text(gateways, "kept");
    report::line(format!("reloaded, {kept} kept as they were"));
    Ended::Well
}
