//! The configuration file: TOML to typed, checked definitions, with file and line.

mod api_keys;
mod assemble;
pub mod definition;
mod document;
pub mod duration;
mod gateways;
mod limits;
mod load;
mod name;
mod places;
mod plugins;
mod problems;
mod providers;
pub mod rate;
mod reader;
mod restart;
mod routes;
mod secrets;
mod server;
mod smtp_servers;
mod store;
mod telemetry;
mod tls;
mod url;
mod webhooks;
pub mod writing;

pub use definition::{CENSORED, Written};
#[cfg(test)]
pub(crate) use gateways::MEMBERS as GATEWAY_MEMBERS;
pub use load::{Draft, Instead, LoadError};
pub use name::{FORM as NAME_FORM, is_name};
pub use places::{Places, SectionPlaces};
pub use problems::{ConfigProblem, ConfigProblems, Location};
pub use rate::Rate;
pub use reader::Environment;
pub use tls::{Credentials, Tls, TlsFault, TlsFiles};
pub use url::Endpoint;
pub use webhooks::{WebhookSecret, Webhooks};

use gatepost_provider_api::Definition;
use std::{collections::BTreeMap, fmt, net::SocketAddr, path::PathBuf, time::Duration};

/// A whole configuration, checked as far as that goes without the providers.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file that it was read from, absolute.
    pub file: PathBuf,
    /// `[server]`
    pub server: Server,
    /// `[store]`
    pub store: StoreSettings,
    /// `[plugins]`
    pub plugins: Plugins,
    /// `[provider.*]`: which providers have settings, and where those stand.
    pub settings: Vec<(String, Location)>,
    /// `[gateways.*]`, in the order in which they were read.
    pub gateways: Vec<Gateway>,
    /// `[routes.*]`, in their order.
    pub routes: Vec<Route>,
    /// `[webhooks]`
    pub webhooks: Webhooks,
    /// `[inbound]`: where inbound messages go; its origin needs no leave of `webhooks`.
    pub inbound: Option<Endpoint>,
    /// `[telemetry]`
    pub telemetry: Telemetry,
    /// `[[api_keys]]`
    pub api_keys: Vec<ApiKey>,
    /// Not wrong, but worth a line in the log.
    pub warnings: Vec<ConfigProblem>,
}

/// `[server]`
#[derive(Clone, Debug)]
pub struct Server {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// With TLS; `None`: plain HTTP.
    pub tls: Option<Tls>,
    /// Where its keys stand.
    places: SectionPlaces,
}

/// `[store]`
#[derive(Clone, Debug)]
pub struct StoreSettings {
    /// The data folder, absolute.
    pub path: PathBuf,
    /// Bound of unfinished messages; over it a message is refused.
    pub max_queued: u64,
    /// How long finished messages are kept.
    pub retain: Duration,
    /// Where its keys stand.
    places: SectionPlaces,
}

/// `[telemetry]`
#[derive(Clone, Debug)]
pub struct Telemetry {
    /// The collector that traces go to, over OTLP; without it nothing is traced.
    pub otlp: Option<Endpoint>,
    /// Where its keys stand.
    places: SectionPlaces,
}

/// `[plugins]`
#[derive(Clone, Debug, Default)]
pub struct Plugins {
    /// Folders with provider libraries, absolute; `None`: those of the installation.
    pub dirs: Option<Vec<PathBuf>>,
    /// Provider name to lower-case hex SHA-256. With it, only these load.
    pub pins: Option<BTreeMap<String, String>>,
}

/// What a wrong `[plugins]` leaves open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Doubts {
    /// Which libraries may be opened: none, then.
    pub pins: bool,
    /// Where libraries stand: that one is not found says nothing, then.
    pub dirs: bool,
}

