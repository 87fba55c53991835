//! From a message to PDUs: `submit_sm`, one for each part.

use crate::{
    config::Config,
    link::Submit,
    text::{self, Place, Unfit},
};
use gatepost_provider_api::{Message, SubmitError};
use rusmpp::{
    pdus::SubmitSm,
    tlvs::MessageSubmissionRequestTlvValue,
    types::{AnyOctetString, COctetString, EmptyOrFullCOctetString, OctetString},
    values::{DataCoding, EsmClass, MessagePayload, Npi, RegisteredDelivery, ServiceType, Ton},
};
use std::time::Duration;

/// Bit 6 of esm_class: the text begins with a header (SMPP 3.4, section 5.2.12).
const HEADER: u8 = 0x40;

/// The longest that the SMSC is told to try: days of a month are two digits.
const LONGEST_VALIDITY: Duration = Duration::from_secs(28 * 86_400);

/// The PDUs of a message.
///
/// # Errors
/// `rejected`: this message can't be put into PDUs.
pub(crate) fn pdus(config: &Config, message: &Message, reference: u16) -> Result<Vec<Submit>, SubmitError> {
    let phone = match &config.regexp {
        Some(regexp) => regexp.apply(&message.to)?,
        None => message.to.clone(),
    };
    if phone.is_empty() {
        return Err(SubmitError::rejected("the phone number is empty"));
    }
    if message.text.is_empty() {
        return Err(SubmitError::rejected("the message has no text"));
    }
    let recipient = address(&phone, "the phone number")?;
    let from = message.from.as_deref().unwrap_or(&config.sender);
    let sender = address(from, "the sender")?;
    let cut = text::parts(&message.text, config.encoding, config.long, config.most_parts, reference);
    let (alphabet, parts) = cut.map_err(|unfit| SubmitError::rejected(unfit.to_string(config)))?;
    let (source, destination) = (config.sender_kind.of(from), config.recipient_kind.of(&phone));
    let unfit = || SubmitError::rejected("the message can't be put into a PDU");
    let validity = period(config.validity.unwrap_or_else(|| message.remaining()));
    // The parts differ in their contents alone.
    let mut pdu = SubmitSm::default();
    pdu.service_type = ServiceType::new(c_string(&config.service_type).ok_or_else(unfit)?);
    (pdu.source_addr_ton, pdu.source_addr_npi) = (Ton::from(source.0), Npi::from(source.1));
    pdu.source_addr = sender;
    (pdu.dest_addr_ton, pdu.dest_addr_npi) = (Ton::from(destination.0), Npi::from(destination.1));
    pdu.destination_addr = recipient;
    pdu.validity_period = EmptyOrFullCOctetString::from_string(validity).map_err(|_| unfit())?;
    pdu.registered_delivery = RegisteredDelivery::from(config.registered_delivery);
    pdu.data_coding = DataCoding::from(alphabet.data_coding());
    // Its default has a bit set.
    pdu.esm_class = EsmClass::from(0);
    let submit = |part: text::Part| {
        match part.place {
            Place::Payload => {
                let payload = MessagePayload::new(AnyOctetString::from_vec(part.content));
                pdu.set_tlvs(vec![MessageSubmissionRequestTlvValue::MessagePayload(payload)]);
                return Ok(Submit::new(&pdu));
            }
            Place::Header => pdu.esm_class = EsmClass::from(HEADER),
            Place::Sar { reference, total, number } => pdu.set_tlvs(vec![
                MessageSubmissionRequestTlvValue::SarMsgRefNum(reference),
                MessageSubmissionRequestTlvValue::SarTotalSegments(total),
                MessageSubmissionRequestTlvValue::SarSegmentSeqnum(number),
            ]),
            Place::Whole => {}
        }
        pdu.set_short_message(OctetString::from_vec(part.content).map_err(|_| unfit())?);
        Ok(Submit::new(&pdu))
    };
    parts.into_iter().map(submit).collect()
}

impl Unfit {
    fn to_string(self, config: &Config) -> String {
        match self {
            Self::Characters(alphabet) => {
                format!(
                    "{} lacks a character of the text; ENCODING = \"auto\" takes every text",
                    alphabet.name()
                )
            }
            Self::Parts(parts) => {
                format!("the text would take {parts} parts, and MAX_PARTS is {}", config.most_parts)
            }
        }
    }
}

fn address(address: &str, what: &str) -> Result<COctetString<1, 21>, SubmitError> {
    if address.chars().any(char::is_control) || !address.is_ascii() {
        let why = "has a character that is not ASCII, or a control character";
        return Err(SubmitError::rejected(format!("{what} {why}")));
    }
    c_string(address).ok_or_else(|| SubmitError::rejected(format!("{what} is longer than 20 characters")))
}

/// With the zero at its end; `None` if it is too long, or not ASCII.
pub(crate) fn c_string<const MIN: usize, const MAX: usize>(text: &str) -> Option<COctetString<MIN, MAX>> {
    COctetString::from_vec([text.as_bytes(), &[0]].concat()).ok()
}

/// `YYMMDDhhmmss000R`, relative (SMPP 3.4, section 7.1.1.2).
fn period(validity: Duration) -> String {
    let seconds = validity.min(LONGEST_VALIDITY).as_secs().max(1);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    format!("0000{days:02}{hours:02}{minutes:02}{:02}000R", seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_relative() {
        for (seconds, written) in [
            (0, "000000000001000R"),
            (61, "000000000101000R"),
            (600, "000000001000000R"),
            (90_061, "000001010101000R"),
            (9_999_999, "000028000000000R"),
        ] {
            let period = period(Duration::from_secs(seconds));
            assert_eq!(period, written);
            assert!(EmptyOrFullCOctetString::<17>::from_string(period).is_ok());
        }
    }
}
