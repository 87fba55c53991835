//! `gatepost completions`, `gatepost man`, `gatepost openapi`

use super::{Cli, Ended, failed};
use clap::CommandFactory as _;
use clap_complete::Generator as _;
use std::{
    io::{self, Write as _},
    path::Path,
};

pub(super) fn completions(shell: clap_complete::Shell) -> Ended {
    let whole = Cli::command();
    // Shells would be told of hidden commands too.
    let shown = whole.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    let mut command = clap::Command::new("gatepost")
        .about(whole.get_about().cloned().unwrap_or_default())
        .version(env!("CARGO_PKG_VERSION"))
        .subcommands(shown);
    command.set_bin_name("gatepost");
    command.build();
    // `clap_complete::generate` panics where stdout can't be written.
    match shell.try_generate(&command, &mut io::stdout()) {
        Ok(()) => Ended::Well,
        Err(_) => Ended::Failed,
    }
}

/// A page for `gatepost`, and one for each command and what is below it.
pub(super) fn man(folder: &Path) -> Ended {
    let unwritten = |error| {
        failed(format!("the man pages can't be written to {}: {error}; name a folder", folder.display()))
    };
    clap_mangen::generate_to(Cli::command(), folder).map_or_else(unwritten, |()| Ended::Well)
}

pub(super) fn openapi() -> Ended {
    match io::stdout().write_all(crate::api::document().as_bytes()) {
        Ok(()) => Ended::Well,
        Err(_) => Ended::Failed,
    }
}
