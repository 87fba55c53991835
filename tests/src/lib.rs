//! What the end-to-end tests stand on: the real binary out of a staged tree, a configuration of its own for each test,
//! provider libraries built the way a third party builds them.
//!
//! `cargo xtask test` stages the tree and sets these variables; a plain `cargo test` works as well.
//!
//! | variable | |
//! |---|---|
//! | `GATEPOST_TREE` | the staged tree to test; by default one is staged in the target folder |
//! | `GATEPOST_SKIPPED` | file to which a test that can't run here appends its reason |
//! | `GATEPOST_KILL_ROUNDS` | how often the host is killed and restarted; default 3 |
//! | `GATEPOST_BACKLOG` | how many messages wait where a backlog is looked at; default 5000 |
//! | `GATEPOST_LISTED` | how many messages are listed while others are accepted; default 10000 |
//! | `GATEPOST_CUTS` | how often a client of the stream of events is cut; default 10 |
//! | `GATEPOST_SMPP_TEXTS` | how many random texts go through an SMSC; default 300 |
//! | `GATEPOST_LINK_CUTS` | how often the links with an SMSC are cut under load; default 5 |
//! | `GATEPOST_PUSHES` | how many pushes are sent on one access token; default 1000 |
//! | `GATEPOST_RELOADS` | how often the configuration is reloaded under load; default 10 |
//! | `GATEPOST_SCHEMATHESIS_SECONDS` | how long schemathesis looks for what the OpenAPI document does not say; default 60 |
//! | `GATEPOST_SEED` | repeats a run of the kill rounds or of the cuts; by default the clock chooses, and the seed is printed |

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a test ends by panicking"
)]

pub mod client;
pub mod command;
pub mod database;
pub mod eventually;
pub mod events;
pub mod figures;
pub mod fixtures;
pub mod guide;
pub mod host;
pub mod http1;
pub mod load;
pub mod outcome;
pub mod peers;
pub mod random;
pub mod raw;
pub mod site;
pub mod skip;
pub mod statistics;
pub mod tree;
pub mod usage;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use client::Answer;
pub use command::{Ended, gatepost};
pub use eventually::eventually;
pub use host::Host;
pub use outcome::{refused, sent_with};
pub use site::Site;

/// The time so many seconds from now, as the API takes it.
pub fn in_seconds(seconds: u64) -> String {
    let time = SystemTime::now() + Duration::from_secs(seconds);
    let millis = time.duration_since(UNIX_EPOCH).unwrap().as_millis();
    gatepost::message::Timestamp::from_millis(i64::try_from(millis).unwrap()).to_string()
}
