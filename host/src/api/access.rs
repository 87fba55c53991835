//! Who asks, and what they may do.

use super::{
    Now,
    problem::{self, Problem},
};
use crate::{
    accept::{Caller, FieldError, Snapshot},
    config::{ApiKey, Rate, Reach, Scope},
    gateway::Bucket,
    message::Message,
};
use axum::{
    extract::Request,
    http::{HeaderMap, header, uri::Authority},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};
use tokio::time::Instant;

/// What the rates of the API keys leave; by the keys' hashes, so that a reload changes nothing of it.
#[derive(Debug, Default)]
pub(super) struct Rates {
    left: Mutex<HashMap<[u8; 32], (Rate, Bucket)>>,
}

impl Rates {
    /// Has `take` take from what is left of the key's rate, if it has one.
    fn of<T>(&self, key: &ApiKey, now: Instant, take: impl FnOnce(&mut Bucket) -> T) -> Option<T> {
        let rate = key.rate?;
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, bucket) = left.entry(key.sha256).or_insert_with(|| (rate, Bucket::new(rate, now)));
        if *known != rate {
            (*known, *bucket) = (rate, bucket.at(rate));
        }
        Some(take(bucket))
    }
}

/// Whoever asks, after their key was found good.
#[derive(Debug)]
pub(super) struct Identity<'a> {
    key: Option<&'a ApiKey>,
    rates: &'a Rates,
}

/// Without keys, a request must be for a loopback name: a web page that has its own name resolve to 127.0.0.1 (DNS rebinding)
/// reaches this host, but can't choose the Host header. What it sends under our name is another origin's, which the JSON content
/// type makes a preflight that nobody here answers.
pub(super) fn check_host(keys: &[ApiKey], request: &Request) -> Result<(), Problem> {
    if !keys.is_empty() {
        return Ok(());
    }
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next().map(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let target = request.uri().authority().cloned().map(Some);
    // Each of them that is there: which one counts depends on who reads them.
    let mut named = [target, host].into_iter().flatten().peekable();
    let is_named = named.peek().is_some() && hosts.next().is_none();
    if is_named && named.all(|authority| authority.is_some_and(|authority| is_loopback(&authority))) {
        return Ok(());
    }
    Err(Problem::of(problem::WRONG_HOST).detail(
        "without API keys in the configuration, requests must be for localhost, 127.0.0.1 or [::1] by their Host header",
    ))
}

/// Without keys, whoever is on this machine may send and read. What a proxy passes on comes from this machine too, whoever asked for it.
fn check_way(headers: &HeaderMap) -> Result<(), Problem> {
    let is_of_proxies =
        |name: &str| matches!(name, "forwarded" | "via" | "x-real-ip") || name.starts_with("x-forwarded-");
    match headers.keys().find(|name| is_of_proxies(name.as_str())) {
        None => Ok(()),
        Some(name) => Err(Problem::of(problem::THROUGH_PROXY).detail(format!(
            "it has the header {name}, and there is no API key in the configuration: everybody whom the proxy lets through could send and read; configure a key, and have it sent along"
        ))),
    }
}

/// Finds the key of a request: a bearer token, or the password of basic authentication. Never in the query, which stands in logs.
/// Each request that is identified counts against the key's rate.
pub(super) fn identify<'a>(now: &'a Now, headers: &HeaderMap) -> Result<Identity<'a>, Problem> {
    let (keys, rates) = (&now.config.api_keys, now.rates());
    if keys.is_empty() {
        check_way(headers)?;
        return Ok(Identity { key: None, rates });
    }
    let unknown = |detail: &str| Problem::of(problem::UNAUTHORIZED).detail(detail).challenge();
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let given = all.next().ok_or_else(|| {
        unknown("send it as `Authorization: Bearer KEY`, or as the password of basic authentication")
    })?;
    if all.next().is_some() {
        return Err(unknown("the header Authorization is given twice"));
    }
    let key = given
        .to_str()
        .ok()
        .and_then(credentials)
        .ok_or_else(|| unknown("the header Authorization can't be read"))?;
    let key = find(keys, &key).ok_or_else(|| unknown("this key is not known"))?;
    let identity = Identity { key: Some(key), rates };
    identity.count()?;
    Ok(identity)
}

