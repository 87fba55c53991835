//! Gatepost as it is measured: the binary and the libraries of the staged tree, a store of its own, everything else as it is by default.

use crate::{ledger, run::Subject};
use gatepost_tests::{Host, Site};
use std::{io::Write as _, net::SocketAddr};

/// Parts without an answer: of Gatepost's one bind, and of Kannel's.
pub(crate) const WINDOW: usize = 50;

/// Submissions whose outcome is not on disk yet, enough that the window never waits for them.
const IN_FLIGHT: usize = WINDOW * 20;

/// A running host.
pub(crate) struct Gatepost {
    pub(crate) host: Host,
    _site: Site,
}

impl Gatepost {
    /// One with these gateways.
    pub(crate) fn start(gateways: &str) -> Self {
        let site = Site::new(gateways);
        Self { host: Host::start(&site), _site: site }
    }

    /// Messages for this gateway; `more` is written behind the other members.
    pub(crate) fn subject(&self, gateway: &'static str, more: String) -> Subject {
        let address = self.host.address;
        let request = move |number: usize, output: &mut Vec<u8>| {
            let to = number % 100_000_000;
            let text = ledger::text(number);
            let body =
                format!("{{\"to\":\"+49170{to:08}\",\"text\":\"{text}\",\"gateway\":\"{gateway}\"{more}}}");
            write!(
                output,
                "POST /v1/messages HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            )
            .unwrap();
        };
        Subject { address, processes: vec![self.host.id()], request: Box::new(request) }
    }
}

/// A gateway to the SMSC on this port.
pub(crate) fn smpp(name: &str, port: u16) -> String {
    format!(
        "[gateways.{name}]\nprovider = \"smpp\"\nmax_in_flight = {IN_FLIGHT}\n[gateways.{name}.parameters]\n\
         SMSC_HOST = \"127.0.0.1\"\nSMSC_PORT = {port}\nSYSTEM_ID = \"bench\"\nS_ADDR = \"12345\"\nWINDOW = {WINDOW}\n"
    )
}

/// A gateway to the HTTP service there.
pub(crate) fn http(name: &str, service: SocketAddr) -> String {
    format!(
        "[gateways.{name}]\nprovider = \"http\"\nmax_in_flight = 50\n[gateways.{name}.parameters]\n\
         URL = \"http://{service}/\"\nHTTP_METHOD = \"POST\"\nSEND_DATA_AS_JSON = \"yes\"\nRETURN_SUCCESS = \"accepted\"\n\
         [gateways.{name}.options]\nto = \"{{phone}}\"\ntext = \"{{otp}}\"\n"
    )
}
