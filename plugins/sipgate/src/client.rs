//! Connections: verified, through a proxy, within the time limit.

use gatepost_provider_api::{
    Definition, Problem,
    http::{Client, proxy, reqwest::Proxy},
};
use std::time::Duration;

/// The client that a definition asks for.
pub(crate) fn client(definition: &Definition) -> Result<Client, Problem> {
    let timeout = definition.seconds("TIMEOUT").unwrap_or(Duration::from_secs(60));
    let mut builder =
        Client::builder(timeout).user_agent(concat!("Gatepost/", env!("CARGO_PKG_VERSION"))).no_proxy();
    if let Some(text) = definition.filled("PROXY") {
        builder = builder.proxy(proxy("PROXY", text, Proxy::all)?);
    }
    Client::build(builder, timeout).map_err(|what| {
        Problem::parameter(
            "ENDPOINT",
            what,
            "install the system's root certificates (Debian: ca-certificates)",
        )
    })
}
