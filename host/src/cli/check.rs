//! `gatepost check`

use super::{
    ConfigArgument, Ended, LogArguments, failed, installation, progress::Progress, report, serve::start_error,
};
use crate::{
    app::{self, Checked},
    config::{ConfigProblem, Draft},
    gateway::Gateway,
    message::Outcome,
};
use futures_util::future::join_all;
use serde_json::json;
use std::path::Path;
use tokio::runtime::Runtime;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gatepost check
  gatepost check --config ./gatepost.toml
  gatepost check --probe
  gatepost check --json

Exit code: 0 nothing is wrong, 1 a probe failed, 2 the configuration is wrong.")]
pub(super) struct Check {
    /// Contact the service behind each gateway too, without sending a message.
    #[arg(long)]
    probe: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgument,
    #[command(flatten)]
    log: LogArguments,
}

pub(super) fn run(arguments: &Check) -> Ended {
    match check(arguments) {
        Ok(ended) | Err(ended) => ended,
    }
}

fn check(arguments: &Check) -> Result<Ended, Ended> {
    // What there is to say is printed: the log would say it again.
    arguments.log.init("off")?;
    let draft = installation::read(&arguments.config)?;
    let file = draft.config.file.clone();
    let checked = app::check(draft, &installation::provider_dirs()).map_err(|error| start_error(&error))?;
    if arguments.json {
        return document(&file, &checked, arguments.probe);
    }
    for found in &checked.refused {
        report::warning(found);
    }
    for warning in checked.warnings.iter() {
        report::warning(warning);
    }
    if !checked.problems.is_empty() {
        report::problems(&checked.problems);
        return Err(Ended::Wrong);
    }
    report::line(summary(&file, &checked));
    if !arguments.probe {
        return Ok(Ended::Well);
    }
    let probed = probe(&checked.gateways)?;
    for (gateway, probed) in checked.gateways.iter().zip(&probed) {
        let said = match probed {
            Ok(line) => format!("ok: {line}"),
            Err(outcome) => refusal(outcome),
        };
        report::line(format!("{}: {said}", gateway.name));
    }
    Ok(end(&probed))
}

/// All of it, for programs.
fn document(file: &Path, checked: &Checked, wants_probes: bool) -> Result<Ended, Ended> {
    let found = |problem: &ConfigProblem| {
        let ConfigProblem { location, key, what, mend } = problem;
        json!({ "location": location.to_string(), "key": key, "detail": format!("{what}; {mend}") })
    };
    let is_wrong = !checked.problems.is_empty();
    let probed = if wants_probes && !is_wrong { Some(probe(&checked.gateways)?) } else { None };
    let probes = probed.as_ref().map(|probed| {
        let line = |(gateway, probed): (&Gateway, &Result<String, Outcome>)| {
            let (outcome, code, detail) = match probed {
                Ok(line) => ("ok", None, Some(line)),
                Err(outcome) => (outcome.kind.as_str(), outcome.code.as_ref(), outcome.detail.as_ref()),
            };
            json!({ "gateway": &*gateway.name, "outcome": outcome, "code": code, "detail": detail })
        };
        checked.gateways.iter().zip(probed).map(line).collect::<Vec<_>>()
    });
    report::json(&json!({
        "file": file.display().to_string(),
        "gateways": checked.gateways.iter().map(|gateway| &*gateway.name).collect::<Vec<_>>(),
        "problems": checked.problems.iter().map(found).collect::<Vec<_>>(),
        "warnings": checked.warnings.iter().map(found).collect::<Vec<_>>(),
        "refused": checked.refused.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "probes": probes,
    }));
    Ok(if is_wrong { Ended::Wrong } else { end(&probed.unwrap_or_default()) })
}

fn end(probed: &[Result<String, Outcome>]) -> Ended {
    if probed.iter().all(Result::is_ok) { Ended::Well } else { Ended::Failed }
}

/// Prints all that is wrong with a configuration that is not to be used, also what its providers find.
pub(super) fn explain(draft: Draft) -> Ended {
    match app::check(draft, &installation::provider_dirs()) {
        Ok(checked) => {
            report::problems(&checked.problems);
            Ended::Wrong
        }
        Err(error) => start_error(&error),
    }
}

fn summary(file: &Path, checked: &Checked) -> String {
    let gateways = match checked.gateways.len() {
        1 => "1 gateway".to_owned(),
        number => format!("{number} gateways"),
    };
    format!("{}: {gateways}, no problem", file.display())
}

/// All at once, in the time of the slowest; in the order of the gateways.
fn probe(gateways: &[Gateway]) -> Result<Vec<Result<String, Outcome>>, Ended> {
    let runtime = Runtime::new().map_err(|error| {
        failed(format!("the probes can't run: {error}; raise the limits of this process"))
    })?;
    let progress = Progress::counting("services contacted", gateways.len());
    let probed = runtime.block_on(join_all(gateways.iter().map(|gateway| async {
        let probed = app::probe(gateway).await;
        progress.advance(1);
        probed
    })));
    drop(progress);
    // A provider whose threads hang must not keep the process from ending.
    runtime.shutdown_background();
    Ok(probed)
}

/// `misconfigured: wrong password (401)`
fn refusal(outcome: &Outcome) -> String {
    let detail = outcome.detail.as_deref().unwrap_or("no reason given");
    let code = outcome.code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
    format!("{}: {detail}{code}", outcome.kind.as_str())
}
