//! Addresses of other services. None is repeated in a problem: a password may stand in it.

use super::{document::Entry, reader::Reader};
use reqwest::Url;

const SUCH: &str = "write one such as \"https://app.example/hook\"";

impl Reader<'_> {
    /// An address with `http` or `https`.
    pub(super) fn url(&mut self, entry: &Entry<'_>) -> Option<Url> {
        let text = self.string(entry)?;
        match parse(&text) {
            Ok(url) => Some(url),
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
pub(super) fn of(url: &Url) -> String {
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
