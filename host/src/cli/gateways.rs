//! `gatepost gateways`

use super::{
    Ended, report,
    server::ServerArguments,
    table::{Column, table, terminal_width},
};
use reqwest::Method;
use serde_json::Value;
use std::time::Duration;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gatepost gateways
  gatepost gateways --json")]
pub(super) struct Gateways {
    /// Print JSON: the definitions too, without their secrets.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArguments,
}

const COLUMNS: [Column; 6] = [
    Column { title: "GATEWAY", cut: true, left_out: None },
    Column { title: "PROVIDER", cut: true, left_out: Some(1) },
    Column { title: "STATE", cut: false, left_out: None },
    Column { title: "QUEUED", cut: false, left_out: Some(2) },
    Column { title: "IN FLIGHT", cut: false, left_out: Some(3) },
    Column { title: "WHY", cut: true, left_out: None },
];

pub(super) fn run(arguments: &Gateways) -> Ended {
    super::block_on(async {
        let server = arguments.server.reach(LIMIT)?;
        let request = server.request(Method::GET, &["v1", "gateways"], &[])?;
        let (status, answer) = server.call(request, "ask again").await?;
        if !status.is_success() {
            return Err(server.refused("not listed", status, &answer));
        }
        if arguments.json {
            report::line(&answer);
        } else {
            list(&answer);
        }
        Ok(Ended::Well)
    })
}

fn list(answer: &Value) {
    let gateways = answer.get("gateways").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if gateways.is_empty() {
        return report::line("there are no gateways");
    }
    let row = |gateway: &Value| {
        ["name", "provider", "state", "queue_depth", "in_flight", "why"].map(|name| match gateway.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        })
    };
    let rows = gateways.iter().map(row).collect::<Vec<_>>();
    report::text(table(&COLUMNS, &rows, terminal_width()));
}
