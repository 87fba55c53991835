//! The parameters, declared once, and what a definition makes of them.

use crate::{
    address::Kind,
    figures,
    text::{Encoding, Long},
};
use gatepost_provider_api::{Context, Declaration, Definition, Parameter, Problem, regexp::Regexp, tls};
use rustls::{ClientConfig, pki_types::ServerName};
use std::{fmt, sync::Arc, time::Duration};

pub(crate) fn declaration() -> Declaration {
    Declaration::new("Hands each message to an SMSC over SMPP 3.4, as an ESME whose binds are kept.")
        .documentation("https://smpp.org/SMPP_v3_4_Issue1_2.pdf")
        .parameter(Parameter::text("SMSC_HOST").required().description("Name or address of the SMSC."))
        .parameter(Parameter::integer("SMSC_PORT", 1, 65_535).required().description("Its port."))
        .parameter(Parameter::text("SYSTEM_ID").description("Who binds, at most 15 characters."))
        .parameter(Parameter::text("PASSWORD").secret().description("At most 8 characters, as SMPP has it."))
        .parameter(Parameter::text("SYSTEM_TYPE").description("At most 12 characters; most SMSCs want none."))
        .parameter(Parameter::text("S_ADDR").description(
            "Sender of messages that name none: a number, or up to 11 letters.",
        ))
        .parameter(Parameter::text("S_ADDR_TON").description(
            "Its type of number, decimal or such as `0x5`. Unset, by its form: 1 with a `+` or more than 8 digits, 3 up to 8 digits, 5 with letters.",
        ))
        .parameter(Parameter::text("S_ADDR_NPI").description(
            "Its numbering plan. Unset, by its form: 1 with a `+` or more than 8 digits, else 0.",
        ))
        .parameter(Parameter::text("D_ADDR_TON").default("1").description("Type of number of recipients."))
        .parameter(Parameter::text("D_ADDR_NPI").default("1").description("Numbering plan of recipients."))
        .parameter(Parameter::text("REGEXP").description("`/PATTERN/REPLACEMENT/`, applied to the phone number; Python's `re` syntax."))
        .parameter(Parameter::choice("BIND", &["transceiver", "transmitter", "pair"]).default("transceiver").description(
            "What is bound: `transmitter` gets neither receipts nor inbound messages, `pair` is a transmitter and a receiver.",
        ))
        .parameter(Parameter::integer("BINDS", 1, 64).default("1").description("How many of them."))
        .parameter(Parameter::integer("WINDOW", 1, 1000).default("10").description("Parts of messages without an answer at once, in each bind."))
        .parameter(Parameter::integer("TPS", 1, 100_000).description("Parts of messages a second, of all binds together."))
        .parameter(Parameter::text("ADDRESS_RANGE").description("Which numbers' messages come to this bind, as the SMSC writes it."))
        .parameter(Parameter::yes_no("TLS").default("no").description("TLS from the first byte; the certificate is verified."))
        .parameter(Parameter::path("CA_FILE").read_at_create().description("PEM file of the CA to trust with TLS, and no other; default: those of the system."))
        .parameter(Parameter::text("SERVICE_TYPE").description("At most 5 characters."))
        .parameter(Parameter::seconds("ENQUIRE_LINK").default("30").description("How often the SMSC is asked whether it is still there."))
        .parameter(Parameter::seconds("RESPONSE_TIMEOUT").default("10").description(
            "How long an answer may take, from the moment when its PDU is written. A message waits as long for its turn before that.",
        ))
        .parameter(Parameter::choice("REGISTERED_DELIVERY", &["none", "final", "all"]).default("final").description(
            "Which receipts are asked for; `all`: those of messages on their way too.",
        ))
        .parameter(Parameter::seconds("VALIDITY").description("How long the SMSC is to try; default: as long as the message is worth something."))
        .parameter(Parameter::choice("LONG", &["udh", "udh16", "sar", "payload"]).default("udh").description(
            "How long texts go: in parts with a header of an 8 or 16 bit reference, in parts with SAR TLVs, or whole in `message_payload`.",
        ))
        .parameter(Parameter::choice("ENCODING", &["auto", "gsm7", "gsm7-packed", "ucs2", "latin1"]).default("auto").description(
            "`auto`: GSM 7 bit if the alphabet has every character, else UCS-2. A text that another one can't hold is rejected.",
        ))
        .parameter(Parameter::integer("MAX_PARTS", 1, 255).default("10").description("A text that needs more parts is rejected."))
        .harmless(&[
            "SYSTEM_ID", "PASSWORD", "SYSTEM_TYPE", "S_ADDR", "S_ADDR_TON", "S_ADDR_NPI", "D_ADDR_TON", "D_ADDR_NPI", "REGEXP", "BIND",
            "BINDS", "WINDOW", "TPS", "ADDRESS_RANGE", "SERVICE_TYPE", "ENQUIRE_LINK", "RESPONSE_TIMEOUT", "REGISTERED_DELIVERY",
            "VALIDITY", "LONG", "ENCODING", "MAX_PARTS",
        ])
        .figures(figures::declared())
}

/// What is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bind {
    Transceiver,
    Transmitter,
    Receiver,
}

impl Bind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Transceiver => "transceiver",
            Self::Transmitter => "transmitter",
            Self::Receiver => "receiver",
        }
    }
}

