//! Which messages are wanted: the parameters that lists and events have in common.

use super::{problem::Problem, wait};
use crate::{
    message::{Recipient, State},
    store::Filter,
};
use axum::http::Uri;
use std::collections::BTreeMap;
use utoipa::IntoParams;

/// The parameters that every filter has.
const COMMON: [&str; 4] = ["state", "gateway", "to", "tag"];

/// These parameters, for the OpenAPI document.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "they are read by `parse`, which says what is wrong with each; this describes what that takes"
)]
pub(super) struct FilterParameters {
    /// One state, or several with commas between.
    #[param(style = Form, explode = false, min_items = 1, nullable = false, example = json!(["sent", "delivered"]))]
    state: Option<Vec<State>>,
    /// Messages that go through this gateway now, or went.
    #[param(min_length = 1, nullable = false, example = "clickatell")]
    gateway: Option<String>,
    /// Messages for this recipient; + is written as %2B.
    #[param(min_length = 1, pattern = "^[^ ]", nullable = false, example = "+491701234567")]
    to: Option<String>,
    /// Messages with this tag.
    #[param(nullable = false, example = "login")]
    tag: Option<String>,
}

/// The filter of a query, and its other parameters, of which `further` may be there.
///
/// # Errors
/// A parameter that is unknown, given twice, or can't be taken.
pub(super) fn parse(uri: &Uri, further: &[&str]) -> Result<(Filter, BTreeMap<String, String>), Problem> {
    let mut given = BTreeMap::new();
    for (name, value) in wait::parameters(uri)? {
        if !COMMON.iter().chain(further).any(|known| *known == name) {
            let known = COMMON.iter().chain(further).map(|name| format!("`{name}`")).collect::<Vec<_>>();
            let detail = format!("unknown parameter; there are {}", known.join(", "));
            return Err(Problem::invalid_parameter(&name, &detail));
        }
        if given.contains_key(&name) {
            let several = if name == "state" { "; write several with commas between" } else { "" };
            return Err(Problem::invalid_parameter(&name, &format!("is given twice{several}")));
        }
        given.insert(name, value);
    }
    let states = given.remove("state").map(|words| states(&words)).transpose()?.unwrap_or_default();
    let (gateway, to, tag) = (given.remove("gateway"), given.remove("to"), given.remove("tag"));
    if gateway.as_ref().is_some_and(String::is_empty) {
        return Err(Problem::invalid_parameter("gateway", "is empty; name one, or leave it out"));
    }
    if to.as_ref().is_some_and(|to| to.starts_with(' ')) {
        // Nobody would be found, and nobody would see why.
        return Err(Problem::invalid_parameter("to", "begins with a space; in a query write + as %2B"));
    }
    if to.as_ref().is_some_and(String::is_empty) {
        return Err(Problem::invalid_parameter("to", "is empty; say whom, or leave it out"));
    }
    Ok((Filter { states, gateway, to: to.map(Recipient::new), tag, ..Filter::default() }, given))
}

/// One state, or several with commas between; each once, in the order that states have.
fn states(words: &str) -> Result<Vec<State>, Problem> {
    let mut states = Vec::new();
    for word in words.split(',') {
        let state = word.parse().map_err(|()| {
            let known = State::ALL.iter().map(|state| state.as_str()).collect::<Vec<_>>().join(", ");
            let detail = format!("{word:?} is no state; there are {known}");
            Problem::invalid_parameter("state", &detail)
        })?;
        states.push(state);
    }
    states.sort_unstable();
    states.dedup();
    Ok(states)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(query: &str) -> Result<Filter, Problem> {
        parse(&format!("/v1/events?{query}").parse().unwrap(), &["since"]).map(|(filter, _)| filter)
    }

    #[test]
    fn a_filter_is_what_the_query_says() {
        let filter = parsed("state=sent,queued,sent&gateway=one&to=%2B49&tag=&since=x").unwrap();
        let expected = Filter {
            states: vec![State::Queued, State::Sent],
            gateway: Some("one".into()),
            to: Some(Recipient::new("+49")),
            tag: Some(String::new()),
            ..Filter::default()
        };
        assert_eq!(filter, expected);
        assert_eq!(parsed("").unwrap(), Filter::default());
        for bad in
            ["state=", "state=sent,", "state=SENT", "to=+49", "to=", "gateway=", "tag=a&tag=b", "limit=1"]
        {
            assert!(parsed(bad).is_err(), "{bad}");
        }
    }
}
