//! How many files and connections this process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Connections at once, where the limit of open files leaves room for as many.
const CONNECTIONS: usize = 16_384;

/// Raises the limit as far as this process may: the usual 1024 is meant for programs of another kind.
pub fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, "the limit of open files can't be raised");
    }
}

/// How many connections there may be at once: a quarter of the open files is left for gateways, the store and scripts.
pub(super) fn connections() -> usize {
    let limit = getrlimit(Resource::Nofile)
        .current
        .map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let connections = CONNECTIONS.min(limit / 4 * 3);
    if connections < CONNECTIONS {
        tracing::warn!(
            limit,
            connections,
            "the limit of open files allows fewer connections at once; raise it: LimitNOFILE=, ulimit -n"
        );
    }
    connections
}
