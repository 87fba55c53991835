//! Who asks, and what they may do.

use super::problem::{self, Problem};
use crate::{
    accept::Caller,
    config::{ApiKey, Reach, Scope},
    message::Message,
};
use axum::{
    extract::Request,
    http::{HeaderMap, header, uri::Authority},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use subtle::ConstantTimeEq as _;

/// The keys that are known.
#[derive(Debug)]
pub(super) struct Access {
    keys: Vec<ApiKey>,
}

/// Whoever asks, after their key was found good.
#[derive(Debug)]
pub(super) struct Identity<'a> {
    key: Option<&'a ApiKey>,
}

impl Access {
    pub(super) fn new(keys: Vec<ApiKey>) -> Self {
        Self { keys }
    }

    /// Without keys, a request must be for a loopback name: a web page that has its own name resolve to 127.0.0.1 (DNS rebinding)
    /// reaches this host, but can't choose the Host header. What it sends under our name is another origin's, which the JSON content
    /// type makes a preflight that nobody here answers.
    pub(super) fn check_host(&self, request: &Request) -> Result<(), Problem> {
        if !self.keys.is_empty() {
            return Ok(());
        }
        let hosts = request.headers().get_all(header::HOST).iter().count();
        let authority = request
            .uri()
            .authority()
            .cloned()
            .or_else(|| request.headers().get(header::HOST)?.to_str().ok()?.parse::<Authority>().ok());
        match authority {
            // Of two, which one counts depends on who reads them.
            Some(authority) if hosts < 2 && is_loopback(authority.host()) => Ok(()),
            _ => Err(Problem::of(problem::WRONG_HOST).detail(
                "without API keys in the configuration, requests must be for localhost, 127.0.0.1 or [::1] by their Host header",
            )),
        }
    }

    /// Finds the key of a request: a bearer token, or the password of basic authentication. Never in the query, which stands in logs.
    pub(super) fn identify(&self, headers: &HeaderMap) -> Result<Identity<'_>, Problem> {
        if self.keys.is_empty() {
            return Ok(Identity { key: None });
        }
        let unknown = |detail: &str| Problem::of(problem::UNAUTHORIZED).detail(detail).challenge();
        let given = headers.get(header::AUTHORIZATION).ok_or_else(|| {
            unknown("send it as `Authorization: Bearer KEY`, or as the password of basic authentication")
        })?;
        let key = given
            .to_str()
            .ok()
            .and_then(credentials)
            .ok_or_else(|| unknown("the header Authorization can't be read"))?;
        let hash = Sha256::digest(key);
        // All of them, each in constant time: how long it takes says nothing of how near a guess was.
        let mut found = None;
        for known in &self.keys {
            if known.sha256.ct_eq(hash.as_slice()).into() {
                found = Some(known);
            }
        }
        found.map(|key| Identity { key: Some(key) }).ok_or_else(|| unknown("this key is not known"))
    }
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

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Identity<'_> {
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

    /// Whether they may post receipts of this gateway. Without keys nobody may.
    pub(super) fn must_post_receipts(&self, gateway: &str) -> Result<(), Problem> {
        if self.key.is_none() {
            let what = "receipts are taken with an API key that has the scope \"receipt\"; there is no key in the configuration";
            return Err(Problem::forbidden(what));
        }
        if !self.may(Scope::Receipt) {
            return Err(Self::forbidden("receipt"));
        }
        if !self.reach().gateway(gateway) {
            return Err(Problem::forbidden(format!("it may not use the gateway {gateway:?}")));
        }
        Ok(())
    }

    /// Without keys, sending and reading are allowed.
    fn may(&self, scope: Scope) -> bool {
        self.key.is_none_or(|key| key.scopes.contains(&scope) || key.scopes.contains(&Scope::Admin))
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

    fn forbidden(scope: &str) -> Problem {
        Problem::forbidden(format!("it lacks the scope {scope:?}"))
    }
}
