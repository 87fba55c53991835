//! `gatepost routes`

use super::{
    Ended,
    answer::{members, text},
    look::Look,
    report,
    server::ServerArguments,
    table::{Column, table},
};
use serde_json::Value;
use std::time::Duration;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gatepost routes
  gatepost routes explain --to +491701234567 --tag login")]
pub(super) struct Routes {
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
    /// List the routes.
    #[command(after_help = "Examples:
  gatepost routes list
  gatepost routes list --json")]
    List,
    /// Say which gateways a message would be tried through, in which order, and why.
    #[command(after_help = "Examples:
  gatepost routes explain --to +491701234567
  gatepost routes explain --to +491701234567 --tag login --json")]
    Explain {
        /// Whom the message would be for.
        #[arg(long, value_name = "RECIPIENT", allow_hyphen_values = true)]
        to: String,
        /// Its tag.
        #[arg(long)]
        tag: Option<String>,
    },
}

const COLUMNS: [Column; 4] = [
    Column::new("ROUTE").cut(),
    Column::new("STRATEGY").left_out(2),
    Column::new("GATEWAYS").cut(),
    Column::new("TAKES").cut().left_out(1),
];

const EXPLAINED: [Column; 4] = [
    Column::new("").number(),
    Column::new("GATEWAY").cut(),
    Column::new("NOW").state(),
    Column::new("WHY").cut(),
];

pub(super) fn run(arguments: &Routes) -> Ended {
    super::block_on(async {
        let server = arguments.server.reach(LIMIT)?;
        match &arguments.what {
            None | Some(What::List) => {
                let answer = server.get(&["v1", "routes"], &[], "not listed").await?;
                Ok(if arguments.json { report::json(&answer) } else { list(&answer) })
            }
            Some(What::Explain { to, tag }) => {
                let tag = tag.as_deref().map(|tag| ("tag", tag));
                let query = std::iter::once(("to", to.as_str())).chain(tag).collect::<Vec<_>>();
                let answer = server.get(&["v1", "routes", "explain"], &query, "not explained").await?;
                Ok(if arguments.json { report::json(&answer) } else { explain(&answer) })
            }
        }
    })
}

fn words(value: Option<&Value>) -> String {
    let words = value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    words.collect::<Vec<_>>().join(", ")
}

fn list(answer: &Value) -> Ended {
    let routes = members(answer, "routes");
    if routes.is_empty() {
        report::line("there are no routes");
        return Ended::Well;
    }
    let row = |route: &Value| {
        let member = |name: &str| words(route.get("match").and_then(|matching| matching.get(name)));
        let takes = match (member("prefix").as_str(), member("tag").as_str()) {
            ("", "") if text(route, "name") == "default" => "what no other takes".to_owned(),
            ("", "") => "what names it".to_owned(),
            (prefix, "") => format!("to {prefix}…"),
            ("", tag) => format!("tag {tag}"),
            (prefix, tag) => format!("to {prefix}… with tag {tag}"),
        };
        [text(route, "name"), text(route, "strategy"), words(route.get("gateways")), takes]
    };
    let rows = routes.iter().map(row).collect::<Vec<_>>();
    report::coloured(table(&COLUMNS, &rows, Look::of_stdout()));
    Ended::Well
}

fn explain(answer: &Value) -> Ended {
    report::line(format!("route {}", text(answer, "route")));
    let row = |(number, gateway): (usize, &Value)| {
        let usable = gateway.get("usable").and_then(Value::as_bool).unwrap_or_default();
        let usable = if usable { "usable" } else { "not now" };
        [format!("{}.", number + 1), text(gateway, "name"), usable.to_owned(), text(gateway, "why")]
    };
    let rows = members(answer, "gateways").iter().enumerate().map(row).collect::<Vec<_>>();
    report::coloured(table(&EXPLAINED, &rows, Look::of_stdout()));
    Ended::Well
}