/// All of them are looked at, each in constant time: how long it takes tells neither which one it is nor how near a guess was.
fn find<'a>(keys: &'a [ApiKey], key: &[u8]) -> Option<&'a ApiKey> {
    const NONE: u64 = u64::MAX;
    let hash = Sha256::digest(key);
    let mut found = NONE;
    for (number, known) in (0..NONE).zip(keys) {
        found.conditional_assign(&number, known.sha256.ct_eq(hash.as_slice()));
    }
    keys.get(usize::try_from(found).ok()?)
}

/// Somebody who reads for longer than a request takes.
#[derive(Debug)]
pub(super) struct Reader {
    /// The hash of their key; `None`: there was none in the configuration.
    key: Option<[u8; 32]>,
}

impl Reader {
    /// Whether they could begin to read now.
    pub(super) fn may_still(&self, snapshot: &Snapshot) -> bool {
        let keys = &snapshot.config.api_keys;
        match self.key {
            None => keys.is_empty(),
            Some(hash) => {
                let key = keys.iter().find(|key| key.sha256 == hash);
                key.is_some_and(|key| permits(key, Scope::Read))
            }
        }
    }
}

fn permits(key: &ApiKey, scope: Scope) -> bool {
    key.scopes.contains(&scope) || key.scopes.contains(&Scope::Admin)
}

fn credentials(header: &str) -> Option<Vec<u8>> {
    let (scheme, rest) = header.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().as_bytes().to_vec());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(rest.trim()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    decoded.get(colon + 1..).map(<[u8]>::to_vec)
}

fn is_loopback(authority: &Authority) -> bool {
    let host = authority.host();
    // The dot at the end of a name that is complete.
    let name = host.strip_suffix('.').unwrap_or(host);
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = name.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    is_loopback && !authority.as_str().contains('@')
}

