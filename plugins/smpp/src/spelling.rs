//! Ids of messages as SMSCs spell them: some give them in decimal and name them in receipts in hexadecimal, or the reverse, some put zeros
//! in front, some change the letters.
//!
//! # Source
//! SMPP 3.4, appendix B: the id of a receipt has ten digits, and which it is "is SMSC vendor specific".

use std::collections::BTreeSet;

/// What a number of 64 bits takes in decimal, and in hexadecimal: zeros fill up to there at the most.
const DECIMAL: usize = 20;
const HEXADECIMAL: usize = 16;

/// How an id may have been spelled when it was given that is spelled so in a receipt.
pub(crate) fn others(id: &str) -> Vec<String> {
    let mut found = BTreeSet::new();
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Vec::new();
    }
    found.extend([id.to_ascii_lowercase(), id.to_ascii_uppercase()]);
    for number in [id.parse().ok(), u64::from_str_radix(id, 16).ok()].into_iter().flatten() {
        let number: u64 = number;
        let lengths = |shortest: String, longest: usize| shortest.len()..=longest.max(shortest.len());
        found.extend(lengths(number.to_string(), DECIMAL).map(|length| format!("{number:0length$}")));
        for length in lengths(format!("{number:x}"), HEXADECIMAL) {
            found.extend([format!("{number:0length$x}"), format!("{number:0length$X}")]);
        }
    }
    found.remove(id);
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spelling_of_a_number_leads_to_each_other() {
        // As it stands in the receipt, and as it was given.
        for (id, given) in [
            ("bc614e", "12345678"),
            ("BC614E", "12345678"),
            ("00BC614E", "12345678"),
            ("12345678", "bc614e"),
            ("12345678", "BC614E"),
            ("0012345678", "00BC614E"),
            ("12345678", "0012345678"),
            ("0012345678", "12345678"),
            ("00ab", "AB"),
            ("64", "100"),
            ("100", "64"),
            ("18446744073709551615", "ffffffffffffffff"),
            ("FFFFFFFFFFFFFFFF", "18446744073709551615"),
            ("ABCDEF0123456789ABCDEF0123456789", "abcdef0123456789abcdef0123456789"),
        ] {
            let others = others(id);
            assert!(others.iter().any(|other| other == given), "{id}: {others:?}");
            assert!(!others.iter().any(|other| other == id), "{id}");
        }
    }

    #[test]
    fn what_is_no_number_has_one_spelling() {
        for id in ["", "abc-1", "xyz", "12 34", "+1", "-1"] {
            assert!(others(id).is_empty(), "{id}");
        }
    }

    #[test]
    fn there_are_no_more_than_the_host_looks_at() {
        for id in ["0", "1", "a", "10", "9999999999", "ffffffff", "00000000000000000001", "A0", "0a0"] {
            assert!(others(id).len() <= 128, "{id}: {}", others(id).len());
        }
    }
}
