//! x
use gatepost_provider_api::{
    Accepted, Context, Declaration, Definition, Message, Problem, Provider, SubmitError,
};
struct Script;
impl Provider for Script {
    const NAME: &'static str = "script";
    fn declaration() -> Declaration {
        Declaration::new("x")
    }
    fn create(_: Definition, _: Context) -> Result<Self, Vec<Problem>> {
        Ok(Self)
    }
    async fn submit(&self, _: Message) -> Result<Accepted, SubmitError> {
        Ok(Accepted::new())
    }
}
gatepost_provider_api::export_provider!(Script);
