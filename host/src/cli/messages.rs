//! `gatepost messages`

mod list;

use super::{
    Ended,
    answer::{members, text},
    look::Look,
    report,
    server::ServerArguments,
    table::{Column, table},
};
use reqwest::Method;
use serde_json::Value;
use std::time::Duration;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gatepost messages
  gatepost messages list --state failed
  gatepost messages show 01a20dd4-9d13-742c-b3ec-358b8a0aa766
  gatepost messages cancel 01a20dd4-9d13-742c-b3ec-358b8a0aa766")]
pub(super) struct Messages {
    #[command(subcommand)]
    what: Option<What>,
    /// Print JSON.
    #[arg(long, global = true, display_order = super::AFTER_ITS_OWN)]
    json: bool,
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List messages, the last accepted first.
    List(list::List),
    /// Show one message: its state, what was tried, and when.
    #[command(after_help = "Examples:
  gatepost messages show 01a20dd4-9d13-742c-b3ec-358b8a0aa766
  gatepost messages show 01a20dd4-9d13-742c-b3ec-358b8a0aa766 --json")]
    Show {
        /// Its id.
        id: String,
    },
    /// Cancel a message that is still queued.
    #[command(after_help = "Examples:
  gatepost messages cancel 01a20dd4-9d13-742c-b3ec-358b8a0aa766")]
    Cancel {
        /// Its id.
        id: String,
    },
}

pub(super) fn run(arguments: &Messages) -> Ended {
    super::block_on(async {
        let server = arguments.server.reach(LIMIT)?;
        let message = match &arguments.what {
            None => return list::run(&list::List::default(), &server, arguments.json).await,
            Some(What::List(wanted)) => return list::run(wanted, &server, arguments.json).await,
            Some(What::Show { id }) => server.get(&["v1", "messages", id], &[], "not found").await?,
            Some(What::Cancel { id }) => {
                let request = server.request(Method::DELETE, &["v1", "messages", id], &[])?;
                server.ask(request, "not canceled", "look at the message before you go on").await?
            }
        };
        Ok(if arguments.json { report::json(&message) } else { show(&message) })
    })
}

const EVENTS: [Column; 2] = [Column::new("EVENT"), Column::new("STATE").state()];

const ATTEMPTS: [Column; 5] = [
    Column::new("ATTEMPT"),
    Column::new("GATEWAY").cut(),
    Column::new("OUTCOME").state(),
    Column::new("CODE").cut(),
    Column::new("DETAIL").cut(),
];

const RECEIPTS: [Column; 5] = [
    Column::new("RECEIPT"),
    Column::new("PART").cut(),
    Column::new("STATUS").state(),
    Column::new("CODE").cut(),
    Column::new("DETAIL").cut(),
];

fn show(message: &Value) -> Ended {
    let look = Look::of_stdout();
    for name in
        ["id", "state", "reason", "to", "route", "gateway", "tag", "priority", "created_at", "expires_at"]
    {
        let text = text(message, name);
        let state = if name == "state" { text.as_str() } else { "" };
        report::coloured(format!("{name:<12} {}\n", look.paint(state, &text)));
    }
    section(message, "events", &EVENTS, ["at", "state"], look);
    section(message, "attempts", &ATTEMPTS, ["started_at", "gateway", "outcome", "code", "detail"], look);
    section(message, "receipts", &RECEIPTS, ["at", "provider_id", "status", "code", "detail"], look);
    Ended::Well
}

/// The list as a table, if there is anything in it.
fn section<const N: usize>(message: &Value, list: &str, columns: &[Column; N], names: [&str; N], look: Look) {
    let rows = members(message, list).iter().map(|one| names.map(|name| text(one, name))).collect::<Vec<_>>();
    if !rows.is_empty() {
        report::coloured(format!("\n{}", table(columns, &rows, look)));
    }
}
