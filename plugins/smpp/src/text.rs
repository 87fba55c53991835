//! Texts on the wire: how their characters are written, and how one that is too long is cut.
//!
//! # Source
//! 3GPP TS 23.038 (alphabets) and 23.040, section 9.2.3.24 (concatenation); SMPP 3.4, sections 5.2.19 (data_coding) and 5.3.2.22 to
//! 5.3.2.24 (SAR).

use crate::alphabet;

/// How characters are written, as the definition has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// GSM 7 bit if the alphabet has every character, else UCS-2.
    Auto,
    /// One septet an octet: the SMSC packs them.
    Gsm7,
    Gsm7Packed,
    Ucs2,
    Latin1,
}

impl Encoding {
    /// The one of this name in a definition; what is none is the default.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "gsm7" => Self::Gsm7,
            "gsm7-packed" => Self::Gsm7Packed,
            "ucs2" => Self::Ucs2,
            "latin1" => Self::Latin1,
            _ => Self::Auto,
        }
    }
}

/// How long texts are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Long {
    Udh,
    Udh16,
    Sar,
    Payload,
}

/// The alphabet that a text was found to fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alphabet {
    Gsm7 { packed: bool },
    Ucs2,
    Latin1,
}

/// One part, as it goes into a PDU.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// With the header, if it has one.
    pub(crate) content: Vec<u8>,
    pub(crate) place: Place,
}

/// How a part says where it belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is the whole.
    Whole,
    /// In a header before its text.
    Header,
    /// In TLVs.
    Sar { reference: u16, total: u8, number: u8 },
    /// It is the whole, and stands in a TLV.
    Payload,
}

/// Why a text can't be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// The alphabet lacks one of its characters.
    Characters(Alphabet),
    /// It would take so many parts.
    Parts(usize),
}

impl Alphabet {
    pub(crate) fn data_coding(self) -> u8 {
        match self {
            Self::Gsm7 { .. } => 0,
            Self::Latin1 => 3,
            Self::Ucs2 => 8,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gsm7 { .. } => "the GSM 7 bit alphabet",
            Self::Latin1 => "Latin-1",
            Self::Ucs2 => "UCS-2",
        }
    }

    /// Units (septets, octets, pairs of octets) in a message that is not cut.
    fn alone(self) -> usize {
        match self {
            Self::Gsm7 { .. } => 160,
            Self::Latin1 => 140,
            Self::Ucs2 => 70,
        }
    }

    /// Units in a part. The SMSC makes the headers of SAR's parts: with an 8 bit reference.
    fn in_part(self, long: Long) -> usize {
        match (self, long) {
            (Self::Gsm7 { .. }, Long::Udh16) => 152,
            (Self::Gsm7 { .. }, _) => 153,
            (Self::Latin1, Long::Udh16) => 133,
            (Self::Latin1, _) => 134,
            (Self::Ucs2, Long::Udh16) => 66,
            (Self::Ucs2, _) => 67,
        }
    }
}

/// A text in units, with the places at which it may not be cut.
struct Units {
    alphabet: Alphabet,
    units: Vec<u16>,
    /// Whether a unit belongs to the one before it.
    inseparable: Vec<bool>,
}

impl Units {
    fn gsm7(text: &str, packed: bool) -> Option<Self> {
        let (mut units, mut inseparable) = (Vec::with_capacity(text.len()), Vec::with_capacity(text.len()));
        for character in text.chars() {
            let (escape, septet) = alphabet::septets(character)?;
            if let Some(escape) = escape {
                units.push(escape.into());
                inseparable.push(false);
            }
            units.push(septet.into());
            inseparable.push(escape.is_some());
        }
        Some(Self { alphabet: Alphabet::Gsm7 { packed }, units, inseparable })
    }

    fn latin1(text: &str) -> Option<Self> {
        let units = text.chars().map(|character| u8::try_from(character).ok().map(u16::from));
        let units = units.collect::<Option<Vec<_>>>()?;
        Some(Self { alphabet: Alphabet::Latin1, inseparable: vec![false; units.len()], units })
    }

    /// UTF-16, as phones read UCS-2 nowadays.
    fn ucs2(text: &str) -> Self {
        let units = text.encode_utf16().collect::<Vec<_>>();
        let inseparable = units.iter().map(|unit| (0xdc00..0xe000).contains(unit)).collect();
        Self { alphabet: Alphabet::Ucs2, units, inseparable }
    }

