//! Hands each message to an SMSC over SMPP 3.4: binds that are made at the start and kept, a window of unanswered parts in each, receipts
//! and inbound messages acknowledged when the host has stored them.
//!
//! The parameters are those of privacyIDEA's SMPP provider,
//! <https://privacyidea.readthedocs.io/en/latest/configuration/sms_gateway_config.html>, and many more; `gatepost providers smpp` prints
//! them. The protocol is SMPP 3.4, Issue 1.2, <https://smpp.org/SMPP_v3_4_Issue1_2.pdf>.

mod address;
mod alphabet;
mod backoff;
mod client;
mod config;
mod deliver;
mod figures;
mod inbound;
mod link;
mod outcome;
mod pace;
mod queue;
mod request;
mod session;
mod spelling;
mod text;

use client::Client;
use config::Config;
use gatepost_provider_api::{
    Accepted, Context, Declaration, Definition, Figure, Message, Problem, Provider, SubmitError,
};
use std::{sync::Arc, time::Duration};

/// A gateway to an SMSC.
#[derive(Debug)]
pub struct Smpp {
    client: Arc<Client>,
}

impl Provider for Smpp {
    const NAME: &'static str = "smpp";

    fn declaration() -> Declaration {
        config::declaration()
    }

    fn create(definition: Definition, context: Context) -> Result<Self, Vec<Problem>> {
        let config = Config::new(&definition, &context)?;
        Ok(Self { client: Arc::new(Client::new(config, context)) })
    }

    async fn start(&self) -> Result<(), SubmitError> {
        self.client.start();
        Ok(())
    }

    async fn submit(&self, message: Message) -> Result<Accepted, SubmitError> {
        self.client.submit(&message).await
    }

    async fn probe(&self) -> Result<String, SubmitError> {
        self.client.probe().await
    }

    fn total_timeout(&self) -> Option<Duration> {
        Some(self.client.total_timeout())
    }

    fn figures(&self) -> Vec<Figure> {
        self.client.figures.now()
    }

    async fn stop(&self) {
        self.client.ended().await;
    }
}

/// Reads whatever stands in `bytes` as the stream of an SMSC, for tests with random streams; how many PDUs there were.
#[doc(hidden)]
pub fn read_stream(bytes: &[u8]) -> usize {
    let (mut input, mut count) = (bytes::BytesMut::from(bytes), 0);
    while let Ok(Some(incoming)) = link::next(&mut input) {
        count += 1;
        if let Some(deliver::Delivery::Inbound(piece)) = deliver::read(&incoming) {
            drop(text::decode(piece.data_coding, &piece.content));
        }
    }
    count
}

/// Writes a text in the encoding of this name, for benchmarks; how many parts it takes, unless it does not fit.
#[doc(hidden)]
pub fn cut_text(text: &str, encoding: &str) -> Option<usize> {
    let parts = text::parts(text, text::Encoding::named(encoding), text::Long::Udh, u8::MAX, 1);
    parts.ok().map(|(_, parts)| parts.len())
}

gatepost_provider_api::export_provider!(Smpp);
