//! What the helpers cost that providers apply to each message: templates with `{phone}` and `{otp}`, and REGEXP on the phone number.

#![allow(clippy::unwrap_used, reason = "a benchmark has nobody to report to but the terminal")]

use criterion::Criterion;
use gatepost_provider_api::{regexp::Regexp, template::Template};
use std::hint::black_box;

const PHONE: &str = "+491701234567";
const OTP: &str = "Your code is 123456. It is valid for ten minutes.";

fn templates(criterion: &mut Criterion) {
    let template = Template::parse("[{\"phone\": \"{phone}\", \"text\": \"{otp}\"}]");
    assert_eq!(template.expand("1", "2"), "[{\"phone\": \"1\", \"text\": \"2\"}]");
    criterion.bench_function("template", |bencher| {
        bencher.iter(|| template.expand(black_box(PHONE), black_box(OTP)));
    });
}

fn regexps(criterion: &mut Criterion) {
    for (name, pattern, expected) in [
        ("REGEXP that strips a sign", "/^\\+//", "491701234567"),
        ("REGEXP with groups", "/^\\+(\\d{2})0?(\\d+)$/00\\1\\2/", "00491701234567"),
        // What the automata can't do, and goes to the backtracking of fancy-regex.
        ("REGEXP with lookahead", "/^\\+(?=49)//", "491701234567"),
    ] {
        let regexp = Regexp::parse(pattern).unwrap();
        assert_eq!(regexp.apply(PHONE).unwrap(), expected, "{pattern}");
        criterion.bench_function(name, |bencher| bencher.iter(|| regexp.apply(black_box(PHONE))));
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    templates(&mut criterion);
    regexps(&mut criterion);
    criterion.final_summary();
}
