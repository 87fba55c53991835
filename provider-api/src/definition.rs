//! A gateway definition as a provider gets it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{fmt, path::PathBuf, time::Duration};

/// A gateway definition: parameters, options and headers in the order in which they were written.
///
/// After [`Declaration::check`](crate::Declaration::check) every parameter and setting stands under its canonical name,
/// scalars are strings, defaults are filled in and paths are absolute. That is what
/// `Provider::create` gets. Crosses the boundary as JSON.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Definition {
    /// Name of the gateway.
    pub gateway: String,
    /// The provider's fixed parameters.
    pub parameters: Map<String, Value>,
    /// Free keys, where the provider allows them.
    pub options: Map<String, Value>,
    /// Free headers, where the provider allows them.
    pub headers: Map<String, Value>,
    /// `[provider.NAME]`, the settings of the provider as a whole.
    pub settings: Map<String, Value>,
    /// The `[smtp_servers.*]` that this definition names, each under its name: a table of `host`, `port`, `tls`, `username`, `password`,
    /// `auth`, `sender`, `timeout` (in seconds) and `ca_file` (absolute), all strings, and the boolean `verify`; what is not given is not
    /// there.
    pub smtp_servers: Map<String, Value>,
    /// The folder that relative paths in parameters start from: that of the definition's file.
    pub directory: PathBuf,
    /// The folder that relative paths in settings start from: that of the main configuration file.
    pub settings_directory: PathBuf,
}

/// Shows keys only: any value may be a secret.
impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Definition")
            .field("gateway", &self.gateway)
            .field("parameters", &self.parameters.keys().collect::<Vec<_>>())
            .field("options", &self.options.keys().collect::<Vec<_>>())
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("settings", &self.settings.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Definition {
    /// The parameter's value or default; `None` if it has neither.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).and_then(Value::as_str)
    }

    /// The parameter's value or default, unless it is empty: an empty text is a parameter that is not filled in.
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.text(name).filter(|text| !text.is_empty())
    }

    /// The provider-wide setting's value or default; `None` if it has neither.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).and_then(Value::as_str)
    }

    /// A [`Kind::YesNo`](crate::Kind::YesNo) parameter; `false` if it has neither value nor default.
    pub fn yes(&self, name: &str) -> bool {
        self.text(name) == Some("yes")
    }

    /// A [`Kind::Integer`](crate::Kind::Integer) parameter.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }

    /// A [`Kind::Seconds`](crate::Kind::Seconds) parameter.
    pub fn seconds(&self, name: &str) -> Option<Duration> {
        Duration::try_from_secs_f64(self.text(name)?.parse().ok()?).ok()
    }

    /// A [`Kind::Table`](crate::Kind::Table) parameter, in the order in which it was written.
    pub fn table(&self, name: &str) -> Option<&Map<String, Value>> {
        self.parameters.get(name).and_then(Value::as_object)
    }
}
