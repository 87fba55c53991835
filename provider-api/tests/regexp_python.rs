//! REGEXP against Python's own `re`, which says here and now what each pattern makes of each number.

#![cfg(feature = "sdk")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

use gatepost_provider_api::{
    regexp::Regexp,
    serde_json::{self, json},
};
use std::{
    io::Write as _,
    process::{Command, Stdio},
};

const NUMBERS: [&str; 11] = [
    "+49 123/456-78",
    "0049 (170) 123.456",
    "00491701234567",
    "0123456789",
    "+1-202-555-0143",
    "000",
    "1",
    "110011",
    "tel:+49170;ext=12",
    "٠١٢ 34",
    "49170\n",
];

/// Pattern and replacement.
const VALUES: [(&str, &str); 85] = [
    ("[+-/. ]", ""),
    (r"\+", "00"),
    (r"[\+/]", ""),
    (r"^([0-9]+).*", r"\1"),
    ("^0", "0049"),
    ("^0", "$1"),
    ("^0*", ""),
    ("^00", "+"),
    ("^0(?!0)", "+49"),
    ("^(?:00|\\+)49", "0"),
    ("(.*)", r"0\1"),
    (".*", "x"),
    (".+", "x"),
    ("x?", "-"),
    ("1?", "-"),
    ("1*", "-"),
    ("1*?", "-"),
    ("1+?", "-"),
    ("1??", "-"),
    ("|1", "-"),
    ("1|", "-"),
    ("(|1)", r"[\1]"),
    ("(1|)", r"[\1]"),
    ("(?=1)", "-"),
    ("(?=1)1?", "-"),
    ("(?!1)", "-"),
    ("(?<=1)", "-"),
    ("(?<!1)", "-"),
    ("(?<=00)1", "-"),
    ("(?<=0|1)4", "-"),
    ("^", "!"),
    ("$", "!"),
    (r"\A", "!"),
    (r"\Z", "!"),
    ("(?m)^", "!"),
    ("(?m)$", "!"),
    (r"\b", "|"),
    (r"\B", "|"),
    (r"\b0+", ""),
    (r"\d", "x"),
    (r"\D", ""),
    (r"\D+", ""),
    (r"\D*", "-"),
    (r"\s+", ""),
    (r"\S+", "x"),
    (r"\w", "x"),
    (r"\W", ""),
    ("[^0-9+]", ""),
    ("[^+0-9]+", ""),
    ("[()/. -]", ""),
    ("[]()]", "x"),
    ("[-0]", "x"),
    ("[0-]", "x"),
    ("[^]]", "x"),
    (r"[\d.]+", "x"),
    (r"[\D]", ""),
    ("(1)|(2)", r"[\1\2]"),
    ("(0)(1)?", r"<\2\1>"),
    (r"(\d)(\d)", r"\2\1"),
    (r"(\d)\1", r"<\1>"),
    (r"(?P<a>\d)(?P=a)", r"\g<a>"),
    (r"(?P<rest>.*)", r"0\g<rest>"),
    (r"(\d{3})(?=\d)", r"\1 "),
    (r"^(\+|00)(\d\d)\D*(\d+)", r"\1(\2)\3"),
    (r"(\d+)[^\d]+(\d+)", r"\2-\1"),
    ("0{2}", "x"),
    ("0{2,}", "x"),
    ("0{,2}", "x"),
    ("0{1,2}?", "x"),
    ("0{", "x"),
    ("0{,}", "x"),
    ("(?:0|1)+", "x"),
    ("(0|1)+", r"\1"),
    ("(?:(0)|1)+", r"<\1>"),
    ("([^0]+?)+", r"<\1>"),
    ("([^0]+?)*", "x"),
    ("(?:([^0]+?)4)*", r"<\1>"),
    (r"(?i)TEL:|EXT", "x"),
    ("(?i:T)el", "x"),
    ("(?s).", "x"),
    (".", "x"),
    (r"\x30|\u0031|\062", "x"),
    (r"\(", r"\\"),
    (";.*", ""),
    (r"([0-9])(?!.*[0-9])", r"(\g<1>0)\n"),
];

/// Any two of these, one behind the other, are a pattern too.
const PIECES: [&str; 24] = [
    "0", "0?", "0*", "1+", "1??", "[01]*?", "[^0]+?", r"\d{1,2}", r"\D?", r"\D*?", ".", ".??", "(0|)",
    "(|1)", "(0|1)*", "(?:0|00)", "(?=1)", "(?!0)", "(?<=0)", "^", "$", r"\b", "|", "(0|1)*?",
];

/// What Python takes and REGEXP refuses by name.
const REFUSED: [(&str, &str, &str); 5] = [
    ("(0*)*", "", "`*` repeats what may match nothing, which is not supported"),
    ("(|1)+", "", "`+` repeats what may match nothing, which is not supported"),
    (r"(?=(1))?", r"\1", "`?` repeats groups possessively or in a look-around, which is not supported"),
    ("(0)?(?(1)1|2)", "", "conditional groups `(?(…)…)` are not supported"),
    ("(?x) 0 1", "", "the flag x is not supported"),
];

/// A list of lists of results; `null` for a pattern that Python does not take.
const SCRIPT: &str = r#"
import json, re, sys

def results(pattern, replacement, numbers):
    try:
        return [re.sub(pattern, replacement, number) for number in numbers]
    except re.error:
        return None

asked = json.load(sys.stdin)
json.dump([results(*value, asked["numbers"]) for value in asked["values"]], sys.stdout)
"#;

fn python(values: &[(String, String)]) -> Vec<Option<Vec<String>>> {
    let mut python = Command::new("python3")
        .args(["-I", "-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("this test asks Python: install python3, on Debian `apt-get install python3` ({error})")
        });
    let asked = json!({ "numbers": NUMBERS, "values": values }).to_string();
    // Python answers once it has read everything.
    python.stdin.take().unwrap().write_all(asked.as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "python3 failed: {}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

fn ours(pattern: &str, replacement: &str) -> Result<Vec<String>, String> {
    let regexp =
        Regexp::parse(&format!("/{pattern}/{replacement}/")).map_err(|error| error.what().to_owned())?;
    Ok(NUMBERS.iter().map(|number| regexp.apply(number).unwrap()).collect())
}

#[test]
fn numbers_come_out_as_python_has_them() {
    let pairs = PIECES.iter().flat_map(|first| {
        PIECES.iter().map(move |second| (format!("{first}{second}"), "<\\g<0>>".to_owned()))
    });
    let values = VALUES
        .map(|(pattern, replacement)| (pattern.to_owned(), replacement.to_owned()))
        .into_iter()
        .chain(pairs)
        .collect::<Vec<_>>();
    for ((pattern, replacement), theirs) in values.iter().zip(python(&values)) {
        let theirs = theirs.unwrap_or_else(|| panic!("Python does not take {pattern:?}"));
        assert_eq!(ours(pattern, replacement), Ok(theirs), "{pattern:?} {replacement:?}");
    }
}

#[test]
fn what_would_come_out_otherwise_is_refused_by_name() {
    let values = REFUSED.map(|(pattern, replacement, _)| (pattern.to_owned(), replacement.to_owned()));
    for ((pattern, replacement, reason), theirs) in REFUSED.iter().zip(python(&values)) {
        assert!(theirs.is_some(), "Python does not take {pattern:?}");
        let error = ours(pattern, replacement).unwrap_err();
        assert!(error.contains(reason), "{pattern:?}: {error}");
    }
}
