//! What a configuration comes to, as requests see it.

use crate::{config::Config, delivery::Delivery, gateway::Gateways, plugin::Registry, route::Routes};
use std::sync::Arc;

/// A configuration as it runs. A request sees one, whole, from its begin to its end; a reload puts another in its place.
#[derive(Debug)]
pub struct Snapshot {
    /// What the files say, with their lines. What needs a restart is as it was at the start.
    pub config: Arc<Config>,
    /// The providers that were found.
    pub registry: Arc<Registry>,
    /// The gateways.
    pub gateways: Arc<Gateways>,
    /// The routes.
    pub routes: Routes,
}

impl Snapshot {
    /// The first of a host, whose gateways `delivery` runs.
    pub fn first(config: Arc<Config>, registry: Arc<Registry>, delivery: &Delivery) -> Self {
        let routes = Routes::new(config.routes.clone());
        Self { config, registry, gateways: delivery.gateways(), routes }
    }

    /// The one after this one, with gateways that are running already.
    #[must_use]
    pub fn next(&self, config: Arc<Config>, registry: Arc<Registry>, gateways: Arc<Gateways>) -> Self {
        let routes = self.routes.next(config.routes.clone());
        Self { config, registry, gateways, routes }
    }
}
