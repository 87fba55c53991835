//! What holds for every text, shown with texts of all kinds by a small decoder that shares nothing with the encoder.

use super::*;
use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

const LONGS: [Long; 4] = [Long::Udh, Long::Udh16, Long::Sar, Long::Payload];
const ENCODINGS: [Encoding; 5] =
    [Encoding::Auto, Encoding::Gsm7, Encoding::Gsm7Packed, Encoding::Ucs2, Encoding::Latin1];

/// 3GPP TS 23.038, section 6.2.1, row by row; U+FFFF stands for the escape.
const DEFAULT: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{ffff}ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Section 6.2.1.1.
const EXTENSION: [(u16, char); 10] = [
    (10, '\u{c}'),
    (20, '^'),
    (40, '{'),
    (41, '}'),
    (47, '\\'),
    (60, '['),
    (61, '~'),
    (62, ']'),
    (64, '|'),
    (101, '€'),
];

fn in_gsm7(character: char) -> Option<usize> {
    match EXTENSION.iter().any(|(_, known)| *known == character) {
        true => Some(2),
        false => DEFAULT.chars().any(|known| known == character && known != '\u{ffff}').then_some(1),
    }
}

/// The alphabet that a text is to go in, with the units of each character; `None`: it does not fit.
fn expected(text: &str, encoding: Encoding) -> Option<(Alphabet, Vec<usize>)> {
    let gsm7 = || text.chars().map(in_gsm7).collect::<Option<Vec<_>>>();
    let ucs2 = || text.chars().map(char::len_utf16).collect::<Vec<_>>();
    match encoding {
        Encoding::Auto => Some(match gsm7() {
            Some(units) => (Alphabet::Gsm7 { packed: false }, units),
            None => (Alphabet::Ucs2, ucs2()),
        }),
        Encoding::Gsm7 => gsm7().map(|units| (Alphabet::Gsm7 { packed: false }, units)),
        Encoding::Gsm7Packed => gsm7().map(|units| (Alphabet::Gsm7 { packed: true }, units)),
        Encoding::Ucs2 => Some((Alphabet::Ucs2, ucs2())),
        Encoding::Latin1 => {
            let fits = text.chars().all(|character| u32::from(character) < 256);
            fits.then(|| (Alphabet::Latin1, vec![1; text.chars().count()]))
        }
    }
}

/// Units in a message alone, and in a part, as the standards count them.
fn limits(alphabet: Alphabet, long: Long) -> (usize, usize) {
    match (alphabet, long == Long::Udh16) {
        (Alphabet::Gsm7 { .. }, false) => (160, 153),
        (Alphabet::Gsm7 { .. }, true) => (160, 152),
        (Alphabet::Ucs2, false) => (70, 67),
        (Alphabet::Ucs2, true) => (70, 66),
        (Alphabet::Latin1, false) => (140, 134),
        (Alphabet::Latin1, true) => (140, 133),
    }
}

/// How many parts the characters fill, one after the other.
fn part_count(units: &[usize], (alone, in_part): (usize, usize)) -> usize {
    if units.iter().sum::<usize>() <= alone {
        return 1;
    }
    let (mut parts, mut filled) = (1, 0);
    for unit in units {
        if filled + unit > in_part {
            (parts, filled) = (parts + 1, 0);
        }
        filled += unit;
    }
    parts
}

/// The units of a part, without its header.
fn units(alphabet: Alphabet, content: &[u8], header: usize) -> Vec<u16> {
    let content = &content[header..];
    match alphabet {
        Alphabet::Ucs2 => {
            assert!(content.len().is_multiple_of(2), "half a unit");
            content.chunks(2).map(|pair| u16::from(pair[0]) * 256 + u16::from(pair[1])).collect()
        }
        Alphabet::Latin1 | Alphabet::Gsm7 { packed: false } => {
            content.iter().map(|&octet| octet.into()).collect()
        }
        Alphabet::Gsm7 { packed: true } => {
            let bits = content.iter().flat_map(|octet| (0..8).map(move |bit| u16::from(octet >> bit & 1)));
            // Septets begin at a multiple of seven bits, the header's among them.
            let bits = bits.skip((7 - header * 8 % 7) % 7).collect::<Vec<_>>();
            let septets =
                bits.chunks_exact(7).map(|bits| bits.iter().rev().fold(0, |septet, bit| septet * 2 + bit));
            let mut septets = septets.collect::<Vec<_>>();
            if bits.len().is_multiple_of(7) && septets.last() == Some(&13) {
                // Seven bits that nothing was left for.
                septets.pop();
            }
            septets
        }
    }
}

