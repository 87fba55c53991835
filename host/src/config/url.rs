//! Addresses of other services. None is repeated in a problem: a password may stand in it.

use super::{document::Entry, reader::Reader};
use reqwest::Url;
use std::fmt;

const SUCH: &str = "write one such as \"https://app.example/hook\"";

/// The longest address that is taken, in characters: what browsers and servers agree on.
const LONGEST: usize = 2048;

/// Where webhooks go: an address with `http` or `https`, without user and password. `Debug` shows its origin alone: applications put
/// tokens into paths and queries.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: String,
    origin: String,
}

impl Endpoint {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it, without quoting it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = parse(text)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("has a user or a password in it, which would stand on the disk".into());
        }
        if url.as_str().len() > LONGEST {
            return Err(format!("is longer than {LONGEST} characters"));
        }
        Ok(Self { origin: of(&url), url: url.into() })
    }

    /// The whole of it: never for a log.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Scheme, host and port, in one spelling.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.origin)
    }
}

impl Reader<'_> {
    /// Where webhooks go.
    pub(super) fn endpoint(&mut self, entry: &Entry<'_>) -> Option<Endpoint> {
        let text = self.string(entry)?;
        match Endpoint::parse(&text) {
            Ok(endpoint) => Some(endpoint),
            Err(what) => {
                self.refuse(entry, what, SUCH);
                None
            }
        }
    }

    /// An origin: scheme, host and port, in the form in which [`of`] has them.
    pub(super) fn origin(&mut self, entry: &Entry<'_>) -> Option<String> {
        let text = self.string(entry)?;
        let url = match parse(&text) {
            Ok(url) => url,
            Err(what) => {
                self.refuse(entry, what, "write an origin such as \"https://app.example\"");
                return None;
            }
        };
        let authority = text.split_once("://").map_or("", |(_, rest)| rest);
        if authority.contains(['/', '\\', '?', '@']) {
            let what = "an origin has scheme, host and port alone: no path, no user";
            self.refuse(entry, what, format!("write {:?}", of(&url)));
            return None;
        }
        Some(of(&url))
    }
}

/// The origin of an address.
fn of(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn parse(text: &str) -> Result<Url, String> {
    if text.chars().any(|character| character.is_whitespace() || character.is_control()) {
        // The parser would leave them out.
        return Err("is no URL: there is white space in it".into());
    }
    let url = text.parse::<Url>().map_err(|error| format!("is no URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("does not start with http:// or https://".into());
    }
    if url.fragment().is_some() {
        return Err("has a fragment, which no service gets to see".into());
    }
    Ok(url)
}
