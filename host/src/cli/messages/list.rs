//! `gatepost messages list`

use super::text;
use crate::cli::{
    Ended, report,
    server::Server,
    table::{Column, table, terminal_width},
};
use reqwest::Method;
use serde_json::{Value, json};

/// As many as one answer holds.
const PAGE: usize = 1000;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gatepost messages list
  gatepost messages list --state failed,expired --since 2026-01-01T00:00:00Z
  gatepost messages list --to +491701234567 --limit 5000 --json")]
pub(super) struct List {
    /// In one of these states: queued, sending, sent, delivered, undelivered, failed, expired, canceled.
    #[arg(long, value_name = "STATE,…")]
    state: Option<String>,
    /// Through this gateway.
    #[arg(long)]
    gateway: Option<String>,
    /// For this recipient.
    #[arg(long, value_name = "RECIPIENT", allow_hyphen_values = true)]
    to: Option<String>,
    /// With this tag.
    #[arg(long)]
    tag: Option<String>,
    /// Accepted then or later, such as 2026-01-01T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Accepted before.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// How many at most.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Go on where a former list ended: its `next_cursor`.
    #[arg(long)]
    cursor: Option<String>,
}

const COLUMNS: [Column; 6] = [
    Column { title: "ID", cut: false, left_out: None },
    Column { title: "CREATED", cut: false, left_out: Some(3) },
    Column { title: "STATE", cut: false, left_out: None },
    Column { title: "TO", cut: true, left_out: None },
    Column { title: "GATEWAY", cut: true, left_out: Some(1) },
    Column { title: "TAG", cut: true, left_out: Some(2) },
];

pub(super) async fn run(arguments: &List, server: &Server, as_json: bool) -> Result<Ended, Ended> {
    let limit = usize::try_from(arguments.limit).unwrap_or(usize::MAX);
    let mut messages = Vec::new();
    let mut cursor = arguments.cursor.clone();
    loop {
        let page = (limit - messages.len()).min(PAGE).to_string();
        let query = [
            ("state", &arguments.state),
            ("gateway", &arguments.gateway),
            ("to", &arguments.to),
            ("tag", &arguments.tag),
            ("since", &arguments.since),
            ("until", &arguments.until),
            ("cursor", &cursor),
        ];
        let given = query.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
        let query = given.chain([("limit", page.as_str())]).collect::<Vec<_>>();
        let request = server.request(Method::GET, &["v1", "messages"], &query)?;
        let (status, mut answer) = server.call(request, "ask again").await?;
        if !status.is_success() {
            return Err(server.refused("not listed", status, &answer));
        }
        if let Some(Value::Array(page)) = answer.get_mut("messages").map(Value::take) {
            messages.extend(page);
        }
        cursor = answer.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
        if cursor.is_none() || messages.len() >= limit {
            break;
        }
    }
    if as_json {
        report::line(json!({ "messages": messages, "next_cursor": cursor }));
    } else if messages.is_empty() {
        report::line("there are no such messages");
    } else {
        let rows = messages.iter().map(row).collect::<Vec<_>>();
        report::text(table(&COLUMNS, &rows, terminal_width()));
        if cursor.is_some() {
            report::line(format!("and more; --limit {} shows more of them", limit.saturating_mul(10)));
        }
    }
    Ok(Ended::Well)
}

fn row(message: &Value) -> [String; 6] {
    let mut row = ["id", "created_at", "state", "to", "gateway", "tag"].map(|name| text(message, name));
    if let Some(created) = row.get_mut(1)
        && let Some((seconds, _)) = created.split_once('.')
    {
        // Milliseconds are of no use to people.
        *created = format!("{seconds}Z");
    }
    row
}
