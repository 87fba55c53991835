//! The address: a URL with tags in its path and query.

use gatepost_provider_api::{SubmitError, template::Template};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::borrow::Cow;
use url::Url;

/// All but RFC 3986's unreserved characters: what every server decodes to the same.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The longest address that the HTTP library takes, in bytes.
const LONGEST: usize = 65_534;

/// How the URL's path writes the tags once it is parsed.
const PARSED_TAGS: [(&str, &str); 2] = [("%7Bphone%7D", "{phone}"), ("%7Botp%7D", "{otp}")];

/// A value as it stands in a query, a path or a form.
pub(crate) fn encode(value: &str) -> Cow<'_, str> {
    utf8_percent_encode(value, ENCODED).into()
}

/// Where requests go.
#[derive(Debug)]
pub(crate) struct Target {
    /// Without credentials, query and fragment.
    base: Url,
    path: Template,
    query: Option<Template>,
}

/// User and password, as they are meant.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) username: String,
    pub(crate) password: String,
}

/// What is wrong with a URL, and how to mend it. Does not quote it: a password may stand in it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadUrl {
    pub(crate) what: String,
    pub(crate) mend: &'static str,
}

impl Target {
    /// Reads the parameter URL, and the credentials in it.
    pub(crate) fn parse(text: &str) -> Result<(Self, Option<Credentials>), BadUrl> {
        let bad = |what: &str, mend| BadUrl { what: what.to_owned(), mend };
        const SUCH: &str = "write one such as \"https://sms.example/send\"";
        let (before, rest) = text.split_once("://").unwrap_or(("", text));
        let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
        let fragment = rest.split_once('#').map_or("", |(_, fragment)| fragment);
        if [before, authority, fragment]
            .iter()
            .any(|part| ["{phone}", "{otp}"].iter().any(|tag| part.contains(tag)))
        {
            return Err(bad(
                "a tag stands outside of its path and query",
                "move {phone} and {otp} into path, query or options",
            ));
        }
        let mut url = Url::parse(text.trim())
            .map_err(|error| BadUrl { what: format!("is no URL: {error}"), mend: SUCH })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad("is no address of the schemes http and https", SUCH));
        }
        let credentials = credentials(&url);
        // Neither fails where there is a host, and these schemes have one.
        url.set_username("").unwrap_or_default();
        url.set_password(None).unwrap_or_default();
        url.set_fragment(None);
        let path =
            PARSED_TAGS.iter().fold(url.path().to_owned(), |path, (parsed, tag)| path.replace(parsed, tag));
        let query = url.query().map(Template::parse);
        url.set_query(None);
        Ok((Self { base: url, path: Template::parse(&path), query }, credentials))
    }

    /// The address for one message; `fields`, encoded already, join the query that the definition has.
    ///
    /// # Errors
    /// `rejected`: the number or the text would make another path of it.
    pub(crate) fn expand(&self, phone: &str, otp: &str, fields: &str) -> Result<Url, SubmitError> {
        let path = self.path.expand_with(phone, otp, encode);
        // The definition's own dots are resolved already.
        let dots = |segment: &str| matches!(&*percent_decode_str(segment).collect::<Vec<_>>(), b"." | b"..");
        if path.split('/').any(dots) {
            return Err(SubmitError::rejected(
                "the phone number or the text would change the path of the URL",
            ));
        }
        let mut query =
            self.query.as_ref().map(|query| query.expand_with(phone, otp, encode)).unwrap_or_default();
        if !fields.is_empty() {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(fields);
        }
        let mut url = self.base.clone();
        url.set_path(&path);
        if self.query.is_some() || !query.is_empty() {
            url.set_query(Some(&query));
        }
        if url.as_str().len() > LONGEST {
            let detail = format!(
                "the address would be too long: {} bytes of at most {LONGEST}; POST has no such bound",
                url.as_str().len()
            );
            return Err(SubmitError::rejected(detail));
        }
        Ok(url)
    }

    /// The server alone.
    pub(crate) fn origin(&self) -> Url {
        let mut origin = self.base.clone();
        origin.set_path("/");
        origin
    }
}

fn credentials(url: &Url) -> Option<Credentials> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let password = url.password();
    (!url.username().is_empty() || password.is_some()).then(|| Credentials {
        username: decoded(url.username()),
        password: decoded(password.unwrap_or_default()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(url: &str, phone: &str, otp: &str, fields: &str) -> String {
        Target::parse(url).unwrap().0.expand(phone, otp, fields).unwrap().into()
    }

    #[test]
    fn fields_join_the_query_that_is_there() {
        for (url, expected) in [
            ("http://x", "http://x/?a=1"),
            ("http://x/?", "http://x/?a=1"),
            ("http://x/p?k=v%20w&z", "http://x/p?k=v%20w&z&a=1"),
            ("https://x:443/p#top", "https://x/p?a=1"),
            ("http://[::1]:8080/p", "http://[::1]:8080/p?a=1"),
        ] {
            assert_eq!(expanded(url, "", "", "a=1"), expected, "{url}");
        }
        assert_eq!(expanded("http://x/p", "", "", ""), "http://x/p");
    }

    #[test]
    fn tags_are_encoded_in_path_and_query_and_change_neither() {
        assert_eq!(
            expanded("http://x/{phone}/{other}?t={otp}&u={x}", "+49/?#&%2e", "ä&b=c#{phone}", ""),
            "http://x/%2B49%2F%3F%23%26%252e/%7Bother%7D?t=%C3%A4%26b%3Dc%23%7Bphone%7D&u={x}"
        );
        let (target, _) = Target::parse("http://x/a/.{phone}/b").unwrap();
        assert!(target.expand(".", "", "").is_err());
        let (target, _) = Target::parse("http://x/a/{phone}/b").unwrap();
        for phone in [".", "..", "%2e%2e"] {
            let url = target.expand(phone, "", "");
            assert!(url.as_ref().is_err() || url.unwrap().path().matches('/').count() == 3, "{phone}");
        }
    }

    #[test]
    fn credentials_are_taken_out() {
        let of = |url| Target::parse(url).unwrap();
        let (target, found) = of("http://us%40er:p:a%2Fss%3A@x/p");
        let found = found.unwrap();
        assert_eq!((found.username.as_str(), found.password.as_str()), ("us@er", "p:a/ss:"));
        assert_eq!(target.expand("", "", "").unwrap().as_str(), "http://x/p");
        assert!(of("http://x/p").1.is_none());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for url in [
            "",
            "x",
            "sms.example/send",
            "ftp://x/",
            "http://",
            "mailto:a@b",
            "http://{phone}/",
            "http://x/#{otp}",
            "http://u:{otp}@x/",
            "{otp}://x/",
            "http://x:99999/",
            "https://sek ret@x y/",
        ] {
            assert!(Target::parse(url).is_err(), "{url}");
        }
        let bad = Target::parse("http://user:hunter2@/x").err().unwrap();
        assert!(!bad.what.contains("hunter2"), "{bad:?}");
    }
}
