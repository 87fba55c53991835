//! What never changes while the host runs: sent once, then by its ETag alone.

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use sha2::{Digest as _, Sha256};

/// Everything of a page comes from here; nobody frames it. Swagger UI sets styles by script, which needs no permission, and draws with
/// images that are in its style sheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A page, ready to be sent.
#[derive(Debug)]
pub(super) struct Page {
    content_type: &'static str,
    contents: Bytes,
    etag: String,
}

impl Page {
    pub(super) fn new(content_type: &'static str, contents: impl Into<Bytes>) -> Self {
        let contents = contents.into();
        let hash = Sha256::digest(&contents);
        let etag = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>();
        Self { content_type, contents, etag: format!("\"{etag}\"") }
    }

    /// The page, or that it is still the one that the client has.
    pub(super) fn answer(&self, request: &HeaderMap) -> Response {
        let headers = [
            (header::ETAG, self.etag.as_str()),
            // Kept, and asked for again each time: the next version has another one.
            (header::CACHE_CONTROL, "no-cache"),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
        ];
        if self.is_known(request) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        (headers, [(header::CONTENT_TYPE, self.content_type)], self.contents.clone()).into_response()
    }

    /// RFC 9110, section 13.1.2: a list of tags, compared weakly, or `*`.
    fn is_known(&self, request: &HeaderMap) -> bool {
        const NAME: HeaderName = header::IF_NONE_MATCH;
        let given = request.get_all(NAME).iter().filter_map(|value| value.to_str().ok());
        given.flat_map(|value| value.split(',')).any(|tag| {
            let tag = tag.trim();
            tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.etag
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_is_known_is_not_sent_again() {
        let page = Page::new("text/plain", &b"hello"[..]);
        let status = |tags: &[&str]| {
            let headers =
                tags.iter().map(|tag| (header::IF_NONE_MATCH, tag.parse().unwrap())).collect::<HeaderMap>();
            page.answer(&headers).status().as_u16()
        };
        let (strong, weak) = (page.etag.as_str(), format!("W/{}", page.etag));
        for tags in [&[strong][..], &[&weak], &["*"], &["\"a\"", strong], &[&format!("\"a\" , {weak}")]] {
            assert_eq!(status(tags), 304, "{tags:?}");
        }
        for tags in [&[][..], &["\"a\""], &[strong.trim_matches('"')], &["ä"]] {
            assert_eq!(status(tags), 200, "{tags:?}");
        }
    }
}
