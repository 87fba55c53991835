//! How an answer may look where it goes to: as wide as the terminal, and in colours, or plain.

use super::printable;
use anstyle::{AnsiColor, Style};
use rustix::{fd::AsFd, termios::tcgetwinsize};
use std::io;

/// How an answer looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// The width of the terminal; `None` where the answer goes elsewhere: then nothing is cut.
    pub(super) width: Option<usize>,
    /// Whether states have colours.
    pub(super) colours: bool,
}

impl Look {
    /// As stdout takes it, and as `NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE` and `TERM` wish.
    pub(super) fn of_stdout() -> Self {
        let choice = anstream::AutoStream::choice(&io::stdout());
        Self {
            width: size(io::stdout()).map(|(_, columns)| columns),
            colours: choice != anstream::ColorChoice::Never,
        }
    }

    /// `cell` in the colour of `state`.
    pub(super) fn paint(self, state: &str, cell: &str) -> String {
        let cell = printable::line(cell);
        match colour(state) {
            Some(colour) if self.colours => {
                let style = Style::new().fg_color(Some(colour.into()));
                format!("{style}{cell}{style:#}")
            }
            _ => cell,
        }
    }
}

/// Rows and columns of a terminal; `None` where it is none, or does not know.
pub(super) fn size(of: impl AsFd) -> Option<(usize, usize)> {
    let size = tcgetwinsize(of).ok()?;
    Some((usize::from(size.ws_row), usize::from(size.ws_col))).filter(|(_, columns)| *columns > 0)
}

/// Whether stdout, or stderr, can be written over: a terminal that understands where the cursor is to go.
pub(super) fn can_be_redrawn(stream: &impl io::IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
}

/// Of a message, a gateway, an attempt or a provider's library.
fn colour(state: &str) -> Option<AnsiColor> {
    Some(match state {
        "sent" | "delivered" | "up" | "usable" | "accepted" | "ok" | "loaded" => AnsiColor::Green,
        "failed" | "undelivered" | "expired" | "down" | "rejected" | "misconfigured" | "refused" => {
            AnsiColor::Red
        }
        "paused" | "not now" | "throttled" | "unavailable" | "uncertain" | "shadowed" => AnsiColor::Yellow,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_colours_where_they_may() {
        let (coloured, plain) = (Look { width: None, colours: true }, Look { width: None, colours: false });
        assert_eq!(coloured.paint("sent", "sent…"), "\u{1b}[32msent…\u{1b}[0m");
        assert_eq!(coloured.paint("queued", "queued"), "queued");
        assert_eq!(plain.paint("sent", "sent"), "sent");
        assert_eq!(plain.paint("sent\u{1b}", "sent\u{1b}"), "sent\\u{1b}");
    }
}
