//! Tables that fit the terminal.

use super::{look::Look, printable};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// A column may be cut to this, not further.
const NARROWEST: usize = 8;

const GAP: usize = 2;

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    title: &'static str,
    cut: bool,
    left_out: Option<u8>,
    number: bool,
    state: bool,
}

impl Column {
    /// One that is always shown as a whole.
    pub(super) const fn new(title: &'static str) -> Self {
        Self { title, cut: false, left_out: None, number: false, state: false }
    }

    /// A long text in it may be cut.
    pub(super) const fn cut(self) -> Self {
        Self { cut: true, ..self }
    }

    /// Left out where there is no room for it, the largest rank first.
    pub(super) const fn left_out(self, rank: u8) -> Self {
        Self { left_out: Some(rank), ..self }
    }

    /// Its texts end where its title does.
    pub(super) const fn number(self) -> Self {
        Self { number: true, ..self }
    }

    /// Its texts have the colours of the states that they are.
    pub(super) const fn state(self) -> Self {
        Self { state: true, ..self }
    }
}

/// The table, each row with a text for each column, no line wider than the look if that can be.
pub(super) fn table<const N: usize>(columns: &[Column; N], rows: &[[String; N]], look: Look) -> String {
    let titles = columns.map(|column| column.title.to_owned());
    let rows = rows.iter().map(|row| row.each_ref().map(|cell| printable::line(cell))).collect::<Vec<_>>();
    let lines = || std::iter::once(&titles).chain(&rows);
    let longest = |number: usize| lines().filter_map(|row| row.get(number)).map(|cell| cell.width()).max();
    let natural = (0..N).map(|number| longest(number).unwrap_or(0)).collect::<Vec<_>>();
    let room = look.width.unwrap_or(usize::MAX);
    let mut shown = vec![true; N];
    let widths = loop {
        let widths = shrunk(columns, &natural, &shown, room);
        let leave_out = columns.iter().zip(&mut shown).filter(|(_, shown)| **shown);
        let leave_out = leave_out.filter_map(|(column, shown)| Some((column.left_out?, shown)));
        match leave_out.max_by_key(|(rank, _)| *rank) {
            Some((_, shown)) if total(&widths) > room => *shown = false,
            _ => break widths,
        }
    };
    let mut text = String::new();
    for row in lines() {
        let cells = columns.iter().zip(row).zip(&widths).filter_map(|(cell, width)| Some((cell, (*width)?)));
        let mut line = Vec::new();
        for ((column, cell), width) in cells {
            let is_last = line.len() + 1 == widths.iter().flatten().count();
            let cut = cut(cell, width);
            let space = " ".repeat(width.saturating_sub(cut.width()));
            let seen = if column.state { look.paint(cell, &cut) } else { cut };
            line.push(match (column.number, is_last) {
                (true, _) => space + &seen,
                // No space at the end of a line.
                (false, true) => seen,
                (false, false) => seen + &space,
            });
        }
        text.push_str(line.join(&" ".repeat(GAP)).trim_end());
        text.push('\n');
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

/// `text`, or as much of it as `width` columns of the terminal hold.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let fits = text.chars().take_while(|character| {
        let left = room.checked_sub(character.width().unwrap_or(0));
        room = left.unwrap_or(0);
        left.is_some()
    });
    fits.chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] =
        [Column::new("ID"), Column::new("CREATED").left_out(1), Column::new("TO").cut().left_out(0)];

    fn within(width: usize) -> Look {
        Look { width: Some(width), colours: false }
    }

    fn rows() -> Vec<[String; 3]> {
        let row = |id: &str, to: &str| [id.to_owned(), "yesterday".to_owned(), to.to_owned()];
        vec![row("0123456789", "somebody with a long name"), row("1", "+49")]
    }

    #[test]
    fn a_table_is_as_wide_as_it_needs_where_there_is_room() {
        let wide = "ID          CREATED    TO\n\
                    0123456789  yesterday  somebody with a long name\n\
                    1           yesterday  +49\n";
        assert_eq!(table(&COLUMNS, &rows(), Look { width: None, colours: false }), wide);
        assert_eq!(table(&COLUMNS, &rows(), within(48)), wide);
    }

    #[test]
    fn a_narrow_terminal_cuts_first_and_then_leaves_out() {
        let cut = "ID          CREATED    TO\n\
                   0123456789  yesterday  somebody…\n\
                   1           yesterday  +49\n";
        assert_eq!(table(&COLUMNS, &rows(), within(32)), cut);
        let less = "ID          TO\n0123456789  somebody with…\n1           +49\n";
        assert_eq!(table(&COLUMNS, &rows(), within(26)), less);
        let least = "ID\n0123456789\n1\n";
        assert_eq!(table(&COLUMNS, &rows(), within(5)), least);
        for width in 10..60 {
            let table = table(&COLUMNS, &rows(), within(width));
            assert!(table.lines().all(|line| line.chars().count() <= width), "{width}\n{table}");
        }
    }
    #[test]
    fn what_is_wide_on_the_terminal_takes_its_room_and_is_harmless() {
        let columns = [Column::new("TO").cut(), Column::new("N").number(), Column::new("STATE").state()];
        let row = |to: &str, number: &str, state: &str| [to, number, state].map(str::to_owned);
        let rows = [row("日本語の名前です", "7", "sent"), row("a\u{1b}[31mb", "12", "queued")];
        let wide = "TO                 N  STATE\n\
                    日本語の名前です   7  sent\n\
                    a\\u{1b}[31mb      12  queued\n";
        assert_eq!(table(&columns, &rows, within(40)), wide);
        let narrow = table(&columns, &rows, Look { width: Some(20), colours: true });
        assert_eq!(
            narrow,
            "TO         N  STATE\n日本語…    7  \u{1b}[32msent\u{1b}[0m\na\\u{1b}…  12  queued\n"
        );
    }
}
