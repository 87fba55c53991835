//! What is seen, line by line.

use super::window::{Row, View};
use crate::cli::{
    look::Look,
    printable,
    table::{Column, cut, table},
};

const COLUMNS: [Column; 9] = [
    Column::new("GATEWAY").cut(),
    Column::new("STATE").state(),
    Column::new("QUEUED").number(),
    Column::new("OLDEST").number().left_out(3),
    Column::new("IN FLIGHT").number().left_out(4),
    Column::new("SENT/S").number().left_out(1),
    Column::new("FAILED/S").number().left_out(2),
    Column::new("P50").number().left_out(6),
    Column::new("P95").number().left_out(5),
];

/// No line is wider than the look.
pub(super) fn lines(view: &View, server: &str, look: Look) -> Vec<String> {
    let width = look.width.unwrap_or(usize::MAX);
    let head = format!("gatepost {} at {server}, up {}", view.version, time(view.up_seconds));
    let rates = format!(
        "accepted {}/s, sent {}/s, failed {}/s",
        rate(view.accepted_per_second),
        rate(view.sent_per_second),
        rate(view.failed_per_second)
    );
    let waiting = format!(
        "queued {} of {}, in flight {}, webhooks waiting {}",
        view.queue_depth, view.queue_limit, view.in_flight, view.webhooks_waiting
    );
    let mut lines = [head, rates, waiting].map(|line| cut(&printable::line(&line), width)).to_vec();
    if !view.writable {
        lines.push(trouble("the store can't be written: nothing is accepted", look));
    }
    lines.push(String::new());
    if view.gateways.is_empty() {
        lines.push("there are no gateways".into());
        return lines;
    }
    let rows = view.gateways.iter().map(row).collect::<Vec<_>>();
    lines.extend(table(&COLUMNS, &rows, look).lines().map(str::to_owned));
    lines
}

/// What is wrong, in red.
pub(super) fn trouble(why: &str, look: Look) -> String {
    look.paint("failed", &cut(&printable::line(why), look.width.unwrap_or(usize::MAX)))
}

fn row(row: &Row) -> [String; 9] {
    let submit = |seconds: Option<f64>| seconds.map_or_else(|| "-".to_owned(), time);
    [
        row.name.clone(),
        row.state.clone(),
        row.queue_depth.to_string(),
        if row.queue_depth == 0 { "-".into() } else { time(row.oldest_seconds) },
        format!("{}/{}", row.in_flight, row.in_flight_limit),
        rate(row.sent_per_second),
        rate(row.failed_per_second),
        submit(row.submit_p50_seconds),
        submit(row.submit_p95_seconds),
    ]
}

fn rate(per_second: Option<f64>) -> String {
    match per_second {
        None => "-".into(),
        Some(rate) if rate < 100.0 => format!("{rate:.1}"),
        Some(rate) => format!("{rate:.0}"),
    }
}

/// In the unit that needs the fewest digits.
fn time(seconds: f64) -> String {
    const UNITS: [(f64, f64, &str); 4] =
        [(100.0, 1.0, "s"), (6000.0, 60.0, "min"), (172_800.0, 3600.0, "h"), (f64::INFINITY, 86_400.0, "d")];
    if seconds < 1.0 {
        return format!("{:.0} ms", seconds * 1000.0);
    }
    let unit = UNITS.iter().find(|(below, ..)| seconds < *below);
    unit.map_or_else(String::new, |(_, unit, name)| format!("{:.1} {name}", seconds / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_rates_are_short() {
        let times = [0.0123, 1.5, 99.0, 600.0, 7200.0, 864_000.0].map(time);
        assert_eq!(times, ["12 ms", "1.5 s", "99.0 s", "10.0 min", "2.0 h", "10.0 d"]);
        assert_eq!([None, Some(0.05), Some(1234.5)].map(rate), ["-", "0.1", "1234"]);
    }
}
