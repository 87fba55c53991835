//! Opens a private copy and makes sure, before any function of it is called, that it is a provider that fits this host.

#![expect(unsafe_code, reason = "dlopen, and reading the symbols of a foreign library")]

use super::{registry::Refusal, verify::PrivateCopy};
use abi_stable::{
    abi_stability::{
        abi_checking::{AbiInstability, AbiInstabilityErrors, check_layout_compatibility},
        stable_abi_trait::StableAbi,
    },
    library::{AbiHeaderRef, ROOT_MODULE_LOADER_NAME_WITH_NUL},
};
use gatepost_provider_api::abi::{
    API_MAJOR, API_MINOR, PROBE_MAGIC, PROBE_SYMBOL, ProviderModule_Ref, ProviderProbe,
};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use std::{cmp::Ordering, error::Error as _};

/// What a library says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Name of the provider.
    pub name: String,
    /// Version of the plugin, by its own counting.
    pub version: String,
    /// Major and minor version of the provider API that it was built for.
    pub api: (u16, u16),
    /// The compiler that built it.
    pub rustc: String,
}

/// An opened library that fits.
pub(super) struct Opened {
    pub(super) identity: Identity,
    pub(super) module: ProviderModule_Ref,
}

/// A library that was refused, and what it said of itself before that, if anything.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) refusal: Refusal,
    pub(super) identity: Option<Identity>,
}

impl Refused {
    pub(super) fn new(refusal: Refusal, identity: Option<Identity>) -> Box<Self> {
        Box::new(Self { refusal, identity })
    }
}

/// Opens `copy`. The library is never unloaded: its threads and its statics live as long as the process.
///
/// # Errors
/// Why it is refused.
pub(super) fn open(copy: &PrivateCopy) -> Result<Opened, Box<Refused>> {
    // SAFETY: runs the library's constructors. The file was verified: only root or this user could have written it.
    let library = unsafe { Library::open(Some(&copy.path), RTLD_NOW | RTLD_LOCAL) }.map_err(|error| {
        // The loader's own words are the source, and they begin with the path of the copy, which says nothing to anybody.
        let reason = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        let reason = reason.replace(&format!("{}: ", copy.path.display()), "");
        let mend = "put a provider built for this machine there, or remove it";
        Refused::new(Refusal::new(format!("it can't be opened: {reason}"), mend), None)
    })?;
    // Unloading would run its destructors, and what it left running would run into nothing.
    let library: &'static Library = Box::leak(Box::new(library));

    let (identity, panics) = read_probe(library).map_err(|refusal| Refused::new(refusal, None))?;
    let refuse = |refusal| Refused::new(refusal, Some(identity.clone()));
    if identity.api.0 != API_MAJOR {
        return Err(refuse(Refusal::new(
            format!(
                "it was built for provider API {}.{}, this host speaks {API_MAJOR}.x",
                identity.api.0, identity.api.1
            ),
            format!(
                "rebuild it with gatepost-provider-api {API_MAJOR}.x, or use a host that speaks {}.x",
                identity.api.0
            ),
        )));
    }
    if panics != "unwind" {
        return Err(refuse(Refusal::new(
            "it was built with panic = \"abort\": a panic in it would end the host",
            "rebuild it with panic = \"unwind\", the default",
        )));
    }
    if !is_provider_name(&identity.name) {
        return Err(refuse(Refusal::new(
            format!("its provider name {:?} is no name", identity.name),
            "a provider name has lower-case letters, digits and hyphens; have its author mend it",
        )));
    }
    let module = root_module(library, &identity).map_err(refuse)?;
    Ok(Opened { identity, module })
}

fn is_provider_name(name: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= 64
        && name.bytes().next().is_some_and(letters)
        && name.bytes().all(|byte| letters(byte) || byte == b'-')
}

