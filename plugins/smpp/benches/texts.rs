//! What it costs to write a text: the alphabet is found, and the text cut where it is too long for one part.

use criterion::{Criterion, Throughput};
use gatepost_provider_smpp::cut_text;
use std::hint::black_box;

const CODE: &str = "Your code is 123456. It is valid for ten minutes.";

/// Each encoding with a text that it can hold.
const ENCODINGS: [(&str, &str); 5] = [
    ("gsm7", CODE),
    ("gsm7-packed", CODE),
    ("latin1", "Ihr Code für die Anmeldung lautet 123456."),
    ("ucs2", "Ваш код 123456. Он действителен десять минут."),
    // It tries GSM 7 bit first, and finds at the end that it does not do.
    ("auto", "Your code is 123456. It is valid for ten minutes. 🔑"),
];

fn encodings(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a text of one part");
    for (encoding, text) in ENCODINGS {
        assert_eq!(cut_text(text, encoding), Some(1), "{encoding}");
        group.throughput(Throughput::Elements(text.chars().count() as u64));
        group.bench_function(encoding, |bencher| bencher.iter(|| cut_text(black_box(text), encoding)));
    }
    group.finish();
}

fn segmentation(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a text of ten parts");
    for (encoding, text, units) in [("gsm7", "a{b}", 6), ("gsm7-packed", "a{b}", 6), ("ucs2", "a🔑", 3)] {
        let in_part = if encoding == "ucs2" { 66 } else { 150 };
        let text = text.repeat(in_part * 10 / units);
        assert_eq!(cut_text(&text, encoding), Some(10), "{encoding}");
        group.throughput(Throughput::Elements(text.chars().count() as u64));
        group.bench_function(encoding, |bencher| bencher.iter(|| cut_text(black_box(&text), encoding)));
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    encodings(&mut criterion);
    segmentation(&mut criterion);
    criterion.final_summary();
}