/// `[gateways.NAME]`
#[derive(Clone)]
pub struct Gateway {
    /// Its name.
    pub name: String,
    /// Name of its provider.
    pub provider: String,
    /// For people.
    pub description: Option<String>,
    /// How messages go through it.
    pub limits: Limits,
    /// What its provider gets, with references read; not yet checked against the provider's declaration.
    pub definition: Definition,
    /// The same as it is written.
    pub written: Written,
    /// Where its keys stand.
    places: Places,
    /// What its references led to.
    referenced: Vec<String>,
}

/// How messages go through a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A message older than this is never submitted through it, unless it says otherwise itself.
    pub valid_for: Duration,
    /// When a submit is cancelled; `None`: the provider's own total timeout + 5 s, else 30 s.
    pub submit_timeout: Option<Duration>,
    /// Bound of submits whose outcome is not yet on disk.
    pub max_in_flight: usize,
    /// Bound of submits in a time.
    pub rate: Option<Rate>,
    /// How often a message is submitted, and how long it waits in between.
    pub retry: Retry,
    /// What becomes of a message that may have been submitted.
    pub on_uncertain: OnUncertain,
}

/// Repetitions: exponential backoff with full jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Submissions to the gateway that may come to `unavailable` or `uncertain`, in all.
    pub attempts: u32,
    /// The longest that the first wait may be; each next may be twice as long,
    pub first: Duration,
    /// up to this.
    pub max: Duration,
}

/// What becomes of a message that may have been submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUncertain {
    /// It is submitted again: it may arrive twice.
    Retry,
    /// It ends as failed: it is never submitted twice.
    Fail,
}

/// `[routes.NAME]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// Its gateways, at least one.
    pub gateways: Vec<String>,
    /// Which of them comes first.
    pub strategy: Strategy,
    /// What messages it takes that name nothing; `None`: those that no other takes if it is `default`, else none.
    pub matching: Option<Match>,
}

/// Which gateway of a route comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// The one that is listed first.
    Failover,
    /// Each in turn.
    RoundRobin,
    /// Each as often as its weight says, in the order of the route's gateways; 0: only when the others are out.
    Weighted(Vec<u64>),
}

/// What a message must be like. Members that are empty hold for every message; one needs to be there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    /// Its recipient begins with one of these.
    pub prefix: Vec<String>,
    /// Its tag is one of these.
    pub tag: Vec<String>,
}

/// `[[api_keys]]`
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// Its name.
    pub name: String,
    /// SHA-256 over the key.
    pub sha256: [u8; 32],
    /// What it may do; [`Scope::Send`] alone where nothing is said.
    pub scopes: Vec<Scope>,
    /// The routes and gateways that it may use; all, where both are empty.
    pub reach: Reach,
    /// Bound of its requests in a time; each message of a batch counts.
    pub rate: Option<Rate>,
    /// Where the changes of its messages are told that name no `callback_url` of their own.
    pub callback_url: Option<Endpoint>,
}

/// The routes and gateways that an API key may use. Where either lists anything, nothing else can be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Routes.
    pub routes: Vec<String>,
    /// Gateways that it may name, and whose receipts it may post.
    pub gateways: Vec<String>,
}

impl Reach {
    /// Whether there is no limit.
    pub fn is_unlimited(&self) -> bool {
        self.routes.is_empty() && self.gateways.is_empty()
    }

    /// Whether it takes in this route.
    pub fn route(&self, name: &str) -> bool {
        self.is_unlimited() || self.routes.iter().any(|route| route == name)
    }

    /// Whether it takes in this gateway.
    pub fn gateway(&self, name: &str) -> bool {
        self.is_unlimited() || self.gateways.iter().any(|gateway| gateway == name)
    }
}

/// What an API key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Send messages; see, list and cancel one's own.
    Send,
    /// See all messages, events and definitions.
    Read,
    /// Post receipts.
    Receipt,
    /// Everything.
    Admin,
}

/// Shows no value of the definition: any may be a secret.
impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("name", &self.name)
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
