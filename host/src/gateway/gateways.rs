//! The gateways of a configuration.

use super::{Availability, Gateway, GatewayState};
use std::{collections::BTreeMap, sync::Arc};

/// The gateways of a configuration, by name.
#[derive(Clone, Debug, Default)]
pub struct Gateways {
    by_name: BTreeMap<Arc<str>, Gateway>,
}

impl FromIterator<Gateway> for Gateways {
    fn from_iter<I: IntoIterator<Item = Gateway>>(gateways: I) -> Self {
        let named = |gateway: Gateway| (Arc::clone(&gateway.name), gateway);
        Self { by_name: gateways.into_iter().map(named).collect() }
    }
}

impl Gateways {
    /// The gateway of this name.
    pub fn get(&self, name: &str) -> Option<&Gateway> {
        self.by_name.get(name)
    }

    /// All of them, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &Gateway> {
        self.by_name.values()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.by_name.len()
    }

    /// Their names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(|name| &**name)
    }

    /// Each one's state.
    pub fn states(&self) -> Vec<(String, GatewayState)> {
        self.iter().map(|gateway| (gateway.name.to_string(), gateway.describe().0)).collect()
    }

    /// Whether a message would be submitted through this gateway now, and why, for people.
    pub fn availability(&self, name: &str) -> (bool, String) {
        match self.get(name) {
            Some(gateway) => (gateway.is_usable(), gateway.describe().1),
            None => (false, "there is no such gateway".into()),
        }
    }

    /// The first gateway of a plan that can be used now, else the first that there is, else the first.
    pub fn first_usable(&self, plan: &[String]) -> String {
        let usable = |name: &&String| self.get(name).is_some_and(Gateway::is_usable);
        let known = |name: &&String| self.get(name).is_some();
        let found = plan.iter().find(usable).or_else(|| plan.iter().find(known)).or(plan.first());
        found.cloned().unwrap_or_default()
    }
}

impl Gateway {
    /// Whether a message would be submitted through it now.
    pub fn is_usable(&self) -> bool {
        self.status.availability() == Availability::Usable
    }
}
