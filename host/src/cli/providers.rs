//! `gatepost providers`

mod markdown;

use super::{
    ConfigArgument, Ended, failed, installation,
    look::Look,
    report,
    table::{Column, table},
};
use crate::{
    api::providers as api,
    app,
    config::{Config, ConfigProblem, ConfigProblems, Draft},
    plugin::{Found, Library, Registry, Standing},
};
use gatepost_provider_api::{Kind, Parameter};
use markdown::Page;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gatepost providers
  gatepost providers script
  gatepost providers --json
  gatepost providers script --markdown > script.md")]
pub(super) struct Providers {
    /// Print what this provider takes.
    name: Option<String>,
    /// Print it as a page of Markdown.
    #[arg(long, requires = "name")]
    markdown: bool,
    /// Print JSON.
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    #[command(flatten)]
    config: ConfigArgument,
}

pub(super) fn run(arguments: &Providers) -> Ended {
    match registry(arguments) {
        Err(ended) => ended,
        Ok(registry) => match &arguments.name {
            None if arguments.json => report::json(&api::listed(&registry)),
            None => list(&registry),
            Some(name) => show(&registry, name, arguments),
        },
    }
}

fn registry(arguments: &Providers) -> Result<Registry, Ended> {
    // Without any configuration the installation's own providers are there all the same.
    let named = installation::config_file(&arguments.config).is_some();
    let config = if named { configured(&arguments.config)? } else { Config::empty() };
    let copies = app::temporary_folder().map_err(failed)?;
    // An opened library stays open when its file is gone.
    app::load_providers(&config, &installation::provider_dirs(), copies.path()).map_err(failed)
}

/// The configuration as far as libraries are concerned: a gateway that is wrong hides no provider that would help to mend it.
fn configured(argument: &ConfigArgument) -> Result<Config, Ended> {
    let Draft { config, problems, .. } = installation::read(argument)?;
    let is_of_libraries = |problem: &ConfigProblem| {
        matches!(problem.key.split('.').next(), Some("plugins" | "provider" | ConfigProblem::SYNTAX))
    };
    let (own, others): (Vec<_>, Vec<_>) = problems.into_iter().partition(is_of_libraries);
    if !own.is_empty() {
        report::problems(ConfigProblems::new(own));
        return Err(Ended::Wrong);
    }
    if !others.is_empty() {
        report::warning("something else is wrong with the configuration; `gatepost check` says what");
    }
    Ok(config)
}

const COLUMNS: [Column; 6] = [
    Column::new("PROVIDER"),
    Column::new("VERSION").left_out(2),
    Column::new("API").left_out(1),
    Column::new("STATE").state(),
    Column::new("FILE").cut().left_out(0),
    Column::new("WHY").cut(),
];

fn list(registry: &Registry) -> Ended {
    if registry.found().is_empty() {
        report::line("no provider was found");
        return Ended::Well;
    }
    let rows = registry.found().iter().map(row).collect::<Vec<_>>();
    report::coloured(table(&COLUMNS, &rows, Look::of_stdout()));
    Ended::Well
}

fn row(found: &Found) -> [String; 6] {
    let [name, version, api] = match &found.identity {
        Some(identity) => {
            let (major, minor) = identity.api;
            [identity.name.clone(), identity.version.clone(), format!("{major}.{minor}")]
        }
        None => ["-", "-", "-"].map(str::to_owned),
    };
    let (state, why) = match &found.standing {
        Standing::Loaded(_) => ("loaded", String::new()),
        Standing::Refused(refusal) => ("refused", refusal.to_string()),
        Standing::Shadowed { by } => ("shadowed", format!("{} has a higher version", by.display())),
    };
    [name, version, api, state.to_owned(), found.file.display().to_string(), why]
}

fn show(registry: &Registry, name: &str, arguments: &Providers) -> Ended {
    match registry.provider(name) {
        Ok(library) => {
            if let Some(found) = registry.of_name(name).filter(|_| arguments.json) {
                return report::json(&api::details(found));
            }
            if arguments.markdown {
                report::text(Page { name: &library.identity.name, declaration: &library.declaration });
            } else {
                describe(library);
            }
            Ended::Well
        }
        Err(refusal) => {
            report::error(refusal);
            Ended::Wrong
        }
    }
}

fn describe(library: &Library) {
    let (identity, declaration) = (&library.identity, &library.declaration);
    report::line(format!("{} {} ({})", identity.name, identity.version, library.file.display()));
    report::text(format!("{}\n", declaration.description));
    if let Some(address) = &declaration.documentation {
        report::line(address);
    }
    parameters("Parameters, [gateways.NAME.parameters]", &declaration.parameters);
    parameters(&format!("Settings, [provider.{}]", identity.name), &declaration.settings);
    let allowed = |allowed| if allowed { "allowed" } else { "none" };
    report::text(format!(
        "\nOptions: {}. Headers: {}.\n",
        allowed(declaration.options_allowed),
        allowed(declaration.headers_allowed)
    ));
}

fn parameters(title: &str, parameters: &[Parameter]) {
    if parameters.is_empty() {
        return;
    }
    report::text(format!("\n{title}:\n"));
    for parameter in parameters {
        let mut facts = vec![kind(&parameter.kind)];
        if parameter.required {
            facts.push("required".into());
        }
        if let Some(default) = &parameter.default {
            facts.push(format!("default {default}"));
        }
        if parameter.is_secret() {
            facts.push("secret".into());
        }
        if !parameter.aliases.is_empty() {
            facts.push(format!("also called {}", parameter.aliases.join(", ")));
        }
        report::line(format!("  {:<14} {}", parameter.name, facts.join("; ")));
        if !parameter.description.is_empty() {
            report::line(format!("  {:<14} {}", "", parameter.description));
        }
    }
}

fn kind(kind: &Kind) -> String {
    match kind {
        Kind::YesNo => "yes or no".into(),
        Kind::Integer { min, max } => format!("whole number from {min} to {max}"),
        Kind::Seconds => "seconds".into(),
        Kind::Choice { values } => values.join(" or "),
        Kind::Path => "path".into(),
        Kind::Table => "table".into(),
        _ => "text".into(),
    }
}
