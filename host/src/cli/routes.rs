//! `gatepost routes`

use super::{Ended, report, server::ServerArguments};
use reqwest::Method;
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
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List the routes.
    List,
    /// Say which gateways a message would be tried through, in which order, and why.
    Explain {
        /// Whom the message would be for.
        #[arg(long, value_name = "RECIPIENT", allow_hyphen_values = true)]
        to: String,
        /// Its tag.
        #[arg(long)]
        tag: Option<String>,
    },
}

pub(super) fn run(arguments: &Routes) -> Ended {
    super::block_on(async {
        let server = arguments.server.reach(LIMIT)?;
        let (segments, query) = match &arguments.what {
            None | Some(What::List) => (&["v1", "routes"][..], Vec::new()),
            Some(What::Explain { to, tag }) => {
                let tag = tag.as_deref().map(|tag| ("tag", tag));
                (&["v1", "routes", "explain"][..], std::iter::once(("to", to.as_str())).chain(tag).collect())
            }
        };
        let request = server.request(Method::GET, segments, &query)?;
        let (status, answer) = server.call(request, "ask again").await?;
        if !status.is_success() {
            let what = match arguments.what {
                Some(What::Explain { .. }) => "not explained",
                _ => "not listed",
            };
            return Err(server.refused(what, status, &answer));
        }
        if arguments.json {
            report::line(&answer);
        } else if answer.get("routes").is_some() {
            list(&answer);
        } else {
            explain(&answer);
        }
        Ok(Ended::Well)
    })
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or("-")
}

fn words(value: Option<&Value>) -> String {
    let words = value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    words.collect::<Vec<_>>().join(", ")
}

fn list(answer: &Value) {
    let routes = answer.get("routes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if routes.is_empty() {
        return report::line("there are no routes");
    }
    report::line(format!("{:<20} {:<12} {:<30} TAKES", "ROUTE", "STRATEGY", "GATEWAYS"));
    for route in routes {
        let member = |name: &str| words(route.get("match").and_then(|matching| matching.get(name)));
        let takes = match (member("prefix").as_str(), member("tag").as_str()) {
            ("", "") if text(route, "name") == "default" => "what no other takes".to_owned(),
            ("", "") => "what names it".to_owned(),
            (prefix, "") => format!("to {prefix}…"),
            ("", tag) => format!("tag {tag}"),
            (prefix, tag) => format!("to {prefix}… with tag {tag}"),
        };
        let (name, strategy) = (text(route, "name"), text(route, "strategy"));
        report::line(format!("{name:<20} {strategy:<12} {:<30} {takes}", words(route.get("gateways"))));
    }
}

fn explain(answer: &Value) {
    report::line(format!("route {}", text(answer, "route")));
    let gateways = answer.get("gateways").and_then(Value::as_array).into_iter().flatten();
    for (number, gateway) in gateways.enumerate() {
        let usable = gateway.get("usable").and_then(Value::as_bool).unwrap_or_default();
        let usable = if usable { "usable" } else { "not now" };
        report::line(format!(
            "{:>3}. {:<20} {usable:<8} {}",
            number + 1,
            text(gateway, "name"),
            text(gateway, "why")
        ));
    }
}
