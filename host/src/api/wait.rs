//! How long a caller wants to wait for the outcome: `?wait=10`, or `Prefer: wait=10` (RFC 7240).

use super::problem::Problem;
use axum::http::{HeaderMap, Uri};
use std::time::Duration;

/// The longest wait; who wants longer asks again.
const LONGEST: u64 = 60;

/// A wait that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    pub(super) span: Duration,
    /// Whether it came as a preference: then the answer says that it was honoured.
    pub(super) preferred: bool,
}

/// The wait that a request asks for. The query counts before the header.
///
/// # Errors
/// A query that can't be taken. A preference that can't be is ignored, as RFC 7240 section 2 has it.
pub(super) fn wanted(uri: &Uri, headers: &HeaderMap) -> Result<Option<Wait>, Problem> {
    let mut wanted = None;
    for (name, value) in &parameters(uri)? {
        if name != "wait" {
            return Err(Problem::invalid_parameter(name, "unknown parameter; there is `wait`"));
        }
        if wanted.is_some() {
            return Err(Problem::invalid_parameter("wait", "is given twice"));
        }
        let seconds = whole(value).filter(|seconds| *seconds <= LONGEST);
        let seconds =
            seconds.ok_or_else(|| Problem::invalid_parameter("wait", "must be whole seconds, at most 60"))?;
        wanted = Some(Wait { span: Duration::from_secs(seconds), preferred: false });
    }
    if wanted.is_some() {
        return Ok(wanted);
    }
    let preferences = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let mut preferences = preferences.flat_map(|value| unquoted(value, ','));
    Ok(preferences.find_map(preference).map(|span| Wait { span, preferred: true }))
}

/// For what takes no parameters.
///
/// # Errors
/// It has one.
pub(super) fn no_parameters(uri: &Uri) -> Result<(), Problem> {
    match parameters(uri)?.first() {
        None => Ok(()),
        Some((name, _)) => Err(Problem::invalid_parameter(name, "unknown parameter; there is none here")),
    }
}

pub(super) fn parameters(uri: &Uri) -> Result<Vec<(String, String)>, Problem> {
    let query = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri);
    Ok(query.map_err(|_| Problem::invalid_parameter("query", "can't be read"))?.0)
}

/// Digits alone, since `parse` would take a sign too, and at most 19 of them, which are sure to fit.
pub(super) fn whole(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.len() <= 19 && text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The parts between separators that don't stand within a quoted string (RFC 9110 section 5.6.4).
fn unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |found: char| {
        match found {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => return found == separator && !quoted,
        }
        false
    })
}

fn preference(text: &str) -> Option<Duration> {
    // Parameters of a preference come after `;`: `wait` has none.
    let (name, value) = unquoted(text, ';').next()?.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("wait") {
        return None;
    }
    let seconds = whole(value.trim().trim_matches('"'))?;
    Some(Duration::from_secs(seconds.min(LONGEST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefer(values: &[&str]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("prefer", value.parse().unwrap());
        }
        wanted(&Uri::from_static("/v1/messages"), &headers).unwrap().map(|wait| wait.span.as_secs())
    }

    #[test]
    fn preferences_are_read_as_rfc_7240_has_them() {
        assert_eq!(prefer(&["wait=10"]), Some(10));
        assert_eq!(prefer(&["respond-async, Wait = \"5\"; x=1"]), Some(5));
        assert_eq!(prefer(&["return=minimal", "wait=7", "wait=9"]), Some(7));
        assert_eq!(prefer(&["wait=3600"]), Some(60));
        assert_eq!(prefer(&["wait=9999999999999999999"]), Some(60));
        assert_eq!(prefer(&["wait=soon"]), None);
        assert_eq!(prefer(&["wait=+5"]), None);
        assert_eq!(prefer(&[r#"note="a, wait=3""#]), None);
        assert_eq!(prefer(&[r#"note="a\", wait=3; ", wait=4"#]), Some(4));
        assert_eq!(prefer(&[]), None);
    }

    #[test]
    fn the_query_counts_and_must_be_right() {
        let of = |query: &'static str| wanted(&Uri::from_static(query), &HeaderMap::new());
        assert_eq!(of("/v1/messages?wait=60").unwrap().unwrap().span.as_secs(), 60);
        assert_eq!(of("/v1/messages").unwrap(), None);
        for bad in [
            "/?wait=61",
            "/?wait=-1",
            "/?wait=",
            "/?wait=99999999999999999999",
            "/?wait=1.5",
            "/?wiat=1",
            "/?wait=1&key=x",
            "/?wait=%2B1",
            "/?wait=1&wait=2",
        ] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}
