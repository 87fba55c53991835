//! `[smtp_servers.NAME]`: where the server is, how it is spoken to, and who the mails are from.

use crate::{outcome::Echoes, request::address};
use gatepost_provider_api::{Context, Definition, Problem, tls};
use lettre::{Address, message::Mailbox};
use rustls::{ClientConfig, pki_types::ServerName};
use std::{fmt, sync::Arc, time::Duration};

/// The parameter that names the server: what is wrong with the server is said of it.
pub(crate) const NAMED_BY: &str = "SMTPIDENTIFIER";

/// How long a submit may take where `timeout` does not say: as privacyIDEA has it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// When TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    Plain,
    /// With STARTTLS, which the server must offer.
    Upgraded,
    /// With the first byte.
    Implicit,
}

/// How the server is told who we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mechanism {
    Plain,
    Login,
    Xoauth2,
}

impl Mechanism {
    /// In the order in which they are tried to be found among those that the server offers.
    pub(crate) const ALL: [Self; 3] = [Self::Plain, Self::Login, Self::Xoauth2];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::Xoauth2 => "XOAUTH2",
        }
    }
}

/// User and password, or user and token. No `Debug`.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) username: String,
    pub(crate) password: String,
    /// The one that counts; `None`: the first that the server offers.
    pub(crate) mechanism: Option<Mechanism>,
}

/// What is known of the server.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: Security,
    pub(crate) tls: Option<(ServerName<'static>, Arc<ClientConfig>)>,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) sender: Mailbox,
    /// For one submit as a whole.
    pub(crate) timeout: Duration,
}

/// Shows no credentials.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

/// The table of one server.
struct Table<'d> {
    name: &'d str,
    definition: &'d Definition,
}

impl<'d> Table<'d> {
    fn text(&self, key: &str) -> Option<&'d str> {
        self.definition.smtp_servers.get(self.name)?.get(key)?.as_str().filter(|text| !text.is_empty())
    }

    fn problem(&self, key: &str, what: impl fmt::Display, mend: &str) -> Problem {
        let place = format!("[smtp_servers.{}]", self.name);
        Problem::parameter(NAMED_BY, format!("`{key}` of {place} {what}"), mend)
    }
}

impl Server {
    pub(crate) fn new(definition: &Definition, context: &Context) -> Result<Self, Vec<Problem>> {
        let name = definition.text(NAMED_BY).unwrap_or_default();
        let Some(given) = definition.smtp_servers.get(name) else {
            let what = format!("there is no SMTP server {name:?}");
            let mend = format!("define it as [smtp_servers.{name}], or correct the name");
            return Err(vec![Problem::parameter(NAMED_BY, what, mend)]);
        };
        let table = Table { name, definition };
        let mut problems = Vec::new();
        let (security, usual_port) = match table.text("tls") {
            Some("none") => (Security::Plain, 25),
            Some("tls") => (Security::Implicit, 465),
            _ => (Security::Upgraded, 587),
        };
        let host = table.text("host").unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let server_name = ServerName::try_from(host.to_owned());
        if server_name.is_err() {
            let what = format!("is neither a name nor an address: {host:?}");
            problems.push(table.problem("host", what, "write one such as \"mail.example.com\""));
        }
        let verify = given.get("verify").and_then(|verify| verify.as_bool()).unwrap_or(true);
        let tls = match (security, server_name) {
            (Security::Plain, _) | (_, Err(_)) => None,
            (_, Ok(name)) => match tls::client_config(table.text("ca_file"), verify) {
                Ok(config) => Some((name, Arc::new(config))),
                Err(unfit) => {
                    problems.push(table.problem("ca_file", unfit.what, unfit.mend));
                    None
                }
            },
        };
        if security != Security::Plain && !verify {
            let what = "is false, so anybody on the way can read and answer: the certificate is not verified";
            context.warn(table.problem("verify", what, "remove it, and name a private CA with ca_file"));
        }
        let credentials = credentials(&table, security, context);
        let sender = sender(&table).map_err(|problem| problems.push(problem)).ok();
        let seconds = table.text("timeout").and_then(|seconds| seconds.parse().ok());
        match (sender, problems.is_empty()) {
            (Some(sender), true) => Ok(Self {
                host: host.to_owned(),
                port: table.text("port").and_then(|port| port.parse().ok()).unwrap_or(usual_port),
                security,
                tls,
                credentials,
                sender,
                timeout: seconds
                    .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                    .unwrap_or(TIMEOUT),
            }),
            _ => Err(problems),
        }
    }

    /// What it may repeat of the credentials.
    pub(crate) fn echoes(&self) -> Echoes {
        Echoes::of_credentials(self.credentials.as_ref())
    }
}

fn credentials(table: &Table<'_>, security: Security, context: &Context) -> Option<Credentials> {
    let (username, password) = match (table.text("username"), table.text("password")) {
        (Some(username), Some(password)) => (username, password),
        (None, None) => return None,
        (username, _) => {
            let (there, missing) =
                if username.is_some() { ("username", "password") } else { ("password", "username") };
            let what = format!("is there without `{missing}`: no credentials are sent");
            context.warn(table.problem(there, what, &format!("add {missing}, or remove {there}")));
            return None;
        }
    };
    if security == Security::Plain {
        let what = "is sent unencrypted: anybody on the way can read it";
        context.warn(table.problem("password", what, "write tls = \"starttls\" or \"tls\""));
    }
    let mechanism = table.text("auth").and_then(|auth| {
        Mechanism::ALL.into_iter().find(|mechanism| mechanism.name().eq_ignore_ascii_case(auth))
    });
    Some(Credentials { username: username.into(), password: password.into(), mechanism })
}

/// Who the mails are from: `sender`, which may be a name with an address, else `username` if that is an address.
fn sender(table: &Table<'_>) -> Result<Mailbox, Problem> {
    let Some(text) = table.text("sender") else {
        let by_username = table.text("username").and_then(ascii_address);
        return by_username.map(|address| Mailbox::new(None, address)).ok_or_else(|| {
            table.problem("sender", "is missing: mails need one", "add the address that they are from")
        });
    };
    let mailbox = if text.chars().any(char::is_control) { None } else { text.parse::<Mailbox>().ok() };
    mailbox
        // With its domain as DNS has it: that is what goes into envelope and headers.
        .and_then(|mailbox| Some(Mailbox::new(mailbox.name, ascii_address(mailbox.email.as_ref())?)))
        .ok_or_else(|| {
            let mend = "write one such as \"gatepost@example.com\" or \"Gatepost <gatepost@example.com>\"";
            table.problem("sender", "is no mail address", mend)
        })
}

/// One that every server understands.
fn ascii_address(text: &str) -> Option<Address> {
    address(text).filter(|found| found.to_string().is_ascii())
}
