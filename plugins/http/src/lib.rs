//! Hands each message to a service with an HTTP request of its own: query, form or JSON.
//!
//! The parameters are those of privacyIDEA's HTTP SMS provider,
//! <https://privacyidea.readthedocs.io/en/latest/configuration/sms_gateway_config.html>; `gatepost providers http` prints them.

mod client;
mod config;
mod json;
mod outcome;
mod receipt;
mod request;
mod target;

use config::Config;
use gatepost_provider_api::{
    Accepted, Context, Declaration, Definition, Event, Message, Problem, Provider, ReceiptRequest,
    SubmitError, http::Client, tracing,
};
use request::Request;
use std::time::Duration;

/// A gateway that speaks HTTP.
#[derive(Debug)]
pub struct Http {
    config: Config,
    client: Client,
}

impl Provider for Http {
    const NAME: &'static str = "http";

    fn declaration() -> Declaration {
        config::declaration()
    }

    fn create(definition: Definition, context: Context) -> Result<Self, Vec<Problem>> {
        let config = Config::new(&definition, &context);
        let client = client::client(&definition, &context);
        match (config, client) {
            (Ok(config), Ok(client)) => Ok(Self { config, client }),
            (config, client) => {
                Err(config.err().into_iter().flatten().chain(client.err().into_iter().flatten()).collect())
            }
        }
    }

    async fn submit(&self, message: Message) -> Result<Accepted, SubmitError> {
        let (request, echoes) = Request::new(&self.config, message)?;
        let answer =
            self.client.send(request.into_reqwest()).await.map_err(|broken| broken.before_answer())?;
        tracing::debug!(status = answer.status.as_u16(), bytes = answer.body.len(), "the service answered");
        outcome::of(&answer, &self.config.success, &echoes)
    }

    async fn probe(&self) -> Result<String, SubmitError> {
        let answer = self.client.knock(&self.config.target.origin()).await;
        answer.map_err(|broken| broken.before_answer())?.presence()
    }

    fn parse_receipt(&self, request: ReceiptRequest) -> Result<Vec<Event>, SubmitError> {
        match &self.config.receipts {
            Some(receipts) => receipts.read(&request),
            None => Err(SubmitError::misconfigured("this gateway's definition has no RECEIPT_ID")),
        }
    }

    fn total_timeout(&self) -> Option<Duration> {
        Some(self.client.timeout())
    }
}

gatepost_provider_api::export_provider!(Http);
