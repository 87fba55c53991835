//! `gatepost completions`, `gatepost man`

use super::{Cli, Ended};
use clap::CommandFactory as _;
use std::io;

pub(super) fn completions(shell: clap_complete::Shell) -> Ended {
    clap_complete::generate(shell, &mut Cli::command(), "gatepost", &mut io::stdout());
    Ended::Well
}

pub(super) fn man() -> Ended {
    match clap_mangen::Man::new(Cli::command()).render(&mut io::stdout()) {
        Ok(()) => Ended::Well,
        Err(_) => Ended::Failed,
    }
}
