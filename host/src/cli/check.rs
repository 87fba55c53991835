//! `gatepost check`

use super::{
    ConfigArgument, Ended, LogArguments, installation, progress::Progress, report, serve::start_error,
};
use crate::{
    app::{self, Checked},
    config::Draft,
    gateway::Gateway,
    message::Outcome,
};
use futures_util::future::join_all;
use std::path::Path;
use tokio::runtime::Runtime;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gatepost check
  gatepost check --config ./gatepost.toml
  gatepost check --probe

Exit code: 0 nothing is wrong, 1 a probe failed, 2 the configuration is wrong.")]
pub(super) struct Check {
    /// Contact the service behind each gateway too, without sending a message.
    #[arg(long)]
    probe: bool,
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
    if arguments.probe { probe(&checked.gateways) } else { Ok(Ended::Well) }
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

/// All at once, in the time of the slowest; printed in the order of the configuration.
fn probe(gateways: &[Gateway]) -> Result<Ended, Ended> {
    let runtime = Runtime::new().map_err(|error| {
        report::error(format!("the probes can't run: {error}; raise the limits of this process"));
        Ended::Failed
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
    let mut ended = Ended::Well;
    for (gateway, probed) in gateways.iter().zip(probed) {
        match probed {
            Ok(line) => report::line(format!("{}: ok: {line}", gateway.name)),
            Err(outcome) => {
                report::line(format!("{}: {}", gateway.name, refusal(&outcome)));
                ended = Ended::Failed;
            }
        }
    }
    Ok(ended)
}

/// `misconfigured: wrong password (401)`
fn refusal(outcome: &Outcome) -> String {
    let detail = outcome.detail.as_deref().unwrap_or("no reason given");
    let code = outcome.code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
    format!("{}: {detail}{code}", outcome.kind.as_str())
}
