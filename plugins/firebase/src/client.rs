//! Connections: verified, through a proxy, within the time limit.

use gatepost_provider_api::{
    Definition, Problem,
    http::{Client, proxy, reqwest::Proxy},
};
use std::time::Duration;

/// The client that a definition asks for, for the token endpoint and for the service.
pub(crate) fn client(definition: &Definition) -> Result<Client, Problem> {
    let timeout = definition.seconds("TIMEOUT").unwrap_or(Duration::from_secs(30));
    let mut builder =
        Client::builder(timeout).user_agent(concat!("Gatepost/", env!("CARGO_PKG_VERSION"))).no_proxy();
    // Within the half that the request for an access token leaves, so that what was never sent is told from what was.
    builder = builder.connect_timeout(timeout.mul_f64(0.4));
    if let Some(text) = definition.filled("httpsproxy") {
        builder = builder.proxy(proxy("httpsproxy", text, Proxy::all)?);
    }
    Client::build(builder, timeout).map_err(|what| {
        Problem::parameter(
            "ENDPOINT",
            what,
            "install the system's root certificates (Debian: ca-certificates)",
        )
    })
}
