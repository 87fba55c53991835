//! Any bytes as the body of a deliver_sm: `cargo +nightly fuzz run deliver` in `plugins/smpp`.

#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    let Ok(length) = u32::try_from(body.len() + 16) else { return };
    let mut stream = length.to_be_bytes().to_vec();
    // deliver_sm, no status, a sequence number.
    stream.extend([0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 1]);
    stream.extend(body);
    gatepost_provider_smpp::read_stream(&stream);
});
