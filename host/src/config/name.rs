//! Names of gateways, routes and API keys. The one place where they are checked.

use super::{Location, document::Entry, reader::Reader};
use gatepost_provider_api::declaration::nearest;
use std::collections::BTreeMap;

/// What a name is made of, for error messages.
pub const FORM: &str = "use letters, digits, `.`, `_` and `-`, at most 64, a letter or digit first";

/// Whether this may be the name of a gateway, route or API key: `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`.
pub fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        && name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
}

/// The names of all gateways or routes, also of those that have problems.
#[derive(Debug)]
pub(super) struct Names {
    /// What they are names of.
    kind: &'static str,
    /// Within what, where that is not the whole configuration.
    within: &'static str,
    /// Each with the place of its definition.
    pub(super) defined: BTreeMap<String, Location>,
    /// Whether there are no others, in what could not be read.
    pub(super) complete: bool,
}

impl Names {
    pub(super) fn new(kind: &'static str) -> Self {
        Self { kind, within: "", defined: BTreeMap::new(), complete: true }
    }

    /// These names alone, as those of ` in this route` or the like.
    pub(super) fn some(&self, defined: BTreeMap<String, Location>, within: &'static str) -> Self {
        Self { kind: self.kind, within, defined, complete: true }
    }

    /// Whether `name`, which stands in `entry`, is one of them, or may be; else that is a problem.
    pub(super) fn knows(&self, entry: &Entry<'_>, name: &str, reader: &mut Reader<'_>) -> bool {
        if !self.complete || self.defined.contains_key(name) {
            return true;
        }
        let known = self.defined.keys().map(String::as_str);
        let mend = match nearest(name, known.clone()) {
            Some(near) => format!("did you mean {near:?}?"),
            None if self.defined.is_empty() => "define it, or remove the name".into(),
            None => format!("known are {}", known.collect::<Vec<_>>().join(", ")),
        };
        reader.refuse(entry, format!("there is no {} {name:?}{}", self.kind, self.within), mend);
        false
    }

    /// The names in a list, each once; `None` where there is a problem with any of them.
    pub(super) fn listed<'d>(
        &self,
        entry: &Entry<'d>,
        reader: &mut Reader<'_>,
    ) -> Option<Vec<(Entry<'d>, String)>> {
        let listed = reader.strings(entry)?;
        let before = reader.problems.len();
        for (number, (item, name)) in listed.iter().enumerate() {
            if listed.iter().take(number).any(|(_, earlier)| earlier == name) {
                reader.refuse(item, format!("{name:?} stands in the list twice"), "remove one of the two");
            } else {
                self.knows(item, name, reader);
            }
        }
        (reader.problems.len() == before).then_some(listed)
    }
}
