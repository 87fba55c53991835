//! Limits, and texts that are the same again once their parts are put together.

use super::*;

const ALL: [Long; 4] = [Long::Udh, Long::Udh16, Long::Sar, Long::Payload];

fn count(text: &str, encoding: Encoding, long: Long) -> usize {
    parts(text, encoding, long, 255, 0).unwrap().1.len()
}

fn septet(octets: &[u8], at: usize) -> u8 {
    (0..7).map(|bit| (octets[(at + bit) / 8] >> ((at + bit) % 8) & 1) << bit).sum()
}

/// What a phone makes of the parts: without their headers, unpacked, one behind the other.
fn put_together(alphabet: Alphabet, parts: &[Part]) -> String {
    let mut whole = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let header = match part.place {
            Place::Header => usize::from(part.content[0]) + 1,
            Place::Sar { total, number, .. } => {
                assert_eq!((usize::from(total), usize::from(number)), (parts.len(), index + 1));
                0
            }
            Place::Whole | Place::Payload => 0,
        };
        if header > 0 {
            let place = &part.content[header - 2..header];
            assert_eq!(place, [u8::try_from(parts.len()).unwrap(), u8::try_from(index + 1).unwrap()]);
        }
        assert!(part.place == Place::Payload || part.content.len() <= 160, "{}", part.content.len());
        if alphabet == (Alphabet::Gsm7 { packed: true }) {
            let spare = (7 - header * 8 % 7) % 7;
            let octets = &part.content[header..];
            let fits = (octets.len() * 8 - spare) / 7;
            let mut septets = (0..fits).map(|n| septet(octets, spare + n * 7)).collect::<Vec<_>>();
            // What fills up the last octet.
            if (spare + fits * 7) % 8 == 0 && septets.last() == Some(&b'\r') {
                septets.pop();
            }
            assert!(part.place == Place::Payload || part.content.len() <= 140);
            whole.extend(alphabet::decode(&septets).chars());
        } else {
            // Each part can be read by itself: no pair was split.
            let text = decode(alphabet.data_coding(), &part.content[header..]);
            assert!(!text.contains('\u{fffd}'), "{text:?}");
            whole.extend(text.chars());
        }
    }
    whole.into_iter().collect()
}

#[test]
fn limits_are_exact() {
    for long in [Long::Udh, Long::Sar] {
        for (encoding, character, limits) in [
            (Encoding::Auto, "a", [160, 306, 459]),
            (Encoding::Gsm7Packed, "a", [160, 306, 459]),
            (Encoding::Auto, "я", [70, 134, 201]),
            (Encoding::Latin1, "ç", [140, 268, 402]),
        ] {
            for (parts, limit) in (1..).zip(limits) {
                assert_eq!(count(&character.repeat(limit), encoding, long), parts, "{encoding:?} {limit}");
                assert_eq!(
                    count(&character.repeat(limit + 1), encoding, long),
                    parts + 1,
                    "{encoding:?} {limit}"
                );
            }
        }
    }
    for (encoding, character, limits) in [
        (Encoding::Auto, "a", [160, 304]),
        (Encoding::Auto, "я", [70, 132]),
        (Encoding::Latin1, "ç", [140, 266]),
    ] {
        for (parts, limit) in (1..).zip(limits) {
            assert_eq!(count(&character.repeat(limit), encoding, Long::Udh16), parts, "{encoding:?} {limit}");
            assert_eq!(count(&character.repeat(limit + 1), encoding, Long::Udh16), parts + 1);
        }
    }
}

#[test]
fn no_pair_is_split() {
    // The escape would be the last septet of the first part.
    let text = format!("{}€{}", "a".repeat(152), "b".repeat(20));
    let (_, found) = parts(&text, Encoding::Auto, Long::Udh, 10, 1).unwrap();
    assert_eq!((found[0].content.len(), found[1].content.len()), (6 + 152, 6 + 22));
    let text = format!("{}😀{}", "я".repeat(66), "я".repeat(20));
    let (_, found) = parts(&text, Encoding::Auto, Long::Udh, 10, 1).unwrap();
    assert_eq!((found[0].content.len(), found[1].content.len()), (6 + 132, 6 + 44));
}

