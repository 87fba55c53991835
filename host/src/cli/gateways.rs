//! `gatepost gateways`

use super::{
    Ended,
    answer::{members, text},
    look::Look,
    report,
    server::{Server, ServerArguments},
    table::{Column, table},
};
use reqwest::Method;
use serde_json::{Map, Value};
use std::time::Duration;

/// How long an answer may take: that of a probe waits for the gateway's service.
const LIMIT: Duration = Duration::from_secs(10);
const PROBE_LIMIT: Duration = Duration::from_secs(120);

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gatepost gateways
  gatepost gateways --json
  gatepost gateways show clickatell
  gatepost gateways check clickatell --probe")]
pub(super) struct Gateways {
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
    /// List the gateways, and how they fare; with --json their definitions too, without secrets.
    #[command(after_help = "Examples:
  gatepost gateways list
  gatepost gateways list --json")]
    List,
    /// Show one gateway: how it fares, and its definition without secrets.
    #[command(after_help = "Examples:
  gatepost gateways show clickatell
  gatepost gateways show clickatell --json")]
    Show {
        /// Its name.
        name: String,
    },
    /// Have the provider look at the running definition. The API key needs the scope `admin`.
    #[command(after_help = "Examples:
  gatepost gateways check clickatell
  gatepost gateways check clickatell --probe

Exit code: 0 nothing is wrong, 1 something is, 2 wrong usage.")]
    Check {
        /// Its name.
        name: String,
        /// Contact the service behind it too, without sending a message.
        #[arg(long)]
        probe: bool,
    },
}

const COLUMNS: [Column; 6] = [
    Column::new("GATEWAY").cut(),
    Column::new("PROVIDER").cut().left_out(1),
    Column::new("STATE").state(),
    Column::new("QUEUED").number().left_out(2),
    Column::new("IN FLIGHT").number().left_out(3),
    Column::new("WHY").cut(),
];

pub(super) fn run(arguments: &Gateways) -> Ended {
    let json = arguments.json;
    super::block_on(async {
        let probe = matches!(arguments.what, Some(What::Check { probe: true, .. }));
        let server = arguments.server.reach(if probe { PROBE_LIMIT } else { LIMIT })?;
        match &arguments.what {
            None | Some(What::List) => {
                let answer = server.get(&["v1", "gateways"], &[], "not listed").await?;
                Ok(if json { report::json(&answer) } else { list(&answer) })
            }
            Some(What::Show { name }) => {
                let answer = server.get(&["v1", "gateways", name], &[], "not shown").await?;
                Ok(if json { report::json(&answer) } else { show(&answer) })
            }
            Some(What::Check { name, probe }) => check(&server, name, *probe, json).await,
        }
    })
}

fn list(answer: &Value) -> Ended {
    let gateways = members(answer, "gateways");
    if gateways.is_empty() {
        report::line("there are no gateways");
        return Ended::Well;
    }
    let row = |gateway: &Value| {
        ["name", "provider", "state", "queue_depth", "in_flight", "why"].map(|name| match gateway.get(name) {
            Some(Value::Null) | None => String::new(),
            Some(_) => text(gateway, name),
        })
    };
    let rows = gateways.iter().map(row).collect::<Vec<_>>();
    report::coloured(table(&COLUMNS, &rows, Look::of_stdout()));
    Ended::Well
}

/// What is a text or a number a line each, then the sections as tables.
fn show(gateway: &Value) -> Ended {
    let look = Look::of_stdout();
    let nothing = Map::new();
    let members = gateway.as_object().unwrap_or(&nothing);
    let is_section = |name: &str| matches!(name, "parameters" | "options" | "headers");
    for (name, value) in members.iter().filter(|(name, value)| !is_section(name) && !value.is_null()) {
        let shown = match name.as_str() {
            "breaker" => text(value, "state"),
            _ => text(gateway, name),
        };
        let state = if name == "state" { shown.as_str() } else { "" };
        report::coloured(format!("{name:<15} {}\n", look.paint(state, &shown)));
    }
    for (name, section) in members.iter().filter(|(name, _)| is_section(name)) {
        let Some(section) = section.as_object().filter(|section| !section.is_empty()) else { continue };
        report::text(format!("\n{name}\n"));
        let width = section.keys().map(|key| key.chars().count()).max().unwrap_or(0);
        for key in section.keys() {
            report::line(format!("  {key:<width$}  {}", text(&Value::Object(section.clone()), key)));
        }
    }
    Ended::Well
}

async fn check(server: &Server, name: &str, probe: bool, json: bool) -> Result<Ended, Ended> {
    let query = if probe { &[("probe", "1")][..] } else { &[] };
    let request = server.request(Method::POST, &["v1", "gateways", name, "check"], query)?;
    let answer = server.ask(request, "not checked", "ask again").await?;
    let (problems, probed) = (members(&answer, "problems"), answer.get("probe"));
    let is_well = problems.is_empty() && probed.is_none_or(|probed| text(probed, "outcome") == "ok");
    if json {
        report::json(&answer);
    } else {
        for (what, found) in [("", problems), ("warning: ", members(&answer, "warnings"))] {
            for one in found {
                let place = text(one, "pointer").trim_start_matches('/').replace('/', ".");
                report::line(format!("{what}{}: {place}: {}", text(one, "location"), text(one, "detail")));
            }
        }
        let look = Look::of_stdout();
        if let Some(probed) = probed {
            let [outcome, code, detail] = ["outcome", "code", "detail"].map(|name| text(probed, name));
            let code = if code == "-" { String::new() } else { format!(" ({code})") };
            let said = super::printable::line(&format!(": {detail}{code}"));
            report::coloured(format!("{name}: {}{said}\n", look.paint(&outcome, &outcome)));
        } else if problems.is_empty() {
            report::coloured(format!("{name}: {}\n", look.paint("ok", "no problem")));
        }
    }
    Ok(if is_well { Ended::Well } else { Ended::Failed })
}
