//! What a running host can't change.

use super::{Config, ConfigProblem, SectionPlaces, TlsFiles, duration};
use std::fmt::Display;

impl Config {
    /// What differs from the configuration of a running host, and is only read when a host starts. Where there are `problems` already,
    /// what was meant is not known.
    pub fn needs_restart(&self, running: &Self, problems: &[ConfigProblem]) -> Vec<ConfigProblem> {
        let (server, store) = (&self.server, &self.store);
        let was = &running.store;
        let (kept, kept_before) = (duration::words(store.retain), duration::words(was.retain));
        let differences = [
            differs(&server.places, "listen", running.server.listen, server.listen),
            // What stands in the files is followed while the host runs.
            differs(&server.places, "tls", tls(running), tls(self)),
            differs(&store.places, "path", was.path.display().to_string(), store.path.display().to_string()),
            differs(&store.places, "max_queued", was.max_queued, store.max_queued),
            differs(&store.places, "retain", kept_before, kept),
            // Its address is not shown: a key may stand in it.
            (self.telemetry.otlp != running.telemetry.otlp)
                .then(|| needed(&self.telemetry.places, "otlp", "a change needs a restart".into())),
            // An editor that cuts the file off, or a slip, must not open what had a lock.
            (self.api_keys.is_empty() && !running.api_keys.is_empty()).then(|| ConfigProblem {
                location: server.places.locate("listen").1,
                key: "api_keys".into(),
                what: "without the last API key everybody on this machine could send and read: that needs a restart".into(),
                mend: "put a key back, or restart the host".into(),
            }),
        ];
        let table = |key: &str| key.split_once('.').map(|(table, _)| table.to_owned());
        let is_known = |difference: &ConfigProblem| {
            let tables = problems.iter().map(|problem| table(&problem.key));
            tables.into_iter().all(|known| known.is_some() && known != table(&difference.key))
        };
        differences.into_iter().flatten().filter(is_known).collect()
    }
}

fn tls(config: &Config) -> String {
    let files = config.server.tls.as_ref().map(|tls| &tls.files);
    let words = |files: &TlsFiles| format!("TLS with {} and {}", files.cert.display(), files.key.display());
    files.map_or_else(|| "plain HTTP".into(), words)
}

fn differs<T: PartialEq + Display>(
    places: &SectionPlaces,
    key: &str,
    was: T,
    is: T,
) -> Option<ConfigProblem> {
    (was != is).then(|| needed(places, key, format!("a change from {was} to {is} needs a restart")))
}

fn needed(places: &SectionPlaces, key: &str, what: String) -> ConfigProblem {
    let (key, location) = places.locate(key);
    ConfigProblem { location, key, what, mend: "restart the host, or put the old value back".into() }
}
