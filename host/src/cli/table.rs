//! Tables that fit the terminal.

use rustix::termios::tcgetwinsize;
use std::{fmt::Write as _, io};

/// A column may be cut to this, not further.
const NARROWEST: usize = 8;

const GAP: usize = 2;

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) title: &'static str,
    /// Whether a long text in it may be cut.
    pub(super) cut: bool,
    /// Left out where there is no room for it, the largest first; `None`: never.
    pub(super) left_out: Option<u8>,
}

/// The width of the terminal; `None` where the answer goes elsewhere: then nothing is cut.
pub(super) fn terminal_width() -> Option<usize> {
    let size = tcgetwinsize(io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|width| *width > 0)
}

/// The table, each row with a text for each column, no line wider than `width` if that can be.
pub(super) fn table<const N: usize>(
    columns: &[Column; N],
    rows: &[[String; N]],
    width: Option<usize>,
) -> String {
    let longest = |(number, column): (usize, &Column)| {
        let of_rows = rows.iter().filter_map(|row| row.get(number)).map(|text| text.chars().count());
        of_rows.chain([column.title.len()]).max().unwrap_or(0)
    };
    let natural = columns.iter().enumerate().map(longest).collect::<Vec<_>>();
    let mut shown = vec![true; N];
    let widths = loop {
        let widths = shrunk(columns, &natural, &shown, width.unwrap_or(usize::MAX));
        let leave_out = columns.iter().zip(&mut shown).filter(|(_, shown)| **shown);
        let leave_out = leave_out.filter_map(|(column, shown)| Some((column.left_out?, shown)));
        match leave_out.max_by_key(|(rank, _)| *rank) {
            Some((_, shown)) if total(&widths) > width.unwrap_or(usize::MAX) => *shown = false,
            _ => break widths,
        }
    };
    let mut text = String::new();
    let titles = columns.iter().map(|column| column.title);
    line(&mut text, titles, &widths);
    for row in rows {
        line(&mut text, row.iter().map(String::as_str), &widths);
    }
    text
}

/// Of the columns that are shown: as wide as they would be, or less, the widest first, where that is too much.
fn shrunk(columns: &[Column], natural: &[usize], shown: &[bool], room: usize) -> Vec<Option<usize>> {
    let mut widths =
        natural.iter().zip(shown).map(|(width, shown)| shown.then_some(*width)).collect::<Vec<_>>();
    while total(&widths) > room {
        let cut = columns.iter().zip(&mut widths).filter(|(column, _)| column.cut);
        let cut = cut.filter_map(|(_, width)| width.as_mut()).filter(|width| **width > NARROWEST);
        match cut.max_by_key(|width| **width) {
            Some(width) => *width -= 1,
            None => break,
        }
    }
    widths
}

fn total(widths: &[Option<usize>]) -> usize {
    let shown = widths.iter().flatten();
    shown.clone().sum::<usize>() + shown.count().saturating_sub(1) * GAP
}

fn line<'t>(text: &mut String, cells: impl Iterator<Item = &'t str>, widths: &[Option<usize>]) {
    let mut line = String::new();
    for (cell, width) in cells.zip(widths).filter_map(|(cell, width)| Some((cell, (*width)?))) {
        let cell = if cell.chars().count() > width {
            cell.chars().take(width.saturating_sub(1)).chain(['…']).collect()
        } else {
            cell.to_owned()
        };
        // A String takes whatever is written.
        write!(line, "{cell:<width$}{:GAP$}", "").unwrap_or_default();
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [
        Column { title: "ID", cut: false, left_out: None },
        Column { title: "CREATED", cut: false, left_out: Some(1) },
        Column { title: "TO", cut: true, left_out: Some(0) },
    ];

    fn rows() -> Vec<[String; 3]> {
        let row = |id: &str, to: &str| [id.to_owned(), "yesterday".to_owned(), to.to_owned()];
        vec![row("0123456789", "somebody with a long name"), row("1", "+49")]
    }

    #[test]
    fn a_table_is_as_wide_as_it_needs_where_there_is_room() {
        let wide = "ID          CREATED    TO\n\
                    0123456789  yesterday  somebody with a long name\n\
                    1           yesterday  +49\n";
        assert_eq!(table(&COLUMNS, &rows(), None), wide);
        assert_eq!(table(&COLUMNS, &rows(), Some(48)), wide);
    }

    #[test]
    fn a_narrow_terminal_cuts_first_and_then_leaves_out() {
        let cut = "ID          CREATED    TO\n\
                   0123456789  yesterday  somebody…\n\
                   1           yesterday  +49\n";
        assert_eq!(table(&COLUMNS, &rows(), Some(32)), cut);
        let less = "ID          TO\n0123456789  somebody with…\n1           +49\n";
        assert_eq!(table(&COLUMNS, &rows(), Some(26)), less);
        let least = "ID\n0123456789\n1\n";
        assert_eq!(table(&COLUMNS, &rows(), Some(5)), least);
        for width in 10..60 {
            let table = table(&COLUMNS, &rows(), Some(width));
            assert!(table.lines().all(|line| line.chars().count() <= width), "{width}\n{table}");
        }
    }
}