/// What a definition says.
pub(crate) struct Config {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: Option<(ServerName<'static>, Arc<ClientConfig>)>,
    pub(crate) system_id: String,
    pub(crate) password: String,
    pub(crate) system_type: String,
    pub(crate) address_range: String,
    /// One for each connection.
    pub(crate) binds: Vec<Bind>,
    pub(crate) window: usize,
    pub(crate) tps: Option<f64>,
    pub(crate) enquire_link: Duration,
    pub(crate) response_timeout: Duration,
    pub(crate) sender: String,
    pub(crate) sender_kind: Kind,
    pub(crate) recipient_kind: Kind,
    pub(crate) service_type: String,
    pub(crate) registered_delivery: u8,
    pub(crate) validity: Option<Duration>,
    pub(crate) long: Long,
    pub(crate) encoding: Encoding,
    pub(crate) most_parts: u8,
    pub(crate) regexp: Option<Regexp>,
}

/// Shows no password.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

impl Config {
    pub(crate) fn new(definition: &Definition, context: &Context) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let regexp = definition.text("REGEXP").map(Regexp::parse).transpose();
        let regexp = regexp.map_err(|error| problems.push(error.into_problem("REGEXP"))).ok().flatten();
        let mut field = |name: &str, longest: usize| {
            let value = definition.filled(name).unwrap_or_default();
            if value.len() > longest {
                let what = format!("is longer than the {longest} characters that SMPP has for it");
                problems.push(Problem::parameter(name, what, "shorten it"));
            } else if !value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
                let what = "has a character that is not ASCII, or a control character";
                problems.push(Problem::parameter(name, what, "remove it"));
            }
            value.to_owned()
        };
        let (system_id, password) = (field("SYSTEM_ID", 15), field("PASSWORD", 8));
        let (system_type, address_range) = (field("SYSTEM_TYPE", 12), field("ADDRESS_RANGE", 40));
        let (sender, service_type) = (field("S_ADDR", 20), field("SERVICE_TYPE", 5));
        let mut octet = |name: &str| {
            let value = definition.filled(name)?;
            let parsed = match value.strip_prefix("0x").or_else(|| value.strip_prefix("0X")) {
                Some(hexadecimal) => u8::from_str_radix(hexadecimal, 16),
                None => value.parse(),
            };
            let what = || format!("must be a number from 0 to 255, not {value:?}");
            let mend = "write it decimal or such as 0x5";
            parsed.map_err(|_| problems.push(Problem::parameter(name, what(), mend))).ok()
        };
        let sender_kind = Kind { ton: octet("S_ADDR_TON"), npi: octet("S_ADDR_NPI") };
        let recipient_kind = Kind { ton: octet("D_ADDR_TON"), npi: octet("D_ADDR_NPI") };
        let host = definition.text("SMSC_HOST").unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let server_name = ServerName::try_from(host.to_owned());
        if server_name.is_err() {
            let what = format!("is neither a name nor an address: {host:?}");
            problems.push(Problem::parameter("SMSC_HOST", what, "write one such as \"smsc.example.com\""));
        }
        let tls = match (definition.yes("TLS"), server_name) {
            (true, Ok(name)) => match tls::client_config(definition.filled("CA_FILE"), true) {
                Ok(config) => Some((name, Arc::new(config))),
                Err(unfit) => {
                    problems.push(Problem::parameter("CA_FILE", unfit.what, unfit.mend));
                    None
                }
            },
            _ => None,
        };
        if !definition.yes("TLS") && definition.filled("CA_FILE").is_some() {
            let what = "is not used without TLS";
            context.warn(Problem::parameter("CA_FILE", what, "write TLS = \"yes\", or remove it"));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let number = |name: &str, otherwise: u32| {
            definition.integer(name).and_then(|number| u32::try_from(number).ok()).unwrap_or(otherwise)
        };
        let kinds: &[Bind] = match definition.text("BIND") {
            Some("transmitter") => &[Bind::Transmitter],
            Some("pair") => &[Bind::Transmitter, Bind::Receiver],
            _ => &[Bind::Transceiver],
        };
        let binds = (0..number("BINDS", 1)).flat_map(|_| kinds.iter().copied()).collect();
        Ok(Self {
            host: host.to_owned(),
            port: u16::try_from(number("SMSC_PORT", 0)).unwrap_or_default(),
            tls,
            system_id,
            password,
            system_type,
            address_range,
            binds,
            window: usize::try_from(number("WINDOW", 10)).unwrap_or(1),
            tps: definition.filled("TPS").map(|_| f64::from(number("TPS", 1))),
            enquire_link: definition.seconds("ENQUIRE_LINK").unwrap_or(Duration::from_secs(30)),
            response_timeout: definition.seconds("RESPONSE_TIMEOUT").unwrap_or(Duration::from_secs(10)),
            sender,
            sender_kind,
            recipient_kind,
            service_type,
            registered_delivery: match definition.text("REGISTERED_DELIVERY") {
                Some("none") => 0x00,
                Some("all") => 0x11,
                _ => 0x01,
            },
            validity: definition.seconds("VALIDITY"),
            long: match definition.text("LONG") {
                Some("udh16") => Long::Udh16,
                Some("sar") => Long::Sar,
                Some("payload") => Long::Payload,
                _ => Long::Udh,
            },
            encoding: Encoding::named(definition.text("ENCODING").unwrap_or_default()),
            most_parts: u8::try_from(number("MAX_PARTS", 10)).unwrap_or(10),
            regexp,
        })
    }
}
