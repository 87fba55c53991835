//! What crosses the boundary between host and plugin, and nothing else.
//!
//! Rules, so that a plugin of any minor version loads in a host of any other of the same major version:
//! - [`ProviderProbe`] is frozen for ever: it is read before anything else, from plugins of every version.
//! - No field is ever added to a struct passed by value; each has an `ext` string, JSON, for what comes later.
//! - Functions are appended to the vtables ([`RawProvider`], [`HostApi`], [`ProviderModule`]), each with a default.
//! - Enums cross as open `u32` codes; a code that one side does not know has a defined meaning.

mod host_api;
mod probe;
mod provider;
mod values;

pub use host_api::{HostApi, HostApi_TO, HostApiBox};
pub use probe::{PROBE_MAGIC, PROBE_SYMBOL, ProbeText, ProviderProbe};
pub use provider::{
    FfiCreated, ProviderModule, ProviderModule_Prefix, ProviderModule_Ref, RawProvider, RawProvider_TO,
    RawProviderBox,
};
pub use values::{
    EventKind, FfiAccepted, FfiError, FfiEvent, FfiLog, FfiMessage, FfiReceiptRequest, FfiResult, ReceiptCode,
};

/// Major version of the provider API: plugin and host must agree on it.
pub const API_MAJOR: u16 = 1;

/// Minor version of the provider API: they may differ in it, both ways.
pub const API_MINOR: u16 = if cfg!(feature = "next-minor") { 1 } else { 0 };
