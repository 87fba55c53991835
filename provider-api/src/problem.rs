//! One thing that is wrong with a definition: which key, what, and how to mend it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The part of a definition that a [`Problem`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Section {
    /// `[gateways.NAME.parameters]`
    Parameters,
    /// `[gateways.NAME.options]`
    Options,
    /// `[gateways.NAME.headers]`
    Headers,
    /// `[provider.NAME]`: the settings of a provider as a whole.
    Settings,
    /// The definition as a whole; also what a newer plugin says that this host does not know.
    #[serde(other)]
    Definition,
}

/// One thing that is wrong with a definition. The host adds file and line.
///
/// Neither `what` nor `mend` may hold the value of a secret parameter: both are printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Where the key stands.
    pub section: Section,
    /// The key, as it stands in the definition; for a missing one, its canonical name. Empty for the definition as a whole.
    pub key: String,
    /// What is wrong, one clause without a full stop.
    pub what: String,
    /// How to mend it, one clause without a full stop.
    pub mend: String,
    /// A warning does not keep the gateway from being built.
    #[serde(default)]
    pub warning: bool,
}

impl Problem {
    /// A problem with the parameter `key`.
    pub fn parameter(key: impl Into<String>, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::new(Section::Parameters, key, what, mend)
    }

    /// A problem with the provider-wide setting `key`.
    pub fn setting(key: impl Into<String>, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::new(Section::Settings, key, what, mend)
    }

    /// A problem with `key` in `section`.
    pub fn new(
        section: Section,
        key: impl Into<String>,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self { section, key: key.into(), what: what.into(), mend: mend.into(), warning: false }
    }

    /// The same problem as a warning: `check` prints it, the gateway is built all the same.
    #[must_use]
    pub fn as_warning(mut self) -> Self {
        self.warning = true;
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}; {}", self.what, self.mend)
    }
}
