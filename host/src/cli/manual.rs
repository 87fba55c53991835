//! `gatepost completions`, `gatepost man`, `gatepost openapi`

use super::{Cli, Ended, failed};
use clap::CommandFactory as _;
use clap_complete::Generator as _;
use std::{
    fs,
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
    let mut whole = Cli::command().disable_help_subcommand(true);
    whole.build();
    write_pages(whole, folder).map_or_else(unwritten, |()| Ended::Well)
}

fn write_pages(command: clap::Command, folder: &Path) -> io::Result<()> {
    for below in command.get_subcommands().filter(|command| !command.is_hide_set()).cloned() {
        write_pages(below, folder)?;
    }
    let page = clap_mangen::Man::new(command).source(concat!("gatepost ", env!("CARGO_PKG_VERSION")));
    let mut text = Vec::new();
    page.render(&mut text)?;
    let text = String::from_utf8(text).map_err(io::Error::other)?;
    fs::write(folder.join(page.get_filename()), with_examples(&text))
}

/// The examples of a page as lines of their own, which would otherwise be filled like a paragraph, and what follows them apart.
fn with_examples(page: &str) -> String {
    let Some((before, after)) = page.split_once(".SH EXTRA\nExamples:\n") else { return page.to_owned() };
    let examples: String = after.split_inclusive('\n').take_while(|line| line.starts_with(' ')).collect();
    let rest = after.strip_prefix(examples.as_str()).unwrap_or_default().trim_start();
    let notes = if rest.is_empty() || rest.starts_with(".SH") { "" } else { ".SH NOTES\n" };
    format!("{before}.SH EXAMPLES\n.nf\n{examples}.fi\n{notes}{rest}")
}

pub(super) fn openapi() -> Ended {
    match io::stdout().write_all(crate::api::document().as_bytes()) {
        Ok(()) => Ended::Well,
        Err(_) => Ended::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_of_a_page_keep_their_lines() {
        let page = ".SH OPTIONS\nx\n.SH EXTRA\nExamples:\n  one\n  two\n\nExit code: 0\n.SH VERSION\n";
        let shown =
            ".SH OPTIONS\nx\n.SH EXAMPLES\n.nf\n  one\n  two\n.fi\n.SH NOTES\nExit code: 0\n.SH VERSION\n";
        assert_eq!(with_examples(page), shown);
        let alone = ".SH EXTRA\nExamples:\n  one\n.SH VERSION\n";
        assert_eq!(with_examples(alone), ".SH EXAMPLES\n.nf\n  one\n.fi\n.SH VERSION\n");
        assert_eq!(with_examples(".SH OPTIONS\nx\n"), ".SH OPTIONS\nx\n");
    }
}
