//! The one line that makes a library a provider: [`export_provider!`](crate::export_provider), and the
//! entry points behind it.

#![expect(unsafe_code, reason = "abi_stable's header can only be made so")]

use super::{
    adapter::Adapter,
    context::{Context, log_panic},
    guard::{guarded, install_hook},
    message::SubmitError,
    provider::Provider,
    runtime,
};
use crate::{
    Definition, Problem, Section,
    abi::{FfiCreated, FfiResult, HostApiBox, RawProvider_TO},
};
use abi_stable::{
    erased_types::TD_Opaque,
    std_types::{RErr, ROk},
};
use std::time::Duration;

pub use crate::abi::{
    FfiCreated as Created, FfiResult as CallResult, HostApiBox as Host, ProviderModule, ProviderModule_Ref,
    ProviderProbe,
};
pub use abi_stable::{
    library::{__call_root_module_loader as call_loader, CheckTypeLayout, LibHeader, RootModuleResult},
    prefix_type::PrefixTypeTrait,
    std_types::{RResult, RString},
};

// The macro needs the name as a literal; should abi_stable ever change it, this does not compile.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler; a slice has no get in a const")]
const _: () = {
    let (theirs, ours) = (abi_stable::library::ROOT_MODULE_LOADER_NAME.as_bytes(), LOADER_NAME.as_bytes());
    assert!(theirs.len() == ours.len());
    let mut at = 0;
    while at < ours.len() {
        assert!(theirs[at] == ours[at]);
        at += 1;
    }
};
const LOADER_NAME: &str = "_1as_0lib_1header_0root_bmodule_bloader";

/// The provider's declaration, JSON.
pub fn describe<P: Provider>() -> FfiResult<RString> {
    install_hook(P::NAME);
    match guarded(|| serde_json::to_string(&P::declaration())) {
        Ok(Ok(json)) => ROk(json.into()),
        Ok(Err(error)) => RErr(SubmitError::misconfigured(error.to_string()).into()),
        Err(panicked) => {
            let detail = format!("the provider panicked in declaration, at {}", panicked.place);
            RErr(SubmitError::misconfigured(detail).into())
        }
    }
}

/// Builds a provider. `root` is the author's crate, whose log events are forwarded at every level.
pub fn create<P: Provider>(
    definition: RString,
    host: HostApiBox,
    root: &'static str,
) -> RResult<FfiCreated, RString> {
    install_hook(P::NAME);
    #[cfg(feature = "tls")]
    // Per library, since each has its own rustls; that another caller was first is no error.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    match build::<P>(&definition, host, root.split("::").next().unwrap_or(root)) {
        Ok(created) => ROk(created),
        Err(problems) => RErr(serde_json::to_string(&problems).unwrap_or_default().into()),
    }
}

fn build<P: Provider>(
    definition: &str,
    host: HostApiBox,
    root: &'static str,
) -> Result<FfiCreated, Vec<Problem>> {
    let whole = |what: String, mend: &str| vec![Problem::new(Section::Definition, "", what, mend)];
    let definition: Definition = serde_json::from_str(definition).map_err(|error| {
        whole(
            format!("the definition can't be read: {error}"),
            "use versions of host and provider that fit together",
        )
    })?;
    let runtime = runtime::handle(P::NAME).map_err(|error| {
        whole(format!("no runtime can be started: {error}"), "raise the limit of threads")
    })?;
    let context = Context::new(definition.gateway.clone(), host, runtime, root);
    let created = context.enter(|| {
        let author = context.clone();
        guarded(|| P::create(definition, author)).map_err(|panicked| {
            log_panic("when it was created", &panicked);
            let what = format!("the provider panicked when it was created, at {}", panicked.place);
            vec![Problem::provider_fault(
                what,
                "report it to the provider's author, or change the definition",
            )]
        })
    });
    let provider = created??;
    let warnings = context.take_warnings();
    let warnings = if warnings.is_empty() {
        String::new()
    } else {
        serde_json::to_string(&warnings).unwrap_or_default()
    };
    Ok(FfiCreated {
        provider: RawProvider_TO::from_value(Adapter::new(provider, context), TD_Opaque),
        warnings: warnings.into(),
        ext: RString::new(),
    })
}

/// Ends the library's runtime.
pub fn stop_runtime(deadline_ms: u64) {
    // A panic here could only be tokio's; it must not cross either.
    drop(guarded(|| runtime::stop(Duration::from_millis(deadline_ms))));
}

/// Makes this library a Gatepost provider: `export_provider!(MyProvider);`, once, at the crate's root. The crate
/// must be a `cdylib` and unwind on panic, which is the default.
#[macro_export]
macro_rules! export_provider {
    ($provider:ty) => {
        const _: () = {
            use $crate::sdk::export as gatepost;

            extern "C" fn describe() -> gatepost::CallResult<gatepost::RString> {
                gatepost::describe::<$provider>()
            }

            extern "C" fn create(
                definition: gatepost::RString,
                host: gatepost::Host,
            ) -> gatepost::RResult<gatepost::Created, gatepost::RString> {
                gatepost::create::<$provider>(definition, host, ::core::module_path!())
            }

            extern "C" fn stop_runtime(deadline_ms: u64) {
                gatepost::stop_runtime(deadline_ms)
            }

            fn module() -> gatepost::ProviderModule_Ref {
                gatepost::PrefixTypeTrait::leak_into_prefix(gatepost::module(describe, create, stop_runtime))
            }

            extern "C" fn constructor() -> gatepost::RootModuleResult {
                gatepost::call_loader(module)
            }

            #[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
            static HEADER: gatepost::LibHeader = gatepost::header(constructor);

            #[unsafe(export_name = "gatepost_provider_probe")]
            static PROBE: gatepost::ProviderProbe = gatepost::ProviderProbe::new(
                <$provider as $crate::Provider>::NAME,
                ::core::env!("CARGO_PKG_VERSION"),
            );
        };
    };
}

type Describe = extern "C" fn() -> FfiResult<RString>;
type Create = extern "C" fn(RString, HostApiBox) -> RResult<FfiCreated, RString>;

/// The exported functions as one value, so that the macro need not know what this version appends.
pub fn module(describe: Describe, create: Create, stop_runtime: extern "C" fn(u64)) -> ProviderModule {
    ProviderModule {
        describe,
        create,
        stop_runtime,
        #[cfg(feature = "next-minor")]
        built_at: {
            extern "C" fn built_at() -> u64 {
                0
            }
            built_at
        },
    }
}

/// abi_stable's header around the constructor of the module.
pub const fn header(constructor: extern "C" fn() -> RootModuleResult) -> LibHeader {
    // SAFETY: `constructor` builds a `ProviderModule_Ref`, by `call_loader` alone.
    unsafe { LibHeader::from_constructor::<ProviderModule_Ref>(constructor, CheckTypeLayout::Yes) }
}
