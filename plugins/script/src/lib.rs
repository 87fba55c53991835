//! Hands each message to a script: the phone number as its argument, the text on its stdin.
//!
//! The parameters are those of privacyIDEA's Script SMS provider,
//! <https://privacyidea.readthedocs.io/en/latest/configuration/sms_gateway_config.html>; `gatepost providers script` prints them.

mod client;
mod config;
mod outcome;
mod request;

use client::Background;
use config::{Config, Mode};
use gatepost_provider_api::{
    Accepted, Context, Declaration, Definition, Message, Problem, Provider, SubmitError, tracing,
};
use request::Request;
use std::time::Duration;

/// Starting a process takes no longer, however busy the machine is.
const START: Duration = Duration::from_secs(10);

/// A gateway that runs a script.
#[derive(Debug)]
pub struct Script {
    config: Config,
    background: Background,
    context: Context,
}

impl Provider for Script {
    const NAME: &'static str = "script";

    fn declaration() -> Declaration {
        config::declaration()
    }

    fn create(definition: Definition, context: Context) -> Result<Self, Vec<Problem>> {
        let config = Config::new(&definition, &context)?;
        Ok(Self { config, background: Background::default(), context })
    }

    async fn submit(&self, message: Message) -> Result<Accepted, SubmitError> {
        // The file may have changed since the configuration was read.
        self.config.script.check().map_err(|reason| SubmitError::misconfigured(reason.what))?;
        let request = Request::new(&self.config, self.context.gateway(), message)?;
        match self.config.mode {
            Mode::Wait => {
                let ended = client::run(&request, self.config.timeout).await?;
                outcome::of(&ended, &request.text)
            }
            Mode::Background => self.background.start(request, self.config.timeout, &self.context),
        }
    }

    async fn probe(&self) -> Result<String, SubmitError> {
        self.config.script.check().map_err(|reason| SubmitError::misconfigured(reason.what))?;
        tracing::debug!(script = %self.config.script.path.display(), "probed");
        Ok(format!("{} is there and can be run", self.config.script.path.display()))
    }

    fn total_timeout(&self) -> Option<Duration> {
        Some(match self.config.mode {
            Mode::Wait => self.config.timeout,
            Mode::Background => START,
        })
    }
}

gatepost_provider_api::export_provider!(Script);