/// What a part says, by itself: a pair of units that was split makes no sense in it.
fn read(alphabet: Alphabet, units: &[u16]) -> String {
    match alphabet {
        Alphabet::Ucs2 => String::from_utf16(units).expect("no half of a pair"),
        Alphabet::Latin1 => units.iter().map(|&unit| char::from_u32(unit.into()).unwrap()).collect(),
        Alphabet::Gsm7 { .. } => {
            let (mut text, mut units) = (String::new(), units.iter());
            while let Some(unit) = units.next() {
                text.push(if *unit == 27 {
                    let after = units.next().expect("something after an escape");
                    EXTENSION.iter().find(|(septet, _)| septet == after).unwrap().1
                } else {
                    DEFAULT.chars().nth(usize::from(*unit)).unwrap()
                });
            }
            text
        }
    }
}

fn check(text: &str, encoding: Encoding, long: Long, most: u8, reference: u16) {
    let cut = parts(text, encoding, long, most, reference);
    let Some((alphabet, lengths)) = expected(text, encoding) else {
        assert!(matches!(cut, Err(Unfit::Characters(_))), "it does not fit");
        return;
    };
    let limits = limits(alphabet, long);
    let count = part_count(&lengths, limits);
    if count > usize::from(most) {
        assert_eq!(cut.err(), Some(Unfit::Parts(count)));
        return;
    }
    let (found, parts) = cut.expect("it fits");
    assert_eq!(found, alphabet);
    let whole = count == 1 || long == Long::Payload;
    assert_eq!(parts.len(), if whole { 1 } else { count });
    let mut together = String::new();
    for (number, part) in (1..).zip(&parts) {
        let (total, [high, low]) = (u8::try_from(count).unwrap(), reference.to_be_bytes());
        let header: &[u8] = match (long, whole) {
            (Long::Udh, false) => &[5, 0, 3, low, total, number],
            (Long::Udh16, false) => &[6, 8, 4, high, low, total, number],
            _ => &[],
        };
        assert!(part.content.starts_with(header));
        let place = match (long, count) {
            (_, 1) => Place::Whole,
            (Long::Payload, _) => Place::Payload,
            (Long::Sar, _) => Place::Sar { reference, total, number },
            _ => Place::Header,
        };
        assert_eq!(part.place, place);
        let units = units(alphabet, &part.content, header.len());
        let limit = if whole { limits.0 } else { limits.1 };
        assert!(part.place == Place::Payload || units.len() <= limit, "{} units", units.len());
        together += &read(alphabet, &units);
    }
    assert_eq!(together, text);
}

/// Texts of one alphabet mostly, about as long as one part or some; and any at all.
fn texts() -> impl Strategy<Value = String> {
    let gsm7 = DEFAULT.chars().filter(|&character| character != '\u{ffff}' && character != '\r');
    let gsm7 = gsm7.chain(EXTENSION.map(|(_, character)| character)).collect::<Vec<_>>();
    let of = |letters: Vec<char>| {
        let length = prop_oneof![0..700_usize, 60..80_usize, 130..145_usize, 150..165_usize, 300..310_usize];
        length.prop_flat_map(move |length| vec(select(letters.clone()), length))
    };
    let latin1 = (' '..='ÿ').collect::<Vec<_>>();
    let wide = "aя漢`ç\u{200d}\u{fffd}😀👩𝄞".chars().collect::<Vec<_>>();
    let any = vec(any::<char>(), 0..300);
    // Few of two units among many of one: pairs at every place.
    let sparse = "aaaaaaaaaaaaaaaaaaa€".chars().collect::<Vec<_>>();
    prop_oneof![of(gsm7), of(sparse), of(latin1), of(wide), any].prop_map(String::from_iter)
}

#[test]
fn every_text_is_cut_where_it_may_be_and_is_the_same_again() {
    // The same texts in each run.
    let config = Config { cases: 1500, failure_persistence: None, ..Config::default() };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, random);
    let cases = (texts(), select(&ENCODINGS[..]), select(&LONGS[..]), 1..=255_u8, any::<u16>());
    let held = runner.run(&cases, |(text, encoding, long, most, reference)| {
        check(&text, encoding, long, most, reference);
        Ok(())
    });
    if let Err(error) = held {
        panic!("{error}");
    }
}

#[test]
fn pairs_are_whole_at_every_boundary() {
    for (pair, one, most) in [('€', 'a', 460), ('😀', 'я', 205)] {
        for at in 0..most {
            let text = (0..most).map(|n| if n == at { pair } else { one }).collect::<String>();
            for encoding in [Encoding::Auto, Encoding::Gsm7Packed, Encoding::Ucs2] {
                for long in LONGS {
                    check(&text, encoding, long, 255, 0xabcd);
                }
            }
        }
    }
}
