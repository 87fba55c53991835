//! Tables in Markdown, and what is wanted beside what was measured.

use gatepost_tests::statistics::{median, spread};

/// Runs this so often, and says on stderr how far it is: a table comes at the end.
pub(crate) fn rounds(count: usize, mut round: impl FnMut()) {
    for number in 1..=count {
        eprintln!("round {number} of {count}");
        round();
    }
}

/// Prints a table, its columns aligned.
pub(crate) fn table(heads: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([heads[column].chars().count()]).max().unwrap_or_default()
    };
    let line = |cells: &[String]| {
        let cells = cells.iter().enumerate().map(|(column, cell)| format!("{cell:<0$}", width(column)));
        println!("| {} |", cells.collect::<Vec<_>>().join(" | "));
    };
    println!();
    line(&heads.iter().map(|head| (*head).to_owned()).collect::<Vec<_>>());
    println!("|{}", "---|".repeat(heads.len()));
    rows.iter().for_each(|row| line(row));
}

/// The median; behind it, of several, the least and the most.
pub(crate) fn figure(values: &[f64], digits: usize) -> String {
    let middle = format!("{:.digits$}", median(values));
    if values.len() < 2 {
        return middle;
    }
    let spread = spread(values);
    format!("{middle} ({:.digits$} to {:.digits$})", spread.start(), spread.end())
}

/// Whether a figure is to reach a bound, or to stay below it.
#[derive(Clone, Copy)]
pub(crate) enum Wanted {
    AtLeast(f64),
    AtMost(f64),
}

/// What was wanted, and what came of it.
#[derive(Default)]
pub(crate) struct Targets {
    rows: Vec<Vec<String>>,
}

impl Targets {
    /// The median of the figures counts.
    pub(crate) fn check(&mut self, what: &str, unit: &str, measured: &[f64], wanted: Wanted) {
        let middle = median(measured);
        let (passed, wanted) = match wanted {
            Wanted::AtLeast(bound) => (middle >= bound, format!("at least {bound:.2}{unit}")),
            Wanted::AtMost(bound) => (middle <= bound, format!("at most {bound:.2}{unit}")),
        };
        let verdict = if passed { "PASS" } else { "short of it" };
        self.rows.push(vec![what.into(), format!("{}{unit}", figure(measured, 2)), wanted, verdict.into()]);
    }

    /// Prints them.
    pub(crate) fn print(&self) {
        table(&["target", "measured", "wanted", ""], &self.rows);
    }
}
