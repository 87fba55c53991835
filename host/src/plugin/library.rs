//! A loaded provider library.

use super::{
    limit::{BLOCKING_CALL, within},
    loader::{self, Identity, Refused},
    registry::Refusal,
    verify::PrivateCopy,
};
use gatepost_provider_api::{
    Declaration,
    abi::{FfiCreated, HostApiBox, ProviderModule_Ref},
};
use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

/// A loaded provider library: what it is called, what it takes, and its functions. Never unloaded.
pub struct Library {
    /// What it says of itself.
    pub identity: Identity,
    /// What its gateway definitions may say.
    pub declaration: Declaration,
    /// The file that it was copied from.
    pub file: PathBuf,
    /// Lower-case hex SHA-256 over the file.
    pub sha256: String,
    module: ProviderModule_Ref,
}

impl Library {
    /// Opens a private copy, within a time limit: its constructors are foreign code.
    pub(super) fn open(file: PathBuf, copy: PrivateCopy) -> Result<Arc<Self>, Box<Refused>> {
        let slow = || {
            let what = format!("loading it took longer than {} s", BLOCKING_CALL.as_secs());
            let mend = "have its author look for what blocks in its constructors or its declaration";
            Refused::new(Refusal::new(what, mend), None)
        };
        within(BLOCKING_CALL, "load-plugin", move || {
            let opened = loader::open(&copy)?;
            let describe = opened.module.describe();
            let declaration = describe().into_result().map_err(|error| error.detail.into_string());
            let declaration = declaration.and_then(|json| {
                serde_json::from_str::<Declaration>(&json).map_err(|error| error.to_string())
            });
            let declaration = declaration.map_err(|reason| {
                let what = format!("its declaration can't be read: {reason}");
                Refused::new(Refusal::new(what, "have its author mend it"), Some(opened.identity.clone()))
            })?;
            Ok(Arc::new(Self {
                identity: opened.identity,
                declaration,
                file,
                sha256: copy.sha256,
                module: opened.module,
            }))
        })
        .unwrap_or_else(|| Err(slow()))
    }

    /// Builds a provider; blocks. The error is a JSON list of problems.
    pub(super) fn create(&self, definition: String, host: HostApiBox) -> Result<FfiCreated, String> {
        let create = self.module.create();
        create(definition.into(), host).into_result().map_err(|problems| problems.into_string())
    }

    /// Ends the library's runtime, once none of its instances is left; what still runs is cut off after `deadline`. Blocks.
    pub fn stop_runtime(&self, deadline: Duration) {
        let stop_runtime = self.module.stop_runtime();
        stop_runtime(u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX));
    }
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Library")
            .field("identity", &self.identity)
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}
