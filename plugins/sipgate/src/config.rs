//! The parameters, declared once, and what a definition makes of them.

use gatepost_provider_api::{
    Context, Declaration, Definition, Parameter, Problem,
    http::{
        basic, endpoint,
        reqwest::{Url, header::HeaderValue},
    },
    regexp::Regexp,
};
use std::fmt;

pub(crate) fn declaration() -> Declaration {
    Declaration::new("Hands each message to sipgate, which sends it as an SMS.")
        .documentation("https://api.sipgate.com/v2/doc")
        .parameter(Parameter::text("USERNAME").required().description(
            "The sipgate user; with `API = \"rest\"` the id of a personal access token with the scope `sessions:sms:write`.",
        ))
        .parameter(
            Parameter::text("PASSWORD").required().secret().description("The password; with `API = \"rest\"` the token."),
        )
        .parameter(Parameter::text("PROXY").description(
            "Proxy, such as `http://user:password@proxy.example:3128`; schemes `http`, `https`, `socks5`, and `socks5h` where the proxy resolves names.",
        ))
        .parameter(Parameter::text("REGEXP").description("`/PATTERN/REPLACEMENT/`, applied to the phone number; Python's `re` syntax."))
        .parameter(Parameter::choice("API", &["xml-rpc", "rest"]).default("xml-rpc").description(
            "Which of sipgate's interfaces: `xml-rpc` is that of privacyIDEA's provider, `rest` the current one.",
        ))
        .parameter(Parameter::text("SMS_ID").default("s0").description("The web SMS extension that sends, with `API = \"rest\"`."))
        .parameter(Parameter::text("ENDPOINT").description(
            "Another address than `https://samurai.sipgate.net/RPC2` or, with `API = \"rest\"`, `https://api.sipgate.com/v2/sessions/sms`.",
        ))
        .parameter(Parameter::seconds("TIMEOUT").default("60").description("Limit for the whole exchange, from connecting to the last byte of the answer."))
        .harmless(&["USERNAME", "PASSWORD", "REGEXP", "SMS_ID", "TIMEOUT"])
}

/// Which of sipgate's interfaces is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    XmlRpc,
    Rest,
}

impl Api {
    fn address(self) -> &'static str {
        match self {
            Self::XmlRpc => "https://samurai.sipgate.net/RPC2",
            Self::Rest => "https://api.sipgate.com/v2/sessions/sms",
        }
    }
}

/// What a definition says of requests.
pub(crate) struct Config {
    pub(crate) api: Api,
    pub(crate) endpoint: Url,
    pub(crate) authorization: HeaderValue,
    pub(crate) sms_id: String,
    pub(crate) regexp: Option<Regexp>,
}

/// Shows no credentials.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("api", &self.api).finish_non_exhaustive()
    }
}

impl Config {
    pub(crate) fn new(definition: &Definition, context: &Context) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let api = if definition.text("API") == Some("rest") { Api::Rest } else { Api::XmlRpc };
        let address = definition.filled("ENDPOINT").unwrap_or(api.address());
        let endpoint = endpoint(address).map_err(|what| {
            let mend = format!("write one such as \"{}\"", api.address());
            problems.push(Problem::parameter("ENDPOINT", what, mend));
        });
        if endpoint.as_ref().is_ok_and(|endpoint| endpoint.scheme() == "http") {
            let what = "password, numbers and texts go to it unencrypted";
            context.warn(Problem::parameter("ENDPOINT", what, "write https"));
        }
        let regexp = definition.text("REGEXP").map(Regexp::parse).transpose();
        let regexp = regexp.map_err(|error| problems.push(error.into_problem("REGEXP"))).ok().flatten();
        let authorization = authorization(definition, &mut problems);
        match (endpoint, problems.is_empty()) {
            (Ok(endpoint), true) => {
                let sms_id = definition.filled("SMS_ID").unwrap_or("s0").to_owned();
                Ok(Self { api, endpoint, authorization, sms_id, regexp })
            }
            _ => Err(problems),
        }
    }
}

fn authorization(definition: &Definition, problems: &mut Vec<Problem>) -> HeaderValue {
    let mut credential = |name: &str, what: &str| {
        let value = definition.filled(name).unwrap_or_default();
        if value.is_empty() {
            problems.push(Problem::parameter(name, "must not be empty", format!("write the {what}")));
        }
        value.to_owned()
    };
    let (username, password) = (credential("USERNAME", "user"), credential("PASSWORD", "password"));
    if username.contains(':') {
        let what = "has a colon in it, which basic authentication can't send (RFC 7617)";
        problems.push(Problem::parameter("USERNAME", what, "write the user alone"));
    }
    basic(&username, &password)
}
