//! `gatepost providers`

mod markdown;

use super::{ConfigArgument, Ended, installation, report};
use crate::{
    app,
    config::Config,
    plugin::{Found, Library, Registry, Standing},
};
use gatepost_provider_api::{Kind, Parameter};
use markdown::Page;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gatepost providers
  gatepost providers script
  gatepost providers script --markdown > script.md")]
pub(super) struct Providers {
    /// Print what this provider takes.
    name: Option<String>,
    /// Print it as a page of Markdown.
    #[arg(long, requires = "name")]
    markdown: bool,
    #[command(flatten)]
    config: ConfigArgument,
}

pub(super) fn run(arguments: &Providers) -> Ended {
    match registry(arguments) {
        Err(ended) => ended,
        Ok(registry) => match &arguments.name {
            None => list(&registry),
            Some(name) => show(&registry, name, arguments.markdown),
        },
    }
}

fn registry(arguments: &Providers) -> Result<Registry, Ended> {
    // Without any configuration the installation's own providers are there all the same.
    let named = installation::config_file(&arguments.config).is_some();
    let config = if named { Some(installation::load(&arguments.config)?) } else { None };
    let config = config.unwrap_or_else(Config::empty);
    let failed = |error: &dyn std::fmt::Display| {
        report::error(error);
        Ended::Failed
    };
    let copies = app::temporary_folder().map_err(|error| failed(&error))?;
    // An opened library stays open when its file is gone.
    app::load_providers(&config, &installation::provider_dirs(), copies.path())
        .map_err(|error| failed(&error))
}

fn list(registry: &Registry) -> Ended {
    if registry.found().is_empty() {
        report::line("no provider was found");
    } else {
        row(["PROVIDER", "VERSION", "API", "STATE", "FILE"]);
    }
    for found in registry.found() {
        let (name, version, api) = match &found.identity {
            Some(identity) => {
                let (major, minor) = identity.api;
                (identity.name.as_str(), identity.version.as_str(), format!("{major}.{minor}"))
            }
            None => ("-", "-", "-".into()),
        };
        let (state, file) = standing(found);
        row([name, version, &api, state, &file]);
    }
    Ended::Well
}

fn standing(found: &Found) -> (&'static str, String) {
    let file = found.file.display();
    match &found.standing {
        Standing::Loaded(_) => ("loaded", file.to_string()),
        Standing::Refused(refusal) => ("refused", format!("{file}: {refusal}")),
        Standing::Shadowed { by } => ("shadowed", format!("{file}: {} has a higher version", by.display())),
    }
}

fn row([name, version, api, state, file]: [&str; 5]) {
    report::line(format!("{name:<14} {version:<10} {api:<5} {state:<9} {file}"));
}

fn show(registry: &Registry, name: &str, markdown: bool) -> Ended {
    match registry.provider(name) {
        Ok(library) => {
            if markdown {
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
    report::line(&declaration.description);
    if let Some(address) = &declaration.documentation {
        report::line(address);
    }
    table("Parameters, [gateways.NAME.parameters]", &declaration.parameters);
    table(&format!("Settings, [provider.{}]", identity.name), &declaration.settings);
    let allowed = |allowed| if allowed { "allowed" } else { "none" };
    report::line(format!(
        "\nOptions: {}. Headers: {}.",
        allowed(declaration.options_allowed),
        allowed(declaration.headers_allowed)
    ));
}

fn table(title: &str, parameters: &[Parameter]) {
    if parameters.is_empty() {
        return;
    }
    report::line(format!("\n{title}:"));
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
