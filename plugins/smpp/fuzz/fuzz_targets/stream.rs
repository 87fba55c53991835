//! Any bytes as the stream of an SMSC: `cargo +nightly fuzz run stream` in `plugins/smpp`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gatepost_provider_smpp::read_stream(bytes);
});
