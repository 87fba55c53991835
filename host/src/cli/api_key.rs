//! `gatepost api-key`: keys for the configuration.

use super::{Ended, failed, report, wrong};
use crate::config::{is_name, rate};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rustix::rand::{GetRandomFlags, getrandom};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// What keys begin with: whoever finds one in a log or a repository knows what it opens.
const PREFIX: &str = "gp_";

/// Random bytes of a key: 256 bits.
const LENGTH: usize = 32;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gatepost api-key new app
  gatepost api-key new app --scope send --scope read --route default")]
pub(super) struct ApiKey {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Make a key: it is printed once, with the block for gatepost.toml that has its hash.
    New(New),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gatepost api-key new app
  gatepost api-key new app --scope send --scope read --route default --rate 100/s
  gatepost api-key new clickatell --scope receipt --gateway clickatell
  gatepost api-key new app --json

On stdout the first line is the key; the block for gatepost.toml follows after an empty line. The key itself is kept nowhere.")]
struct New {
    /// What the key is called: in the configuration, and in the store beside its messages.
    name: String,
    /// What it may do; without any, send.
    #[arg(long = "scope", value_name = "SCOPE", value_parser = ["send", "read", "receipt", "admin"])]
    scopes: Vec<String>,
    /// A route that it may use; without any, all of them.
    #[arg(long = "route", value_name = "NAME")]
    routes: Vec<String>,
    /// A gateway that it may name, and whose receipts it may post; without any, all of them, but none where there is a --route.
    #[arg(long = "gateway", value_name = "NAME")]
    gateways: Vec<String>,
    /// How many requests it may send, such as 100/s or 600/min; each message of a batch counts.
    #[arg(long)]
    rate: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &ApiKey) -> Ended {
    let What::New(new) = &arguments.what;
    match make(new) {
        Ok(ended) | Err(ended) => ended,
    }
}

fn make(new: &New) -> Result<Ended, Ended> {
    let names =
        [("NAME", std::slice::from_ref(&new.name)), ("--route", &new.routes), ("--gateway", &new.gateways)];
    for (what, names) in names {
        if let Some(name) = names.iter().find(|name| !is_name(name)) {
            return Err(wrong(format!("{what}: {name:?} is no name; {}", crate::config::NAME_FORM)));
        }
    }
    if let Some(text) = &new.rate
        && !rate::parse(text).is_some_and(rate::Rate::is_sensible)
    {
        return Err(wrong(format!("--rate: {text:?} is no rate that can be kept; {}", rate::EXAMPLES)));
    }
    let key =
        random_key().map_err(|error| failed(format!("no random numbers: {error}; look at the system")))?;
    let block = block(new, &key);
    if new.json {
        return Ok(report::json(
            &json!({ "name": new.name, "key": key, "sha256": sha256(&key), "toml": block }),
        ));
    }
    report::text(format!("{key}\n\n{block}"));
    report::note(
        "the first line is the key, which is shown only now; add the block to gatepost.toml, and reload",
    );
    Ok(Ended::Well)
}

/// From the operating system's generator.
fn random_key() -> rustix::io::Result<String> {
    let mut bytes = [0; LENGTH];
    let mut rest = &mut bytes[..];
    while !rest.is_empty() {
        match getrandom(&mut *rest, GetRandomFlags::empty()) {
            Ok(count) => rest = rest.get_mut(count..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

fn sha256(key: &str) -> String {
    Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn block(new: &New, key: &str) -> String {
    let default = ["send".to_owned()];
    let scopes = if new.scopes.is_empty() { &default[..] } else { &new.scopes };
    let mut block =
        format!("[[api_keys]]\nname = {:?}\nsha256 = \"{}\"\nscopes = {scopes:?}\n", new.name, sha256(key));
    // Names and rates have nothing in them that TOML would write in another way.
    let mut add = |line: std::fmt::Arguments<'_>| block.write_fmt(line).unwrap_or_default();
    if !new.routes.is_empty() {
        add(format_args!("routes = {:?}\n", new.routes));
    }
    if !new.gateways.is_empty() {
        add(format_args!("gateways = {:?}\n", new.gateways));
    }
    if let Some(rate) = &new.rate {
        add(format_args!("rate = {rate:?}\n"));
    }
    block
}
