//! `deliver_sm`: receipts, in both of their forms, and messages that somebody sent.
//!
//! # Source
//! SMPP 3.4, sections 4.6 (deliver_sm), 5.2.12 (esm_class), 5.3.2 (TLVs) and appendix B (the text of receipts).

use crate::{link::Incoming, spelling, text};
use bytes::BytesMut;
use gatepost_provider_api::{Receipt, ReceiptStatus};
use rusmpp::{decode::DecodeWithLength as _, pdus::DeliverSm};

/// Bits of esm_class: what the message is, and that it begins with a header.
const TYPE: u8 = 0x3c;
const RECEIPT: u8 = 0x04;
const INTERMEDIATE: u8 = 0x20;
const HEADER: u8 = 0x40;

const RECEIPTED_MESSAGE_ID: u16 = 0x001e;
const SAR_REFERENCE: u16 = 0x020c;
const SAR_TOTAL: u16 = 0x020e;
const SAR_NUMBER: u16 = 0x020f;
const MESSAGE_PAYLOAD: u16 = 0x0424;
const MESSAGE_STATE: u16 = 0x0427;

/// The longest word of a receipt that is kept.
const LONGEST_WORD: usize = 16;

/// What a deliver_sm brings.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Delivery {
    Receipt(Receipt),
    /// A receipt that names no id.
    Nameless,
    Inbound(Piece),
}

/// A message, or a part of one. No `Debug`: it holds number and text.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) data_coding: u8,
    /// Without a header.
    pub(crate) content: Vec<u8>,
    pub(crate) place: Option<Concatenated>,
}

/// Where a part belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Concatenated {
    pub(crate) reference: u16,
    pub(crate) total: u8,
    pub(crate) number: u8,
}

/// `None`: what SMPP wants of a deliver_sm is not there. TLVs that make no sense are left out.
pub(crate) fn read(incoming: &Incoming) -> Option<Delivery> {
    let end = mandatory(&incoming.body)?;
    let (body, rest) = incoming.body.split_at_checked(end)?;
    let (pdu, _) = DeliverSm::decode(&mut BytesMut::from(body), body.len()).ok()?;
    let tlvs = Tlvs(rest);
    let content = match tlvs.find(MESSAGE_PAYLOAD) {
        Some(payload) if pdu.short_message().is_empty() => payload.to_vec(),
        _ => pdu.short_message().clone().into_vec(),
    };
    let (class, data_coding) = (u8::from(pdu.esm_class), u8::from(pdu.data_coding));
    // Not by the text alone: anybody can send one that looks like a receipt.
    if matches!(class & TYPE, RECEIPT | INTERMEDIATE) || tlvs.find(RECEIPTED_MESSAGE_ID).is_some() {
        return Some(receipt(&tlvs, &text::decode(data_coding, &content)));
    }
    let (header, content) = if class & HEADER == 0 { (&[][..], &content[..]) } else { split(&content)? };
    Some(Delivery::Inbound(Piece {
        from: pdu.source_addr.as_str().to_owned(),
        to: pdu.destination_addr.as_str().to_owned(),
        data_coding,
        content: content.to_vec(),
        place: in_header(header).or_else(|| in_tlvs(&tlvs)).filter(Concatenated::makes_sense),
    }))
}

/// Where the TLVs begin.
fn mandatory(body: &[u8]) -> Option<usize> {
    let string = |from: usize| Some(from + body.get(from..)?.iter().position(|octet| *octet == 0)? + 1);
    // service_type; TON, NPI and address of the source; the same of the destination; esm_class, protocol_id, priority_flag.
    let destination = string(string(0)? + 2)? + 2;
    let times = string(destination)? + 3;
    // schedule_delivery_time, validity_period; registered_delivery, replace_if_present_flag, data_coding, sm_default_msg_id.
    let length = string(string(times)?)? + 4;
    let end = length + 1 + usize::from(*body.get(length)?);
    (end <= body.len()).then_some(end)
}

/// Tags, lengths and values behind each other.
struct Tlvs<'b>(&'b [u8]);

impl<'b> Tlvs<'b> {
    /// The first of this tag.
    fn find(&self, wanted: u16) -> Option<&'b [u8]> {
        let mut rest = self.0;
        while let [high, low, long, short, more @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*long, *short]));
            let (value, next) = more.split_at_checked(length)?;
            if u16::from_be_bytes([*high, *low]) == wanted {
                return Some(value);
            }
            rest = next;
        }
        None
    }

    /// A number, however many octets the SMSC takes for it.
    fn number(&self, wanted: u16) -> Option<u16> {
        let value = self.find(wanted).filter(|value| (1..=2).contains(&value.len()))?;
        Some(value.iter().fold(0, |number, octet| number << 8 | u16::from(*octet)))
    }
}

