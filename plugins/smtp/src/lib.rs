//! Sends each message as a mail, through an SMTP server that the configuration defines centrally.
//!
//! The parameters are those of privacyIDEA's SMTP SMS provider,
//! <https://privacyidea.readthedocs.io/en/latest/configuration/sms_gateway_config.html>; `gatepost providers smtp` prints them. The
//! protocol is RFC 5321, with STARTTLS (RFC 3207), AUTH (RFC 4954) and SMTPUTF8 (RFC 6531).

mod client;
mod config;
mod outcome;
mod request;
mod server;
mod session;

use client::Client;
use config::Config;
use gatepost_provider_api::{
    Accepted, Context, Declaration, Definition, Message, Problem, Provider, SubmitError, tracing,
};
use outcome::Ids;
use request::Mail;
use server::Server;
use std::{sync::Arc, time::Duration};

/// A gateway that sends mails.
#[derive(Debug)]
pub struct Smtp {
    config: Config,
    client: Arc<Client>,
    ids: Ids,
    context: Context,
}

impl Provider for Smtp {
    const NAME: &'static str = "smtp";

    fn declaration() -> Declaration {
        config::declaration()
    }

    fn create(definition: Definition, context: Context) -> Result<Self, Vec<Problem>> {
        let config = Config::new(&definition);
        let server = Server::new(&definition, &context);
        match (config, server) {
            (Ok(config), Ok(server)) => {
                Ok(Self { config, client: Arc::new(Client::new(server)), ids: Ids::new()?, context })
            }
            (config, server) => {
                Err(config.err().into_iter().flatten().chain(server.err().into_iter().flatten()).collect())
            }
        }
    }

    async fn start(&self) -> Result<(), SubmitError> {
        let (client, context) = (Arc::clone(&self.client), self.context.clone());
        self.context.spawn(async move { client.tend(context.stopped()).await });
        Ok(())
    }

    async fn submit(&self, message: Message) -> Result<Accepted, SubmitError> {
        let server = self.client.server();
        let (mail, echoes) = Mail::new(&self.config, server, message)?;
        let ended = self.client.send(&mail).await;
        let code = ended.as_ref().map_or(None, |reply| Some(reply.code));
        tracing::debug!(code, bytes = mail.content.len(), "the server has answered, or will not");
        match ended {
            Ok(reply) => Ok(self.ids.accepted(&reply, &echoes)),
            Err(broken) => Err(outcome::of_failure(&broken, &echoes)),
        }
    }

    async fn probe(&self) -> Result<String, SubmitError> {
        match self.client.probe().await {
            Ok(words) => Ok(words),
            Err(broken) => Err(outcome::of_failure(&broken, &self.client.server().echoes())),
        }
    }

    fn total_timeout(&self) -> Option<Duration> {
        Some(self.client.server().timeout)
    }

    async fn stop(&self) {
        self.client.close().await;
    }
}

gatepost_provider_api::export_provider!(Smtp);