    fn of(text: &str, encoding: Encoding) -> Result<Self, Unfit> {
        let unfit = |alphabet| move || Unfit::Characters(alphabet);
        match encoding {
            Encoding::Auto => Ok(Self::gsm7(text, false).unwrap_or_else(|| Self::ucs2(text))),
            Encoding::Gsm7 | Encoding::Gsm7Packed => {
                let packed = encoding == Encoding::Gsm7Packed;
                Self::gsm7(text, packed).ok_or_else(unfit(Alphabet::Gsm7 { packed }))
            }
            Encoding::Latin1 => Self::latin1(text).ok_or_else(unfit(Alphabet::Latin1)),
            Encoding::Ucs2 => Ok(Self::ucs2(text)),
        }
    }

    /// In pieces of at most `limit` units, each as long as can be.
    fn cut(&self, limit: usize) -> Vec<&[u16]> {
        let (mut pieces, mut start) = (Vec::new(), 0);
        while start < self.units.len() {
            let mut end = (start + limit).min(self.units.len());
            if self.inseparable.get(end).copied().unwrap_or(false) {
                end -= 1;
            }
            pieces.push(self.units.get(start..end).unwrap_or_default());
            start = end;
        }
        pieces
    }

    /// As octets, behind a header of so many.
    fn octets(&self, units: &[u16], header: usize) -> Vec<u8> {
        let low = |units: &[u16]| units.iter().map(|unit| unit.to_be_bytes()[1]).collect::<Vec<_>>();
        match self.alphabet {
            Alphabet::Ucs2 => units.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
            Alphabet::Gsm7 { packed: true } => alphabet::pack(&low(units), header),
            Alphabet::Gsm7 { packed: false } | Alphabet::Latin1 => low(units),
        }
    }
}

/// Writes a text; `reference` is that of its parts, should it need more than one.
///
/// # Errors
/// It has a character that the alphabet lacks, or needs more than `most` parts.
pub(crate) fn parts(
    text: &str,
    encoding: Encoding,
    long: Long,
    most: u8,
    reference: u16,
) -> Result<(Alphabet, Vec<Part>), Unfit> {
    let text = Units::of(text, encoding)?;
    let alphabet = text.alphabet;
    if text.units.len() <= alphabet.alone() {
        let content = text.octets(&text.units, 0);
        return Ok((alphabet, vec![Part { content, place: Place::Whole }]));
    }
    let pieces = text.cut(alphabet.in_part(long));
    let total = u8::try_from(pieces.len()).ok().filter(|total| *total <= most);
    let total = total.ok_or(Unfit::Parts(pieces.len()))?;
    if long == Long::Payload {
        let content = text.octets(&text.units, 0);
        return Ok((alphabet, vec![Part { content, place: Place::Payload }]));
    }
    let part = |(piece, number): (&&[u16], u8)| {
        let header = header(long, reference, total, number);
        let place = if header.is_empty() { Place::Sar { reference, total, number } } else { Place::Header };
        let text = text.octets(piece, header.len());
        Part { content: [header, text].concat(), place }
    };
    Ok((alphabet, pieces.iter().zip(1..=total).map(part).collect()))
}

/// Its length, the element's tag and length, reference, number of parts, number of this part.
fn header(long: Long, reference: u16, total: u8, number: u8) -> Vec<u8> {
    let [high, low] = reference.to_be_bytes();
    match long {
        Long::Udh => vec![0x05, 0x00, 0x03, low, total, number],
        Long::Udh16 => vec![0x06, 0x08, 0x04, high, low, total, number],
        Long::Sar | Long::Payload => Vec::new(),
    }
}

/// What somebody else's text says, as far as its data_coding is known; of binary data each octet as a character.
pub(crate) fn decode(data_coding: u8, content: &[u8]) -> String {
    match data_coding {
        // 0xf0 and up: a class, and in bit 2 whether the data are binary.
        0 | 0xf0..=0xf3 | 0xf8..=0xfb => alphabet::decode(content),
        8 => utf16(content),
        _ => content.iter().copied().map(char::from).collect(),
    }
}

fn utf16(content: &[u8]) -> String {
    let unit = |pair: &[u8]| pair.iter().fold(0_u16, |unit, octet| unit << 8 | u16::from(*octet));
    String::from_utf16_lossy(&content.chunks_exact(2).map(unit).collect::<Vec<_>>())
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
