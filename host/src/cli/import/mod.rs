//! `gatepost import`: definitions of another system, as files for `gateways.d`.
//!
//! `export` reads the file, `gateway` and `servers` take its definitions apart and translate them, with `http`, `mail` and `proxies` for
//! what is particular to a module, `trial` has the providers look at the result, `folder` writes it, and `report` says what became of it.

mod export;
mod folder;
mod gateway;
mod http;
mod mail;
mod modules;
mod names;
mod plan;
mod proxies;
mod report;
mod servers;
mod trial;
mod yaml;

use super::{ConfigArgument, Ended, failed, installation, progress::Progress, report as terminal, wrong};
use crate::{app, config::Config, plugin::Registry};
use clap::Subcommand;
use export::Export;
use folder::Folder;
use plan::Plan;
use report::Report;
use std::{
    fs,
    path::{Path, PathBuf},
};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gatepost import privacyidea export.json --dry-run
  gatepost import privacyidea export.json --out /etc/gatepost")]
pub(super) struct Import {
    #[command(subcommand)]
    from: From,
}

#[derive(Debug, Subcommand)]
enum From {
    /// SMS gateways and SMTP servers of privacyIDEA, out of what `pi-manage config export` wrote.
    Privacyidea(Privacyidea),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  pi-manage config export --types smsgateway --types smtpserver --output export.json
  gatepost import privacyidea export.json --dry-run
  gatepost import privacyidea export.json --out /etc/gatepost
  gatepost check --config /etc/gatepost/gatepost.toml

Exit code: 0 all was taken over, 1 something was left out, 2 the export can't be read.")]
struct Privacyidea {
    /// The export, JSON or YAML. `-` reads it from the standard input.
    file: PathBuf,
    /// The definitions go into `gateways.d` below this folder.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Write nothing, and say what would be.
    #[arg(long)]
    dry_run: bool,
    /// Replace files that are there already and hold nothing else.
    #[arg(long)]
    force: bool,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgument,
}

pub(super) fn run(arguments: &Import) -> Ended {
    let From::Privacyidea(arguments) = &arguments.from;
    match privacyidea(arguments) {
        Ok(ended) | Err(ended) => ended,
    }
}

fn privacyidea(arguments: &Privacyidea) -> Result<Ended, Ended> {
    let export = Export::read(&arguments.file).map_err(wrong)?;
    let registry = registry(&arguments.config)?;
    let folder = Folder::look(&arguments.out, arguments.force);
    let progress = Progress::waiting("the providers look at the definitions");
    let plan = Plan::new(&export, &registry, &folder);
    drop(progress);
    let mut plan = plan.map_err(|error| {
        failed(format!("the definitions can't be tried: {error}; make room for temporary files"))
    })?;
    if !arguments.dry_run {
        plan.write(&folder);
    }
    let (environment, files) =
        (plan.environment(), plan.files(&folder, &script_folder(arguments, &registry)));
    let (gateways, smtp_servers) = plan.entries();
    let report = Report {
        export: arguments.file.clone(),
        format: export.format,
        version: export.version,
        dry_run: arguments.dry_run,
        gateways,
        smtp_servers,
        environment,
        files,
        ignored_sections: export.others,
    };
    if arguments.json {
        terminal::json(&report);
    } else {
        terminal::text(&report);
    }
    Ok(if report.is_whole() { Ended::Well } else { Ended::Failed })
}

/// The providers of the installation. A configuration with problems still says where they are: what is imported may be what it misses.
fn registry(config: &ConfigArgument) -> Result<Registry, Ended> {
    let named = installation::config_file(config).is_some();
    let config = if named {
        let draft = installation::read(config)?;
        if draft.doubts.pins || draft.doubts.dirs {
            if let Err(problems) = draft.complete() {
                terminal::problems(problems);
            }
            return Err(Ended::Wrong);
        }
        draft.config
    } else {
        Config::empty()
    };
    let copies = app::temporary_folder().map_err(failed)?;
    // An opened library stays open when its file is gone.
    app::load_providers(&config, &installation::provider_dirs(), copies.path()).map_err(failed)
}

/// Where the scripts will be looked for: by the configuration beside the definitions, else by the one that counts, else by default.
fn script_folder(arguments: &Privacyidea, registry: &Registry) -> PathBuf {
    let beside = arguments.out.join("gatepost.toml");
    let files = [Some(beside), installation::config_file(&arguments.config)];
    let named = files.into_iter().flatten().find(|file| file.exists()).and_then(|file| named_folder(&file));
    let default = || {
        let script = registry.provider("script").ok()?;
        let setting = script.declaration.settings.iter().find(|setting| setting.name == "directory")?;
        setting.default.clone().map(PathBuf::from)
    };
    named.or_else(default).unwrap_or_default()
}

fn named_folder(config: &Path) -> Option<PathBuf> {
    let table = fs::read_to_string(config).ok()?.parse::<::toml::Table>().ok()?;
    let settings = table.get("provider")?.get("script")?;
    let folder = ["directory", "PI_SCRIPT_SMSPROVIDER_DIRECTORY"].iter().find_map(|key| settings.get(key))?;
    Some(config.parent()?.join(folder.as_str()?))
}