impl Identity<'_> {
    /// Counts a request against the key's rate.
    fn count(&self) -> Result<(), Problem> {
        self.take(1, |_| {})
    }

    /// Counts the messages of a batch in place of the request that they came with. One that could never be taken is told so, and not to
    /// come again.
    pub(super) fn count_batch(&self, messages: usize) -> Result<(), Problem> {
        let messages = u32::try_from(messages).unwrap_or(u32::MAX).max(1);
        self.take(messages, |bucket| bucket.give_back(1))
    }

    fn take(&self, count: u32, before: impl FnOnce(&mut Bucket)) -> Result<(), Problem> {
        let now = Instant::now();
        let take = |left: &mut Bucket| {
            before(left);
            let most = left.most();
            if count > most {
                let detail = format!(
                    "there are {count} messages, and this key's rate is {most} in a second; send at most {most} at once"
                );
                return Err(Problem::invalid_fields(vec![FieldError {
                    pointer: "/messages".into(),
                    detail,
                }]));
            }
            let next = left.next(count, now);
            if next > now {
                let what = "this key's rate is used up for the moment";
                return Err(Problem::too_many(what).retry_after(next - now));
            }
            left.take(count);
            Ok(())
        };
        self.key.and_then(|key| self.rates.of(key, now, take)).unwrap_or(Ok(()))
    }

    pub(super) fn caller(&self) -> Caller {
        Caller {
            api_key: self.key.map(|key| key.name.clone()),
            reach: self.reach(),
            callback_url: self.key.and_then(|key| key.callback_url.clone()),
        }
    }

    /// The routes and gateways that they may use.
    pub(super) fn reach(&self) -> Reach {
        self.key.map(|key| key.reach.clone()).unwrap_or_default()
    }

    /// Whether they may change how the host runs. Without keys nobody may.
    pub(super) fn must_administer(&self) -> Result<(), Problem> {
        if self.key.is_none() {
            let what = "it takes an API key with the scope \"admin\", and the configuration has none; make one with `gatepost api-key new NAME --scope admin`, or change the files and reload with SIGHUP (`systemctl reload gatepost`)";
            return Err(Problem::forbidden(what));
        }
        if self.may(Scope::Admin) { Ok(()) } else { Err(Self::forbidden("admin")) }
    }

    /// To look again later whether they may still read.
    pub(super) fn reader(&self) -> Reader {
        Reader { key: self.key.map(|key| key.sha256) }
    }

    /// Whether they may use this gateway: name it, or send through a route that has it.
    pub(super) fn may_use(&self, now: &Snapshot, gateway: &str) -> bool {
        let reach = self.reach();
        let mut routes = now.config.routes.iter().filter(|route| reach.route(&route.name));
        reach.gateway(gateway) || routes.any(|route| route.gateways.iter().any(|name| name == gateway))
    }

    pub(super) fn must_use(&self, now: &Snapshot, gateway: &str) -> Result<(), Problem> {
        if self.may_use(now, gateway) { Ok(()) } else { Err(Self::out_of_reach(gateway)) }
    }

    /// Whether this gateway is one that they may name.
    pub(super) fn must_name(&self, gateway: &str) -> Result<(), Problem> {
        if self.reach().gateway(gateway) { Ok(()) } else { Err(Self::out_of_reach(gateway)) }
    }

    /// Whether they may post receipts of this gateway. Without keys nobody may.
    pub(super) fn must_post_receipts(&self, gateway: &str) -> Result<(), Problem> {
        if self.key.is_none() {
            let what = "receipts are taken with an API key that has the scope \"receipt\", and the configuration has none; make one with `gatepost api-key new NAME --scope receipt --gateway GATEWAY`";
            return Err(Problem::forbidden(what));
        }
        if !self.may(Scope::Receipt) {
            return Err(Self::forbidden("receipt"));
        }
        self.must_name(gateway)
    }

    /// Without keys, sending and reading are allowed.
    fn may(&self, scope: Scope) -> bool {
        self.key.is_none_or(|key| permits(key, scope))
    }

    pub(super) fn must_send(&self) -> Result<(), Problem> {
        if self.may(Scope::Send) { Ok(()) } else { Err(Self::forbidden("send")) }
    }

    /// Whether this message is one that they may see: all with `read`, their own with `send`.
    pub(super) fn may_see(&self, message: &Message) -> bool {
        self.may(Scope::Read) || self.key.is_some_and(|key| message.api_key.as_ref() == Some(&key.name))
    }

    /// Whether they may cancel a message that they see: their own with `send`, all with `admin`.
    pub(super) fn must_cancel(&self, message: &Message) -> Result<(), Problem> {
        let is_own = self.key.is_none_or(|key| message.api_key.as_ref() == Some(&key.name));
        if self.may(Scope::Admin) || (is_own && self.may(Scope::Send)) {
            return Ok(());
        }
        Err(Self::forbidden(if is_own { "send" } else { "admin" }))
    }

    pub(super) fn must_see_some(&self) -> Result<(), Problem> {
        if self.may(Scope::Read) || self.may(Scope::Send) { Ok(()) } else { Err(Self::forbidden("read")) }
    }

    /// Whether they may see what is not one's own.
    pub(super) fn must_read(&self) -> Result<(), Problem> {
        if self.may(Scope::Read) { Ok(()) } else { Err(Self::forbidden("read")) }
    }

    /// The key whose messages are all that they may see; `None` where it is all messages.
    pub(super) fn sees_only(&self) -> Option<String> {
        self.key.filter(|_| !self.may(Scope::Read)).map(|key| key.name.clone())
    }

    fn out_of_reach(gateway: &str) -> Problem {
        Problem::forbidden(format!("it may not use the gateway {gateway:?}"))
    }

    fn forbidden(scope: &str) -> Problem {
        Problem::forbidden(format!("it lacks the scope {scope:?}"))
    }
}
