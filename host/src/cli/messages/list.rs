//! `gatepost messages list`

use crate::cli::{
    Ended,
    answer::{text, time},
    look::Look,
    progress::Progress,
    report,
    server::Server,
    table::{Column, table},
};
use reqwest::Method;
use serde_json::{Value, json};

/// As many as one answer holds.
const PAGE: usize = 1000;

/// As many as are listed where nothing is said.
const LIMIT: u32 = 100;

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
    #[arg(long, default_value_t = LIMIT, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Go on where a former list ended: its `next_cursor`.
    #[arg(long)]
    cursor: Option<String>,
}

impl Default for List {
    fn default() -> Self {
        Self {
            state: None,
            gateway: None,
            to: None,
            tag: None,
            since: None,
            until: None,
            limit: LIMIT,
            cursor: None,
        }
    }
}

const COLUMNS: [Column; 6] = [
    Column::new("ID"),
    Column::new("CREATED").left_out(3),
    Column::new("STATE").state(),
    Column::new("TO").cut(),
    Column::new("GATEWAY").cut().left_out(1),
    Column::new("TAG").cut().left_out(2),
];

pub(super) async fn run(arguments: &List, server: &Server, as_json: bool) -> Result<Ended, Ended> {
    let limit = usize::try_from(arguments.limit).unwrap_or(usize::MAX);
    let mut messages = Vec::new();
    let mut cursor = arguments.cursor.clone();
    let progress = Progress::counting("messages", limit);
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
            progress.advance(page.len());
            messages.extend(page);
        }
        cursor = answer.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
        if cursor.is_none() || messages.len() >= limit {
            break;
        }
    }
    drop(progress);
    if as_json {
        return Ok(report::json(&json!({ "messages": messages, "next_cursor": cursor })));
    }
    if messages.is_empty() {
        report::line("there are no such messages");
    } else {
        let rows = messages.iter().map(row).collect::<Vec<_>>();
        report::coloured(table(&COLUMNS, &rows, Look::of_stdout()));
        if cursor.is_some() {
            report::line(format!("and more; --limit {} shows more of them", limit.saturating_mul(10)));
        }
    }
    Ok(Ended::Well)
}

fn row(message: &Value) -> [String; 6] {
    let [id, state, to, gateway, tag] =
        ["id", "state", "to", "gateway", "tag"].map(|name| text(message, name));
    [id, time(message, "created_at"), state, to, gateway, tag]
}
