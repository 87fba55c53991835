//! The GSM 7 bit default alphabet and its extension table, and how septets are packed.
//!
//! # Source
//! 3GPP TS 23.038, sections 6.2.1, 6.2.1.1 and 6.1.2.1.1.

/// Leads to the extension table.
pub(crate) const ESCAPE: u8 = 0x1b;

/// What fills up seven spare bits, which would else be read as an `@`.
const FILL: u8 = b'\r';

/// By their septets; the escape has no character of its own.
const BASIC: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å', 'Δ', '_', 'Φ', 'Γ',
    'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', '\u{1b}', 'Æ', 'æ', 'ß', 'É', ' ', '!', '"', '#', '¤', '%', '&', '\'',
    '(', ')', '*', '+', ',', '-', '.', '/', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<',
    '=', '>', '?', '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q',
    'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§', '¿', 'a', 'b', 'c', 'd', 'e', 'f',
    'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä',
    'ö', 'ñ', 'ü', 'à',
];

/// After an escape.
const EXTENSION: [(u8, char); 10] = [
    (0x0a, '\u{c}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2f, '\\'),
    (0x3c, '['),
    (0x3d, '~'),
    (0x3e, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

/// The septets of a character, one or an escape and another; `None` if the alphabet does not have it.
pub(crate) fn septets(character: char) -> Option<(Option<u8>, u8)> {
    if character == char::from(ESCAPE) {
        return None;
    }
    // Letters, digits and most signs stand at their own places, as in ASCII.
    let own = usize::try_from(u32::from(character)).ok().filter(|at| BASIC.get(*at) == Some(&character));
    if let Some(at) = own.or_else(|| BASIC.iter().position(|&known| known == character)) {
        return u8::try_from(at).ok().map(|septet| (None, septet));
    }
    let extension = EXTENSION.iter().find(|(_, known)| *known == character);
    extension.map(|&(septet, _)| (Some(ESCAPE), septet))
}

/// What septets say, one in an octet. What the tables don't have is shown as the standard wants it: an escape as a blank, a septet that
/// the extension table lacks as the one of the default alphabet.
pub(crate) fn decode(septets: &[u8]) -> String {
    let mut text = String::with_capacity(septets.len());
    let mut rest = septets.iter().copied();
    while let Some(septet) = rest.next() {
        let basic = |septet: u8| BASIC.get(usize::from(septet)).copied().unwrap_or('\u{fffd}');
        if septet != ESCAPE {
            text.push(basic(septet));
            continue;
        }
        match rest.next() {
            None | Some(ESCAPE) => text.push(' '),
            Some(septet) => {
                let extension = EXTENSION.iter().find(|(known, _)| *known == septet);
                text.push(extension.map_or_else(|| basic(septet), |(_, character)| *character));
            }
        }
    }
    text
}

/// Packs septets behind a header of `header` octets: they begin at the next multiple of seven bits.
pub(crate) fn pack(septets: &[u8], header: usize) -> Vec<u8> {
    let spare = (7 - header * 8 % 7) % 7;
    let mut octets = Vec::with_capacity(septets.len());
    let (mut held, mut bits) = (0_u16, spare);
    for septet in septets {
        held |= u16::from(septet & 0x7f) << bits;
        bits += 7;
        while bits >= 8 {
            octets.push(held.to_le_bytes()[0]);
            held >>= 8;
            bits -= 8;
        }
    }
    if bits == 1 && !octets.is_empty() {
        held |= u16::from(FILL) << 1;
    }
    if bits > 0 {
        octets.push(held.to_le_bytes()[0]);
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a phone does it, by the standard's picture of the bits.
    fn unpacked(octets: &[u8], header: usize, count: usize) -> Vec<u8> {
        let spare = (7 - header * 8 % 7) % 7;
        let bit = |at: usize| octets[at / 8] >> (at % 8) & 1;
        (0..count).map(|n| (0..7).map(|b| bit(spare + n * 7 + b) << b).sum()).collect()
    }

    #[test]
    fn each_septet_has_its_character_and_back() {
        for septet in (0..128).filter(|&septet| septet != ESCAPE) {
            let text = decode(&[septet]);
            assert_eq!(septets(text.chars().next().unwrap()), Some((None, septet)), "{septet}");
        }
        for (septet, character) in EXTENSION {
            assert_eq!(septets(character), Some((Some(ESCAPE), septet)));
            assert_eq!(decode(&[ESCAPE, septet]), character.to_string());
        }
        for unknown in ['`', 'ç', 'ё', '\u{1b}', '\u{0}', '\u{2028}', '😀', 'ő'] {
            assert_eq!(septets(unknown), None, "{unknown:?}");
        }
    }

    #[test]
    fn what_no_table_has_is_shown_all_the_same() {
        assert_eq!(decode(&[ESCAPE]), " ");
        assert_eq!(decode(&[ESCAPE, ESCAPE, b'a']), " a");
        assert_eq!(decode(&[ESCAPE, b'a']), "a");
        assert_eq!(decode(&[0x80]), "\u{fffd}");
    }

    #[test]
    fn packing_is_that_of_the_standard() {
        // The example that every text on the matter has.
        assert_eq!(pack(b"hellohello", 0), [0xe8, 0x32, 0x9b, 0xfd, 0x46, 0x97, 0xd9, 0xec, 0x37]);
        for header in [0, 6, 7] {
            for count in 0..=160 {
                let septets = (0..count).map(|n| u8::try_from(n * 37 % 128).unwrap()).collect::<Vec<_>>();
                let octets = pack(&septets, header);
                assert_eq!(unpacked(&octets, header, count), septets, "{header} {count}");
                // Seven spare bits are no `@`.
                let spare = (7 - header * 8 % 7) % 7;
                if count > 0 && (spare + count * 7) % 8 == 1 {
                    assert_eq!(unpacked(&octets, header, count + 1).last(), Some(&FILL));
                }
            }
        }
        assert_eq!(
            (pack(&[0; 160], 0).len(), pack(&[0; 153], 6).len(), pack(&[0; 152], 7).len()),
            (140, 134, 133)
        );
    }
}
