//! What the host may ask of a plugin.

#![expect(unsafe_code, reason = "abi_stable's macros write unsafe code")]
#![expect(missing_debug_implementations, reason = "vtables and pointers to them: nothing to show")]
#![expect(non_camel_case_types, reason = "abi_stable's name for the pointer to a prefix type")]
#![expect(non_local_definitions, reason = "abi_stable's sabi_trait writes its impls inside a const")]

use super::{FfiAccepted, FfiEvent, FfiMessage, FfiReceiptRequest, FfiResult, HostApiBox};
use abi_stable::{
    StableAbi,
    library::RootModule,
    package_version_strings, sabi_trait,
    sabi_types::VersionStrings,
    std_types::{RBox, ROption, RResult, RString, RVec},
};
use async_ffi::FfiFuture;

// What each minor version appends stands behind what the one before had.
macro_rules! raw_provider {
    (minor 1 $($appended:tt)*) => {
        raw_provider! { minor 0
            /// What the provider counts and measures: a JSON list of [`Figure`](crate::Figure)s, or empty. May be called at any time;
            /// dropping the future ends it.
            fn figures(&self) -> FfiFuture<FfiResult<RString>> {
                FfiFuture::new(std::future::ready(RResult::ROk(RString::new())))
            }

            $($appended)*
        }
    };
    (minor 0 $($appended:tt)*) => {
        /// A provider built from one gateway definition. None of its calls panics; dropping it stops what it runs.
        #[sabi_trait]
        pub trait RawProvider: Send + Sync {
            /// Binds and fills pools. Called once; submits do not wait for it.
            fn start(&self) -> FfiFuture<FfiResult<()>>;

            /// Hands one message to the service. Dropping the future cancels it.
            fn submit(&self, message: FfiMessage) -> FfiFuture<FfiResult<FfiAccepted>>;

            /// Contacts the service without sending a message; one line for people.
            fn probe(&self) -> FfiFuture<FfiResult<RString>>;

            /// The receipts in a request that the service posted.
            fn parse_receipt(&self, request: FfiReceiptRequest) -> FfiResult<RVec<FfiEvent>>;

            /// The longest that a submit takes by the provider's own account, in milliseconds.
            fn total_timeout(&self) -> ROption<u64>;

            /// Ends connections in an orderly way. No submit follows.
            #[sabi(last_prefix_field)]
            fn stop(&self) -> FfiFuture<()>;

            $($appended)*
        }
    };
}

#[cfg(all(feature = "minor-0", not(feature = "next-minor")))]
raw_provider! { minor 0 }

#[cfg(not(any(feature = "minor-0", feature = "next-minor")))]
raw_provider! { minor 1 }

#[cfg(feature = "next-minor")]
raw_provider! { minor 1
    /// A stand-in for what a later minor version appends.
    fn in_flight(&self) -> u64 {
        0
    }
}

/// A [`RawProvider`] as it crosses the boundary.
pub type RawProviderBox = RawProvider_TO<'static, RBox<()>>;

/// A provider that was built.
#[repr(C)]
#[derive(StableAbi)]
pub struct FfiCreated {
    /// The provider.
    pub provider: RawProviderBox,
    /// JSON list of [`Problem`](crate::Problem)s, all of them warnings; or empty.
    pub warnings: RString,
    /// JSON object or empty.
    pub ext: RString,
}

macro_rules! provider_module {
    ($($appended:tt)*) => {
        /// The functions that a library exports. None of them panics.
        #[repr(C)]
        #[derive(StableAbi)]
        #[sabi(kind(Prefix(prefix_ref = ProviderModule_Ref, prefix_fields = ProviderModule_Prefix)))]
        #[sabi(missing_field(option))]
        pub struct ProviderModule {
            /// The provider's [`Declaration`](crate::Declaration), JSON.
            pub describe: extern "C" fn() -> FfiResult<RString>,

            /// Builds a provider from a [`Definition`](crate::Definition), JSON, that was checked against the declaration.
            /// No network. To be called on a thread that may block. The error is a JSON list of
            /// [`Problem`](crate::Problem)s.
            pub create: extern "C" fn(definition: RString, host: HostApiBox) -> RResult<FfiCreated, RString>,

            /// Ends the library's runtime, after every provider of it was dropped; what still runs is cut off after so many
            /// milliseconds. A later `create` starts another.
            #[sabi(last_prefix_field)]
            pub stop_runtime: extern "C" fn(deadline_ms: u64),

            $($appended)*
        }
    };
}

#[cfg(not(feature = "next-minor"))]
provider_module! {}

#[cfg(feature = "next-minor")]
provider_module! {
    /// A stand-in for what a later minor version appends.
    pub built_at: extern "C" fn() -> u64,
}

impl RootModule for ProviderModule_Ref {
    abi_stable::declare_root_module_statics! {ProviderModule_Ref}
    const BASE_NAME: &'static str = "gatepost_provider";
    const NAME: &'static str = "gatepost_provider";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}
