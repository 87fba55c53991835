//! Hands each message to sipgate: over XML-RPC (`samurai.SessionInitiate`), or with `API = "rest"` over its REST API.
//!
//! The parameters are those of privacyIDEA's sipgate provider,
//! <https://privacyidea.readthedocs.io/en/latest/configuration/sms_gateway_config.html>, and a few more; `gatepost providers sipgate`
//! prints them. XML-RPC is described at <http://xmlrpc.com/spec.md>, the REST API at <https://api.sipgate.com/v2/doc>.

mod client;
mod config;
mod outcome;
mod request;
mod xml_rpc;

use config::{Api, Config};
use gatepost_provider_api::{
    Accepted, Context, Declaration, Definition, Message, Problem, Provider, SubmitError, http::Client,
    tracing,
};
use request::Request;
use std::time::Duration;

/// A gateway to sipgate.
#[derive(Debug)]
pub struct Sipgate {
    config: Config,
    client: Client,
}

impl Provider for Sipgate {
    const NAME: &'static str = "sipgate";

    fn declaration() -> Declaration {
        config::declaration()
    }

    fn create(definition: Definition, context: Context) -> Result<Self, Vec<Problem>> {
        let config = Config::new(&definition, &context);
        let client = client::client(&definition);
        match (config, client) {
            (Ok(config), Ok(client)) => Ok(Self { config, client }),
            (config, client) => Err(config.err().into_iter().flatten().chain(client.err()).collect()),
        }
    }

    async fn submit(&self, message: Message) -> Result<Accepted, SubmitError> {
        let (request, echoes) = Request::new(&self.config, &message)?;
        let answer = self.client.send(request.into_reqwest(&self.config)).await;
        let answer = answer.map_err(|broken| broken.before_answer())?;
        tracing::debug!(status = answer.status.as_u16(), bytes = answer.body.len(), "the service answered");
        match self.config.api {
            Api::XmlRpc => outcome::of_xml_rpc(&answer, &echoes),
            Api::Rest => outcome::of_rest(&answer, &echoes),
        }
    }

    async fn probe(&self) -> Result<String, SubmitError> {
        match self.config.api {
            Api::XmlRpc => {
                let answer = self.client.send(Request::probe().into_reqwest(&self.config)).await;
                outcome::of_probe(&answer.map_err(|broken| broken.before_answer())?, &self.config)
            }
            // Every call of it that would try the credentials needs rights that sending does without.
            Api::Rest => {
                let answer = self.client.knock(&self.config.endpoint).await;
                answer.map_err(|broken| broken.before_answer())?.presence()
            }
        }
    }

    fn total_timeout(&self) -> Option<Duration> {
        Some(self.client.timeout())
    }
}

gatepost_provider_api::export_provider!(Sipgate);