fn split(content: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = content.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

/// Elements of a header: tag, length, value (3GPP TS 23.040, section 9.2.3.24).
fn in_header(mut header: &[u8]) -> Option<Concatenated> {
    while let [tag, length, rest @ ..] = header {
        let (value, next) = rest.split_at_checked(usize::from(*length))?;
        match (tag, value) {
            (0x00, &[reference, total, number]) => {
                return Some(Concatenated { reference: reference.into(), total, number });
            }
            (0x08, &[high, low, total, number]) => {
                return Some(Concatenated { reference: u16::from_be_bytes([high, low]), total, number });
            }
            _ => header = next,
        }
    }
    None
}

fn in_tlvs(tlvs: &Tlvs<'_>) -> Option<Concatenated> {
    let octet = |tag| tlvs.number(tag).and_then(|number| u8::try_from(number).ok());
    Some(Concatenated {
        reference: tlvs.number(SAR_REFERENCE)?,
        total: octet(SAR_TOTAL)?,
        number: octet(SAR_NUMBER)?,
    })
}

impl Concatenated {
    fn makes_sense(&self) -> bool {
        self.total > 1 && (1..=self.total).contains(&self.number)
    }
}

fn receipt(tlvs: &Tlvs<'_>, text: &str) -> Delivery {
    let mut lower = text.to_ascii_lowercase();
    // What follows `text:` is the message's own.
    lower.truncate(lower.find("text:").unwrap_or(lower.len()));
    let said = text.get(..lower.len()).unwrap_or_default();
    let word = |name: &str| {
        let start = lower
            .match_indices(name)
            .map(|(at, _)| at)
            .find(|at| *at == 0 || lower.as_bytes().get(at - 1) == Some(&b' '))?;
        let value = said.get(start + name.len()..)?.split_whitespace().next()?;
        Some(value.to_owned())
    };
    let tlv_id = tlvs.find(RECEIPTED_MESSAGE_ID).map(|value| {
        let id = value.split(|octet| *octet == 0).next().unwrap_or_default();
        String::from_utf8_lossy(id).into_owned()
    });
    let tlv_id = tlv_id.filter(|id| !id.is_empty());
    let Some(id) = tlv_id.or_else(|| word("id:")).filter(|id| id.len() <= 65) else {
        return Delivery::Nameless;
    };
    let plain = |word: String| {
        let fits = word.len() <= LONGEST_WORD && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
        fits.then_some(word)
    };
    let stat = tlvs.number(MESSAGE_STATE).and_then(state).map(str::to_owned);
    let stat = stat.or_else(|| word("stat:").and_then(plain).map(|stat| stat.to_ascii_uppercase()));
    let status = match stat.as_deref() {
        Some("DELIVRD") => ReceiptStatus::Delivered,
        Some("EXPIRED" | "DELETED" | "UNDELIV" | "REJECTD" | "SKIPPED") => ReceiptStatus::Undelivered,
        // ENROUTE, ACCEPTD, UNKNOWN, SCHEDULED: nothing is known for good.
        _ => ReceiptStatus::Pending,
    };
    let mut receipt = spelling::others(&id).into_iter().fold(Receipt::new(id, status), Receipt::spelling);
    let err = word("err:").and_then(plain);
    if let Some(stat) = stat {
        receipt = receipt.detail(match &err {
            Some(err) => format!("stat:{stat} err:{err}"),
            None => format!("stat:{stat}"),
        });
    }
    Delivery::Receipt(match err {
        Some(err) => receipt.code(err),
        None => receipt,
    })
}

/// SMPP 3.4, section 5.2.28, in the words of appendix B.
fn state(number: u16) -> Option<&'static str> {
    Some(match number {
        0 => "SCHEDULED",
        1 => "ENROUTE",
        2 => "DELIVRD",
        3 => "EXPIRED",
        4 => "DELETED",
        5 => "UNDELIV",
        6 => "ACCEPTD",
        7 => "UNKNOWN",
        8 => "REJECTD",
        9 => "SKIPPED",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn incoming(class: u8, data_coding: u8, content: &[u8], tlvs: &[u8]) -> Incoming {
        let mut body = b"\0\x01\x0149170\0\x01\x0112345\0".to_vec();
        body.extend([class, 0, 0, 0, 0, 0, 0, data_coding, 0, u8::try_from(content.len()).unwrap()]);
        body.extend(content);
        body.extend(tlvs);
        Incoming { id: 5, status: 0, sequence: 1, body: Bytes::from(body) }
    }

    fn receipt_of(class: u8, content: &[u8], tlvs: &[u8]) -> Receipt {
        match read(&incoming(class, 0, content, tlvs)) {
            Some(Delivery::Receipt(receipt)) => receipt,
            _ => panic!("no receipt"),
        }
    }

    fn piece(class: u8, data_coding: u8, content: &[u8], tlvs: &[u8]) -> Piece {
        match read(&incoming(class, data_coding, content, tlvs)) {
            Some(Delivery::Inbound(piece)) => piece,
            _ => panic!("no message"),
        }
    }

    const TEXT: &[u8] = b"id:0123 sub:001 dlvrd:001 submit date:2601010000 done date:2601010001 stat:DELIVRD err:000 text:stat:UNDELIV secret";

    #[test]
    fn receipts_are_read_in_both_forms() {
        let receipt = receipt_of(4, TEXT, b"");
        assert_eq!((receipt.provider_id.as_str(), receipt.status), ("0123", ReceiptStatus::Delivered));
        assert_eq!(
            (receipt.code.as_deref(), receipt.detail.as_deref()),
            (Some("000"), Some("stat:DELIVRD err:000"))
        );
        // TLVs alone, with any esm_class; one of them is none that the codec would take.
        let tlvs = b"\x00\x1e\x00\x04abc\0\x04\x27\x00\x02\x00\x05";
        let receipt = receipt_of(0, b"", tlvs);
        assert_eq!((receipt.provider_id.as_str(), receipt.status), ("abc", ReceiptStatus::Undelivered));
        // TLVs count for more.
        assert_eq!(receipt_of(4, TEXT, tlvs).provider_id, "abc");
        let payload = [&b"\x04\x24\x00\x18"[..], b"ID:7 Stat:expired Err:12"].concat();
        let receipt = receipt_of(4, b"", &payload);
        assert_eq!((receipt.provider_id.as_str(), receipt.status), ("7", ReceiptStatus::Undelivered));
    }

    #[test]
    fn a_receipt_says_how_its_id_may_have_been_given() {
        let receipt = receipt_of(4, b"id:00BC614E stat:DELIVRD", b"");
        assert!(receipt.spellings.contains(&"12345678".to_owned()), "{receipt:?}");
        assert!(receipt_of(4, b"id:a-1 stat:DELIVRD", b"").spellings.is_empty());
    }

    #[test]
    fn each_state_of_a_receipt_has_its_meaning() {
        for (stat, status) in [
            ("DELIVRD", ReceiptStatus::Delivered),
            ("EXPIRED", ReceiptStatus::Undelivered),
            ("DELETED", ReceiptStatus::Undelivered),
            ("UNDELIV", ReceiptStatus::Undelivered),
            ("REJECTD", ReceiptStatus::Undelivered),
            ("ENROUTE", ReceiptStatus::Pending),
            ("ACCEPTD", ReceiptStatus::Pending),
            ("UNKNOWN", ReceiptStatus::Pending),
            ("whatever", ReceiptStatus::Pending),
        ] {
            let text = format!("id:1 stat:{stat} err:0");
            assert_eq!(receipt_of(4, text.as_bytes(), b"").status, status, "{stat}");
        }
    }

    #[test]
    fn the_text_of_the_message_is_not_kept() {
        for text in
            [TEXT, b"id:1 stat:DELIVRD Text:secret err:secret", b"id:1 stat:secret-as-a-long-word-with-signs"]
        {
            let receipt = receipt_of(4, text, b"");
            assert!(!format!("{receipt:?}").contains("secret"), "{receipt:?}");
        }
    }

    #[test]
    fn a_text_that_looks_like_a_receipt_is_none() {
        assert!(piece(0, 0, TEXT, b"").content.starts_with(b"id:"));
        assert!(matches!(read(&incoming(4, 0, b"stat:DELIVRD", b"")), Some(Delivery::Nameless)));
    }

    #[test]
    fn parts_know_their_place() {
        let place = |reference, total, number| Some(Concatenated { reference, total, number });
        let found = piece(0x40, 0, b"\x05\x00\x03\x07\x02\x01hello", b"");
        assert_eq!((found.place, &found.content[..]), (place(7, 2, 1), &b"hello"[..]));
        let found = piece(0x40, 8, b"\x06\x08\x04\x01\x07\x02\x02\x00a", b"");
        assert_eq!((found.place, found.content.len()), (place(0x107, 2, 2), 2));
        let sar = b"\x02\x0c\x00\x02\x00\x09\x02\x0e\x00\x01\x03\x02\x0f\x00\x01\x03";
        assert_eq!(piece(0, 0, b"x", sar).place, place(9, 3, 3));
        // Not the fourth of three, nor the only one.
        assert_eq!(piece(0x40, 0, b"\x05\x00\x03\x07\x03\x04x", b"").place, None);
        assert_eq!(piece(0x40, 0, b"\x05\x00\x03\x07\x01\x01x", b"").place, None);
        assert!(read(&incoming(0x40, 0, b"\x7fx", b"")).is_none(), "a header longer than the message");
    }

    #[test]
    fn a_body_that_is_cut_is_no_delivery() {
        let whole = incoming(0, 0, b"hello", b"").body;
        for length in 0..whole.len() {
            let cut = Incoming { id: 5, status: 0, sequence: 1, body: whole.slice(..length) };
            assert!(read(&cut).is_none(), "{length}");
        }
    }
}
