//! How far a message has come on its route.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What has been tried for a message, round by round. A round tries each gateway of the route once; between two rounds the message waits.
/// The store keeps it as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// Rounds that are over.
    pub rounds: u32,
    /// What was tried, by gateway.
    pub gateways: BTreeMap<String, Tried>,
}

/// What was tried through one gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tried {
    /// Submissions that count against `retry.attempts`: those that came to `unavailable` or `uncertain`.
    pub counted: u32,
    /// Whether it was tried in the present round.
    pub this_round: bool,
    /// Whether the gateway is out for this message.
    pub out: bool,
}

impl Progress {
    /// What was tried through this gateway.
    pub fn of(&self, gateway: &str) -> Tried {
        self.gateways.get(gateway).copied().unwrap_or_default()
    }

    /// The next round begins.
    pub fn next_round(&mut self) {
        self.rounds = self.rounds.saturating_add(1);
        for tried in self.gateways.values_mut() {
            tried.this_round = false;
        }
    }
}
