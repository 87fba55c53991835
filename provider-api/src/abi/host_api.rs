//! What a plugin may ask of the host.

#![expect(unsafe_code, reason = "abi_stable's sabi_trait writes unsafe code")]
#![expect(non_local_definitions, reason = "abi_stable's sabi_trait writes its impls inside a const")]

use super::{FfiEvent, FfiLog, FfiResult};
use abi_stable::{sabi_trait, std_types::RArc};
use async_ffi::FfiFuture;

// One body, so that the next minor version differs by its appended function alone.
macro_rules! host_api {
    ($($appended:tt)*) => {
        /// The host, as one instance of a provider sees it. None of its calls blocks or panics.
        #[sabi_trait]
        pub trait HostApi: Send + Sync + Clone {
            /// The least severe level that the host wants to see: 0 none, 1 error to 5 trace.
            fn max_level(&self) -> u8;

            /// Puts an event into the host's log.
            fn log(&self, record: FfiLog<'_>);

            /// Hands over a receipt or an inbound message. Resolves when the host has stored it: only then may the
            /// plugin acknowledge it to the service.
            #[sabi(last_prefix_field)]
            fn deliver(&self, event: FfiEvent) -> FfiFuture<FfiResult<()>>;

            $($appended)*
        }
    };
}

#[cfg(not(feature = "next-minor"))]
host_api! {}

#[cfg(feature = "next-minor")]
host_api! {
    /// A stand-in for what a later minor version appends.
    fn host_version(&self) -> abi_stable::std_types::RString {
        abi_stable::std_types::RString::new()
    }
}

/// A [`HostApi`] as it crosses the boundary.
pub type HostApiBox = HostApi_TO<'static, RArc<()>>;
