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
use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long the runtime of a library that has been replaced may take to end.
const STOP_RUNTIME: Duration = Duration::from_secs(2);

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
    usage: Mutex<Usage>,
}

/// Who needs the library's runtime.
#[derive(Debug)]
struct Usage {
    instances: usize,
    /// Whether further instances are to be expected.
    serving: bool,
}

/// An instance's share in its library: the runtime of a library that serves no more ends with the last one.
#[derive(Debug)]
pub(super) struct Share(Arc<Library>);

impl Drop for Share {
    fn drop(&mut self) {
        let mut usage = self.0.usage();
        usage.instances -= 1;
        self.0.rest(&usage);
    }
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
                usage: Mutex::new(Usage { instances: 0, serving: true }),
            }))
        })
        .unwrap_or_else(|| Err(slow()))
    }

    /// Builds a provider; blocks. The error is a JSON list of problems.
    pub(super) fn create(&self, definition: String, host: HostApiBox) -> Result<FfiCreated, String> {
        let create = self.module.create();
        create(definition.into(), host).into_result().map_err(|problems| problems.into_string())
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For an instance about to be created, to be dropped after it.
    pub(super) fn share(self: &Arc<Self>) -> Share {
        self.usage().instances += 1;
        Share(Arc::clone(self))
    }

    /// Whether further instances are to be expected. Blocks while a runtime ends that is needed no more.
    pub(super) fn set_serving(&self, serving: bool) {
        let mut usage = self.usage();
        usage.serving = serving;
        self.rest(&usage);
    }

    /// Under the lock, so that nobody creates an instance on a runtime that is about to end.
    fn rest(&self, usage: &Usage) {
        if usage.instances == 0 && !usage.serving {
            self.stop_runtime(STOP_RUNTIME);
        }
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
