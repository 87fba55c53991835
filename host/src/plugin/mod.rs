//! Provider plugins: finding, verifying, loading, calling them, and what the host does for them.
//!
//! A library goes [`Libraries`] (which files) → `verify` (may this file be opened, as a private copy) → `loader` (is it a provider that
//! fits) → [`Library`] (all of them: [`Registry`]), from which [`Instance`]s are built, one a gateway. [`Handle`] is what the rest of the host sees of an instance.

#[cfg(test)]
pub(crate) mod fake;
mod broken;
mod crossing;
mod figures;
mod handle;
mod host_api;
mod instance;
mod libraries;
mod library;
mod limit;
mod link;
mod loader;
mod redaction;
mod registry;
mod sink;
mod verify;

pub use broken::Broken;
pub use handle::{Handle, ReceiptRequest, Submission};
pub use instance::Instance;
pub use libraries::Libraries;
pub use library::Library;
pub use registry::{Found, Registry, Standing};
pub use sink::{NotStored, ServiceEvent, Sink};
