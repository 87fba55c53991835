//! The command line: one file a command.

mod answer;
mod api_key;
mod check;
mod gateways;
mod import;
mod installation;
mod look;
mod manual;
mod messages;
mod printable;
mod progress;
mod providers;
mod reload;
mod report;
mod routes;
mod send;
mod serve;
mod server;
mod table;
mod top;

use crate::telemetry::LogFormat;
use clap::{Parser, Subcommand};
use std::{path::PathBuf, process::ExitCode};

/// How a command ended, as far as the shell is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Well,
    /// What was to be done was not done.
    Failed,
    /// The command or the configuration is wrong.
    Wrong,
}

impl From<Ended> for ExitCode {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Well => Self::SUCCESS,
            Ended::Failed => Self::from(1),
            Ended::Wrong => Self::from(2),
        }
    }
}

/// Delivery gateway for one-time passwords, alerts and push notifications.
#[derive(Debug, Parser)]
#[command(
    name = "gatepost",
    version,
    arg_required_else_help = true,
    after_help = "Examples:
  gatepost check --config /etc/gatepost/gatepost.toml
  gatepost serve --config /etc/gatepost/gatepost.toml
  gatepost send --to +491701234567 --gateway outbox 'Your code is 123456'
  gatepost messages list --state failed
  gatepost top
  gatepost providers script"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the host.
    Serve(Serve),
    /// Check the configuration: every problem at once, with file, line and key.
    Check(check::Check),
    /// Deliver one message now and print what became of it.
    Send(Box<send::Send>),
    /// List the messages of the running host, show one, or cancel it.
    Messages(Box<messages::Messages>),
    /// List the gateways of the running host and how they fare, show one, or have one checked.
    Gateways(gateways::Gateways),
    /// List the routes of the running host, or explain which gateways a message would take.
    Routes(routes::Routes),
    /// Watch the running host: its gateways, their queues, how fast they are.
    Top(top::Top),
    /// Have the running host read its configuration again.
    Reload(reload::Reload),
    /// List the providers that are found, or print what one of them takes.
    Providers(providers::Providers),
    /// Make keys for those who use the API.
    ApiKey(api_key::ApiKey),
    /// Take over the definitions of another system.
    Import(import::Import),
    /// Print shell completions.
    #[command(hide = true)]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write the man pages.
    #[command(hide = true)]
    Man {
        /// The folder that they go into.
        folder: PathBuf,
    },
    /// Print the OpenAPI document that the host answers at /openapi.json.
    #[command(hide = true, name = "openapi")]
    OpenApi,
}

/// Where options that several commands share stand in a help: clap would mix them with those that only this one has.
const AFTER_ITS_OWN: usize = 100;

/// The configuration file, for every command that reads one.
#[derive(Debug, clap::Args)]
struct ConfigArgument {
    /// Configuration file. Default: GATEPOST_CONFIG of the environment, then etc/gatepost/gatepost.toml of the installation, then /etc/gatepost/gatepost.toml.
    // Not by clap, for which an empty variable is a value that is missing.
    #[arg(long, global = true, display_order = AFTER_ITS_OWN, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Where the log goes on, for every command that writes one.
#[derive(Debug, clap::Args)]
struct LogArguments {
    /// What is logged: error, warn, info, debug, trace, or directives such as `info,gatepost::delivery=debug`.
    #[arg(long = "log", value_name = "LEVEL", env = "GATEPOST_LOG")]
    level: Option<String>,
    /// How log lines look.
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
}

impl LogArguments {
    /// Starts the log; `default` counts where nothing is said.
    fn init(&self, default: &str) -> Result<(), Ended> {
        let level = self.level.as_deref().filter(|level| !level.is_empty()).unwrap_or(default);
        crate::telemetry::init(level, self.log_format).map_err(|error| {
            report::error(&error);
            Ended::Wrong
        })
    }
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gatepost serve
  gatepost serve --config ./gatepost.toml --log debug
  GATEPOST_LOG=warn gatepost serve --log-format json")]
struct Serve {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(flatten)]
    log: LogArguments,
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    // A usage error ends here, with exit code 2.
    let ended = match Cli::parse().command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Send(arguments) => send::run(&arguments),
        Command::Messages(arguments) => messages::run(&arguments),
        Command::Gateways(arguments) => gateways::run(&arguments),
        Command::Routes(arguments) => routes::run(&arguments),
        Command::Top(arguments) => top::run(&arguments),
        Command::Reload(arguments) => reload::run(&arguments),
        Command::Providers(arguments) => providers::run(&arguments),
        Command::ApiKey(arguments) => api_key::run(&arguments),
        Command::Import(arguments) => import::run(&arguments),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man { folder } => manual::man(&folder),
        Command::OpenApi => manual::openapi(),
    };
    ended.into()
}

fn failed(error: impl std::fmt::Display) -> Ended {
    report::error(error);
    Ended::Failed
}

fn wrong(error: impl std::fmt::Display) -> Ended {
    report::error(error);
    Ended::Wrong
}

/// Runs a command that talks to somebody.
fn block_on(command: impl Future<Output = Result<Ended, Ended>>) -> Ended {
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => match runtime.block_on(command) {
            Ok(ended) | Err(ended) => ended,
        },
        Err(error) => failed(error),
    }
}
