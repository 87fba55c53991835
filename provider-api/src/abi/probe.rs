//! The plain C value that a loader reads before anything else. Frozen.

#![expect(unsafe_code, reason = "reads a foreign library's static data")]

use std::slice;

/// The first bytes of every probe.
pub const PROBE_MAGIC: [u8; 8] = *b"GATEPOST";

/// The symbol under which a plugin exports its probe, a static [`ProviderProbe`].
pub const PROBE_SYMBOL: &str = "gatepost_provider_probe";

/// Longest text of a probe that is read; what is longer is a broken probe.
const TEXT_LIMIT: usize = 256;

/// A static UTF-8 text without a terminator.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ProbeText {
    start: *const u8,
    length: usize,
}

impl ProbeText {
    /// The text, as a C value.
    pub const fn new(text: &'static str) -> Self {
        Self { start: text.as_ptr(), length: text.len() }
    }

    /// The text; `None` if it is no UTF-8 or longer than a probe's texts may be.
    ///
    /// # Safety
    /// It must come from a probe with the right magic and size in a library that stays loaded.
    pub unsafe fn read(&self) -> Option<&'static str> {
        if self.start.is_null() || self.length > TEXT_LIMIT {
            return None;
        }
        // SAFETY: the caller vouches for the probe; its texts are static data of a library that stays loaded.
        let bytes = unsafe { slice::from_raw_parts(self.start, self.length) };
        std::str::from_utf8(bytes).ok()
    }
}

/// What a plugin says of itself before any of its code is called.
#[repr(C)]
#[derive(Debug)]
pub struct ProviderProbe {
    /// [`PROBE_MAGIC`].
    pub magic: [u8; 8],
    /// Size of this struct in bytes; a later version may append fields.
    pub size: u32,
    /// Provider API that the plugin was built for: major version.
    pub api_major: u16,
    /// Provider API that the plugin was built for: minor version.
    pub api_minor: u16,
    /// Name of the provider.
    pub name: ProbeText,
    /// Version of the plugin, by its own counting.
    pub version: ProbeText,
    /// `rustc --version` of the compiler that built it.
    pub rustc: ProbeText,
    /// `unwind` or `abort`.
    pub panic_strategy: ProbeText,
}

// SAFETY: immutable static data.
unsafe impl Sync for ProviderProbe {}

impl ProviderProbe {
    /// The probe of a provider called `name` in its own version `version`, built by this compilation.
    pub const fn new(name: &'static str, version: &'static str) -> Self {
        Self {
            magic: PROBE_MAGIC,
            size: size_of::<Self>() as u32,
            api_major: super::API_MAJOR,
            api_minor: super::API_MINOR,
            name: ProbeText::new(name),
            version: ProbeText::new(version),
            rustc: ProbeText::new(env!("GATEPOST_PROVIDER_RUSTC")),
            panic_strategy: ProbeText::new(if cfg!(panic = "unwind") { "unwind" } else { "abort" }),
        }
    }
}
