//! The least that a provider can be: takes every message and does nothing. What a submit costs through it is what the
//! boundary costs.

use gatepost_provider_api::{
    Accepted, Context, Declaration, Definition, Message, Problem, Provider, SubmitError, export_provider,
};

#[derive(Debug)]
struct Noop;

impl Provider for Noop {
    const NAME: &'static str = "noop";

    fn declaration() -> Declaration {
        Declaration::new("Takes every message and does nothing.")
    }

    fn create(_: Definition, _: Context) -> Result<Self, Vec<Problem>> {
        Ok(Self)
    }

    async fn submit(&self, _: Message) -> Result<Accepted, SubmitError> {
        Ok(Accepted::new())
    }
}

export_provider!(Noop);