fn read_probe(library: &'static Library) -> Result<(Identity, &'static str), Refusal> {
    let stranger = || {
        Refusal::new(
            format!("it is no Gatepost provider: it has no symbol {PROBE_SYMBOL}"),
            "put only providers into this folder, each with its `export_provider!` line",
        )
    };
    let broken = || {
        Refusal::new(
            "it is no Gatepost provider: its probe is broken",
            "rebuild it with a released gatepost-provider-api",
        )
    };
    // SAFETY: the symbol, if it is there, is data of our own format, which its first bytes prove.
    let symbol = unsafe { library.get::<*const ProviderProbe>(PROBE_SYMBOL) }.map_err(|_| stranger())?;
    let probe: *const ProviderProbe = *symbol;
    if probe.is_null() || !probe.is_aligned() {
        return Err(broken());
    }
    // SAFETY: the magic is the first field and bytes alone; nothing beyond it is read before it was compared.
    if unsafe { (*probe).magic } != PROBE_MAGIC {
        return Err(broken());
    }
    // SAFETY: the magic says that this is a probe; the size stands behind it in every version.
    if (unsafe { (*probe).size } as usize) < size_of::<ProviderProbe>() {
        return Err(broken());
    }
    // SAFETY: the probe is at least as large as ours, static, and the library is never unloaded.
    let probe: &'static ProviderProbe = unsafe { &*probe };
    // SAFETY: as above.
    let texts =
        unsafe { (probe.name.read(), probe.version.read(), probe.rustc.read(), probe.panic_strategy.read()) };
    let (Some(name), Some(version), Some(rustc), Some(panics)) = texts else { return Err(broken()) };
    let printable = |text: &str| text.chars().filter(|character| !character.is_control()).collect::<String>();
    let identity = Identity {
        name: printable(name),
        version: printable(version),
        api: (probe.api_major, probe.api_minor),
        rustc: printable(rustc),
    };
    Ok((identity, panics))
}

fn root_module(library: &'static Library, identity: &Identity) -> Result<ProviderModule_Ref, Refusal> {
    let incompatible = |reason: String| {
        Refusal::new(
            format!(
                "its binary layout does not fit this host ({reason}; it was built for provider API {}.{} by {})",
                identity.api.0, identity.api.1, identity.rustc
            ),
            "rebuild it with a released gatepost-provider-api",
        )
    };
    // SAFETY: abi_stable's header, exported beside our probe by `export_provider!`; its own magic is checked by `upgrade`.
    let header = unsafe { library.get::<AbiHeaderRef>(ROOT_MODULE_LOADER_NAME_WITH_NUL.as_bytes()) }
        .map_err(|_| incompatible("it exports no module".into()))?;
    let header = header.upgrade().map_err(|error| incompatible(one_line(&error.to_string())))?;
    let ours = <ProviderModule_Ref as StableAbi>::LAYOUT;
    let theirs = header.layout().ok_or_else(|| incompatible("it exports no layout".into()))?;
    // abi_stable's check lets only the found side have more fields than the expected one. Of an older plugin in a newer host it is
    // the host that has more: the same check, its arguments swapped.
    let checked = match identity.api.1.cmp(&API_MINOR) {
        Ordering::Less => check_layout_compatibility(theirs, ours),
        Ordering::Equal | Ordering::Greater => check_layout_compatibility(ours, theirs),
    };
    checked.map_err(|errors| incompatible(summary(&errors)))?;
    // SAFETY: the layouts were compared above.
    unsafe { header.init_root_module_with_unchecked_layout::<ProviderModule_Ref>() }
        .map_err(|error| incompatible(one_line(&error.to_string())))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().take(40).collect::<Vec<_>>().join(" ")
}

/// The first mismatches; abi_stable's own report has 30 kB.
fn summary(errors: &AbiInstabilityErrors) -> String {
    let mut reasons = errors
        .errors
        .iter()
        .flat_map(|error| {
            let place =
                error.stack_trace.iter().next_back().map(|at| one_line(&format!("{:?}", at.expected)));
            let place = place.unwrap_or_else(|| "the module".into()).chars().take(60).collect::<String>();
            error.errs.iter().map(move |reason| format!("{} in {place}", mismatch(reason)))
        })
        .collect::<Vec<_>>();
    reasons.dedup();
    let more = reasons.len().saturating_sub(2);
    reasons.truncate(2);
    let rest = if more > 0 { format!(", and {more} more") } else { String::new() };
    reasons.join(", ") + &rest
}

fn mismatch(reason: &AbiInstability) -> String {
    match reason {
        AbiInstability::FieldCountMismatch(count) => {
            format!("{} fields in place of {}", count.found, count.expected)
        }
        AbiInstability::Size(size) => format!("{} bytes in place of {}", size.found, size.expected),
        AbiInstability::UnexpectedField(field) => {
            format!("field {} in place of {}", field.found.name(), field.expected.name())
        }
        other => {
            // The variant's name alone: what stands in it is a whole type layout.
            let text = format!("{other:?}");
            text.split(|character: char| !character.is_alphanumeric())
                .next()
                .unwrap_or("a mismatch")
                .to_owned()
        }
    }
}
