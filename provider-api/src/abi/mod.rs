//! What crosses the boundary between host and plugin, and nothing else.
//!
//! Rules, so that a plugin of any minor version loads in a host of any other of the same major version:
//! - [`ProviderProbe`] is frozen for ever: it is read before anything else, from plugins of every version.
//! - No field is ever added to a struct passed by value; each has an `ext` string, JSON, for what comes later.
//! - Functions are appended to the vtables ([`RawProvider`], [`HostApi`], [`ProviderModule`]), each with a default.
//! - Enums cross as open `u32` codes; a code that one side does not know has a defined meaning.
//!
//! To append a function, as minor version 1 did: in `raw_provider!`, `host_api!` or `provider_module!`, add an arm `minor N` that hands the
//! function, with a default body that does nothing, to the arm of the version before; raise [`API_MINOR`] and its table, and the version in
//! `Cargo.toml`; give the SDK's trait a method with the same default; have the stand-in of the feature `next-minor` follow one version later.
//! With a feature such as `minor-0` the compatibility tests build plugins of a former version.

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
///
/// | minor | appended |
/// |---|---|
/// | 1 | `RawProvider::figures` |
pub const API_MINOR: u16 = match (cfg!(feature = "next-minor"), cfg!(feature = "minor-0")) {
    (true, _) => 2,
    (false, false) => 1,
    (false, true) => 0,
};