#[test]
fn one_character_decides_on_the_alphabet() {
    let alphabet = |text: &str| parts(text, Encoding::Auto, Long::Udh, 10, 1).unwrap().0;
    assert_eq!(alphabet("§ [x] {y} ~ ^ \\ | € ÄÖÜ"), Alphabet::Gsm7 { packed: false });
    for text in ["`", "ç", "1 я", "😀"] {
        assert_eq!(alphabet(text), Alphabet::Ucs2, "{text}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    for (text, encoding) in [
        ("я", Encoding::Gsm7),
        ("`", Encoding::Gsm7Packed),
        ("€", Encoding::Latin1),
        ("😀", Encoding::Latin1),
    ] {
        assert!(matches!(parts(text, encoding, Long::Udh, 10, 1), Err(Unfit::Characters(_))), "{text}");
    }
    for long in ALL {
        assert!(parts(&"a".repeat(460), Encoding::Auto, long, 3, 1).is_err());
        assert!(parts(&"a".repeat(456), Encoding::Auto, long, 3, 1).is_ok());
        assert_eq!(
            parts(&"a".repeat(153 * 300), Encoding::Auto, Long::Sar, 255, 1).err(),
            Some(Unfit::Parts(300))
        );
    }
}

#[test]
fn headers_are_those_of_the_standard() {
    let header = |long, length| {
        let (_, found) = parts(&"a".repeat(200), Encoding::Auto, long, 10, 0x1234).unwrap();
        found[1].content[..length].to_vec()
    };
    assert_eq!(header(Long::Udh, 6), [5, 0, 3, 0x34, 2, 2]);
    assert_eq!(header(Long::Udh16, 7), [6, 8, 4, 0x12, 0x34, 2, 2]);
    let (_, found) = parts(&"a".repeat(200), Encoding::Auto, Long::Sar, 10, 0x1234).unwrap();
    assert_eq!(found[1].place, Place::Sar { reference: 0x1234, total: 2, number: 2 });
    let (_, found) = parts(&"a".repeat(200), Encoding::Auto, Long::Payload, 10, 0x1234).unwrap();
    assert_eq!((found.len(), found[0].place, found[0].content.len()), (1, Place::Payload, 200));
}

#[test]
fn any_text_is_the_same_again_once_it_is_put_together() {
    const GSM: [char; 8] = ['a', '@', '€', '{', 'Ω', '\n', 'Z', ']'];
    const WIDE: [char; 8] = ['я', '😀', 'a', '`', '\u{200d}', '👩', 'ç', '漢'];
    const LATIN: [char; 4] = ['ç', 'a', 'ÿ', '¢'];
    let mut random = fastrand::Rng::with_seed(0x5afe);
    for round in 0..3000 {
        let (encoding, letters): (Encoding, &[char]) = match round % 5 {
            0 => (Encoding::Gsm7, &GSM),
            1 => (Encoding::Gsm7Packed, &GSM),
            2 => (Encoding::Ucs2, &WIDE),
            3 => (Encoding::Latin1, &LATIN),
            _ => (Encoding::Auto, if random.bool() { &GSM } else { &WIDE }),
        };
        let length = random.usize(1..700);
        let text = (0..length).map(|_| letters[random.usize(..letters.len())]).collect::<String>();
        for long in ALL {
            let (alphabet, found) = parts(&text, encoding, long, 255, random.u16(..)).unwrap();
            assert_eq!(put_together(alphabet, &found), text, "{encoding:?} {long:?}");
        }
    }
}

#[test]
fn what_others_send_is_read_by_its_data_coding() {
    for (data_coding, content, text) in [
        (0, &b"a\x1b\x65\x00"[..], "a€@"),
        (0xf1, b"\x00", "@"),
        (3, b"\xe7", "ç"),
        (1, b"@", "@"),
        (8, b"\x04\x4f\xd8\x3d\xde\x00", "я😀"),
        (8, b"\xd8\x3d\x00a\x00", "\u{fffd}a"),
        (4, b"\x00\xff", "\u{0}ÿ"),
    ] {
        assert_eq!(decode(data_coding, content), text);
    }
}
