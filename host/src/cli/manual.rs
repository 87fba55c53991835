//! `gatepost completions`, `gatepost man`, `gatepost openapi`

use super::{Cli, Ended};
use clap::CommandFactory as _;
use clap_complete::Generator as _;
use std::io::{self, Write as _};

pub(super) fn completions(shell: clap_complete::Shell) -> Ended {
    let mut command = Cli::command();
    command.set_bin_name("gatepost");
    command.build();
    // `clap_complete::generate` panics where stdout can't be written.
    match shell.try_generate(&command, &mut io::stdout()) {
        Ok(()) => Ended::Well,
        Err(_) => Ended::Failed,
    }
}

pub(super) fn man() -> Ended {
    match clap_mangen::Man::new(Cli::command()).render(&mut io::stdout()) {
        Ok(()) => Ended::Well,
        Err(_) => Ended::Failed,
    }
}

pub(super) fn openapi() -> Ended {
    match io::stdout().write_all(crate::api::document().as_bytes()) {
        Ok(()) => Ended::Well,
        Err(_) => Ended::Failed,
    }
}
