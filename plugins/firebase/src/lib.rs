//! Hands each message to a device as a push notification, over Firebase Cloud Messaging, HTTP v1.
//!
//! The parameters are those of privacyIDEA's Firebase provider,
//! <https://privacyidea.readthedocs.io/en/latest/configuration/sms_gateway_config.html>, and a few more; `gatepost providers firebase`
//! prints them. The service: <https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send>.

mod account;
mod client;
mod config;
mod outcome;
mod request;
mod token;

use config::Config;
use gatepost_provider_api::{
    Accepted, Context, Declaration, Definition, Message, Problem, Provider, SubmitError,
    http::{Answer, Client},
    tokio::time::Instant,
    tracing,
};
use request::Request;
use std::time::Duration;
use token::{Token, Tokens};

/// A gateway to one Firebase project.
#[derive(Debug)]
pub struct Firebase {
    config: Config,
    client: Client,
    tokens: Tokens,
}

impl Provider for Firebase {
    const NAME: &'static str = "firebase";

    fn declaration() -> Declaration {
        config::declaration()
    }

    fn create(definition: Definition, context: Context) -> Result<Self, Vec<Problem>> {
        let config = Config::new(&definition, &context);
        let client = client::client(&definition);
        match (config, client) {
            (Ok((config, account)), Ok(client)) => Ok(Self { config, client, tokens: Tokens::new(account) }),
            (config, client) => Err(config.err().into_iter().flatten().chain(client.err()).collect()),
        }
    }

    async fn submit(&self, message: Message) -> Result<Accepted, SubmitError> {
        let request = Request::new(&self.config, &message)?;
        let deadline = Instant::now() + self.client.timeout();
        let mut token = self.tokens.get(&self.client, deadline).await?;
        let mut answer = self.push(&request, &token, deadline).await?;
        if outcome::wants_another_token(&answer) {
            tracing::info!("the service does not take the access token any more; asking for another one");
            token = self.tokens.other_than(&token, &self.client, deadline).await?;
            answer = self.push(&request, &token, deadline).await?;
        }
        outcome::of(&answer, request.echoes().chain([token.secret()]))
    }

    async fn probe(&self) -> Result<String, SubmitError> {
        self.tokens.get(&self.client, Instant::now() + self.client.timeout()).await?;
        Ok(format!("an access token for the project {} was given; nothing was sent", self.config.project))
    }

    fn total_timeout(&self) -> Option<Duration> {
        Some(self.client.timeout())
    }
}

impl Firebase {
    async fn push(&self, request: &Request, token: &Token, deadline: Instant) -> Result<Answer, SubmitError> {
        let limit = deadline.saturating_duration_since(Instant::now());
        let answer = self.client.send_within(limit, request.to_reqwest(&self.config, token)).await;
        let answer = answer.map_err(|broken| broken.before_answer())?;
        tracing::debug!(status = answer.status.as_u16(), bytes = answer.body.len(), "the service answered");
        Ok(answer)
    }
}

gatepost_provider_api::export_provider!(Firebase);
